/* Members are written in the order of live captures. One fact to know: what is absent is left out in
 * payload 2.0 and null in 1.0. */
#include "emulator/gateway/event.h"

#include "emulator/gateway/event_context.h"
#include "emulator/gateway/event_parts.h"
#include "emulator/gateway/headers.h"
#include "proxy/base/encode.h"
#include "proxy/base/ids.h"

void event_trace_id(const struct http_request *http, int64_t now_ms, char out[EVENT_TRACE_LEN])
{
	struct span given = http_header_get(http, "x-amzn-trace-id");
	if (span_starts(given, SPAN("Root=1-")) && given.len < EVENT_TRACE_LEN) {
		memcpy(out, given.ptr, given.len);
		out[given.len] = '\0';
		return;
	}
	uint32_t seconds = htobe32((uint32_t)(now_ms / 1000));
	struct buf text = buf_on(out, EVENT_TRACE_LEN);
	EVENT_LIT(&text, "Root=1-");
	hex_encode(&text, span_n((const char *)&seconds, sizeof seconds));
	EVENT_LIT(&text, "-");
	id_random(out + text.len, 24, ID_HEX);
}

/* --- payload 2.0 ---------------------------------------------------------------------------- */

static bool is_cookie(const struct http_header *h)
{
	return span_is(h->name, "cookie");
}

static void add_cookies(const struct http_header *h, size_t n, struct buf *out)
{
	EVENT_LIT(out, ",\"cookies\":[");
	bool first = true;
	for (size_t i = 0; i < n; i++) {
		struct span rest = h[i].value;
		while (rest.ptr) {
			struct span cookie = span_trim(span_cut(&rest, ';'));
			if (cookie.len) {
				if (!first) {
					EVENT_LIT(out, ",");
				}
				json_add_string(out, cookie);
				first = false;
			}
		}
	}
	EVENT_LIT(out, "]");
}

static void add_headers_v2(const struct event_input *in, struct buf *out)
{
	struct http_header *h;
	size_t n = event_headers(in, &h);
	for (size_t i = 0; i < n; i++) {
		if (is_cookie(&h[i])) {
			size_t same = event_group(h, n, i);
			add_cookies(h + i, same, out);
			if (!in->function_url) {
				memmove(h + i, h + i + same, (n - i - same) * sizeof *h);
				n -= same;
			}
			break;
		}
	}
	EVENT_LIT(out, ",\"headers\":");
	event_add_pairs(out, in->http->arena, h, n, EVENT_JOINED);
}

/* All of payload 2.0 up to the body; the opening brace is written. */
static void add_request_v2(const struct event_input *in, struct buf *out)
{
	const struct http_request *http = in->http;
	struct span path = event_path(in);
	EVENT_STR(out, "\"routeKey\":", span_of(in->route_key));
	EVENT_STR(out, ",\"rawPath\":", in->function_url ? http->path : path);
	EVENT_STR(out, ",\"rawQueryString\":", http->query);
	add_headers_v2(in, out);
	struct http_header *query;
	size_t n = query_pairs(http->arena, http->query, &query);
	if (n) {
		EVENT_LIT(out, ",\"queryStringParameters\":");
		event_add_pairs(out, http->arena, query, n, EVENT_JOINED);
	}
	event_add_context_v2(in, path, out);
	if (in->n_params) {
		EVENT_LIT(out, ",\"pathParameters\":");
		event_add_params(in, out);
	}
	if (in->n_variables) {
		EVENT_LIT(out, ",\"stageVariables\":");
		event_add_variables(in, out);
	}
}

static void write_v2(const struct event_input *in, struct buf *out)
{
	EVENT_LIT(out, "{\"version\":\"2.0\",");
	add_request_v2(in, out);
	if (in->http->body.len) {
		EVENT_LIT(out, ",\"body\":");
		event_add_body(in, out);
		EVENT_LIT(out, "}");
	} else {
		EVENT_LIT(out, ",\"isBase64Encoded\":false}");
	}
}

/* --- payload 1.0 ---------------------------------------------------------------------------- */

static void add_request_v1(const struct event_input *in, struct buf *out)
{
	EVENT_STR(out, "\"resource\":", span_of(in->resource));
	EVENT_STR(out, ",\"path\":", in->http->path);
	EVENT_STR(out, ",\"httpMethod\":", in->http->method);
}

static size_t canonical_headers(const struct event_input *in, struct http_header **out)
{
	size_t n = event_headers(in, out);
	for (size_t i = 0; i < n; i++) {
		(*out)[i].name = header_canonical(in->http->arena, (*out)[i].name);
	}
	return n;
}

static void write_v1(const struct event_input *in, struct buf *out)
{
	struct arena *arena = in->http->arena;
	struct http_header *h;
	size_t n = canonical_headers(in, &h);
	EVENT_LIT(out, "{\"version\":\"1.0\",");
	add_request_v1(in, out);
	EVENT_LIT(out, ",\"headers\":");
	event_add_pairs(out, arena, h, n, EVENT_LAST);
	EVENT_LIT(out, ",\"multiValueHeaders\":");
	event_add_pairs(out, arena, h, n, EVENT_ALL);
	n = query_pairs(arena, in->http->query, &h);
	if (n) {
		EVENT_LIT(out, ",\"queryStringParameters\":");
		event_add_pairs(out, arena, h, n, EVENT_LAST);
		EVENT_LIT(out, ",\"multiValueQueryStringParameters\":");
		event_add_pairs(out, arena, h, n, EVENT_ALL);
	} else {
		EVENT_LIT(out, ",\"queryStringParameters\":null,"
			       "\"multiValueQueryStringParameters\":null");
	}
	event_add_context_v1(in, out);
	EVENT_LIT(out, ",\"pathParameters\":");
	if (in->n_params) {
		event_add_params(in, out);
	} else {
		EVENT_LIT(out, "null");
	}
	EVENT_LIT(out, ",\"stageVariables\":");
	if (in->n_variables) {
		event_add_variables(in, out);
	} else {
		EVENT_LIT(out, "null");
	}
	EVENT_LIT(out, ",\"body\":");
	if (in->http->body.len) {
		event_add_body(in, out);
		EVENT_LIT(out, "}");
	} else {
		EVENT_LIT(out, "null,\"isBase64Encoded\":false}");
	}
}

void event_write(const struct event_input *in, bool v2, struct buf *out)
{
	(v2 ? write_v2 : write_v1)(in, out);
}

/* --- Lambda authorizers ---------------------------------------------------------------------- */

static void write_authorizer_v2(const struct event_input *in, struct span arn,
	const struct span *sources, size_t n_sources, struct buf *out)
{
	EVENT_STR(out, "{\"version\":\"2.0\",\"type\":\"REQUEST\",\"routeArn\":", arn);
	/* Absent or null when no source is configured is unconfirmed: null, as typed readers take. */
	if (n_sources) {
		for (size_t i = 0; i < n_sources; i++) {
			buf_add_str(out, i ? "," : ",\"identitySource\":[");
			json_add_string(out, sources[i]);
		}
		EVENT_LIT(out, "],");
	} else {
		EVENT_LIT(out, ",\"identitySource\":null,");
	}
	add_request_v2(in, out);
	EVENT_LIT(out, "}");
}

static struct span joined_sources(struct arena *arena, const struct span *sources, size_t n)
{
	struct http_header *pairs = arena_alloc(arena, (n + 1) * sizeof *pairs);
	for (size_t i = 0; i < n; i++) {
		pairs[i].value = sources[i];
	}
	return n ? event_joined(arena, pairs, n) : SPAN("");
}

static void write_authorizer_v1(const struct event_input *in, struct span arn,
	const struct span *sources, size_t n_sources, struct buf *out)
{
	struct arena *arena = in->http->arena;
	struct span source = joined_sources(arena, sources, n_sources);
	EVENT_STR(out, "{\"version\":\"1.0\",\"type\":\"REQUEST\",\"methodArn\":", arn);
	EVENT_STR(out, ",\"identitySource\":", source);
	EVENT_STR(out, ",\"authorizationToken\":", source);
	EVENT_LIT(out, ",");
	add_request_v1(in, out);
	struct http_header *h;
	size_t n = canonical_headers(in, &h);
	EVENT_LIT(out, ",\"headers\":");
	event_add_pairs(out, arena, h, n, EVENT_LAST);
	n = query_pairs(arena, in->http->query, &h);
	EVENT_LIT(out, ",\"queryStringParameters\":");
	event_add_pairs(out, arena, h, n, EVENT_LAST);
	EVENT_LIT(out, ",\"pathParameters\":");
	event_add_params(in, out);
	EVENT_LIT(out, ",\"stageVariables\":");
	event_add_variables(in, out);
	event_add_context_v1(in, out);
	EVENT_LIT(out, "}");
}

void event_write_authorizer(const struct event_input *in, bool v2, struct span arn,
	const struct span *sources, size_t n_sources, struct buf *out)
{
	struct event_input anonymous = *in;
	anonymous.verdict = NULL;
	(v2 ? write_authorizer_v2 : write_authorizer_v1)(&anonymous, arn, sources, n_sources, out);
}
