/* Members are written in the order of live captures. Two facts to know: in payload 2.0 what is absent
 * is left out, in 1.0 it is null; and names repeat in requests, so headers and query are sorted
 * first and written group by group. */
#include "emulator/gateway/event.h"

#include "emulator/gateway/headers.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/json.h"

#define LIT(out, text) buf_add(out, "" text, sizeof(text) - 1)

/* ,"name": with the text given whole, then the string. */
#define STR(out, lead, value)                                                                      \
	do {                                                                                       \
		LIT(out, lead);                                                                    \
		json_add_string(out, value);                                                       \
	} while (0)

static void add_or_null(struct buf *out, const char *s)
{
	if (s) {
		json_add_string(out, span_of(s));
	} else {
		LIT(out, "null");
	}
}

/* --- what the gateway adds to the request -------------------------------------------------- */

struct span event_forwarded_for(const struct http_request *http)
{
	struct span own = http_header_get(http, "x-forwarded-for");
	if (!own.ptr || !own.len) {
		return span_of(http->peer);
	}
	/* That the peer is appended to what the client sent is unconfirmed; every proxy does so. */
	return span_of(arena_printf(http->arena, "%.*s, %s", SPAN_ARG(own), http->peer));
}

static bool usually_has_body(struct span method)
{
	return span_is(method, "POST") || span_is(method, "PUT") || span_is(method, "PATCH");
}

/* The request's headers as the integration sees them, lower case and sorted. cookie stays in. */
static size_t visible_headers(const struct event_input *in, struct http_header **out)
{
	const struct http_request *http = in->http;
	struct arena *arena = http->arena;
	struct http_header *h = arena_alloc(arena, (http->n_headers + 9) * sizeof *h);
	size_t n = 0;
	struct span trace = span_of(in->trace_id);
	bool typed = false;
	for (size_t i = 0; i < http->n_headers; i++) {
		struct span name = header_lower(arena, http->headers[i].name);
		if (header_is_hop_by_hop(name) || span_is(name, "content-length") ||
			span_is(name, "x-forwarded-for") || span_is(name, "x-forwarded-port") ||
			span_is(name, "x-forwarded-proto") || span_is(name, "x-amzn-trace-id")) {
			continue;
		}
		typed |= span_is(name, "content-type");
		h[n++] = (struct http_header){ name, http->headers[i].value };
	}
	h[n++] = (struct http_header){ SPAN("content-length"),
		span_of(arena_printf(arena, "%zu", http->body.len)) };
	h[n++] = (struct http_header){ SPAN("x-amzn-trace-id"), trace };
	h[n++] = (struct http_header){ SPAN("x-forwarded-for"), event_forwarded_for(http) };
	h[n++] = (struct http_header){ SPAN("x-forwarded-port"), SPAN("443") };
	h[n++] = (struct http_header){ SPAN("x-forwarded-proto"), SPAN("https") };
	if (!typed && !http->body.len && usually_has_body(http->method)) {
		h[n++] = (struct http_header){ SPAN("content-type"),
			SPAN("text/plain; charset=utf-8") };
	}
	if (in->function_url) {
		h[n++] = (struct http_header){ SPAN("x-amzn-tls-version"), SPAN("TLSv1.3") };
		h[n++] = (struct http_header){ SPAN("x-amzn-tls-cipher-suite"),
			SPAN("TLS_AES_128_GCM_SHA256") };
	}
	pairs_sort(arena, h, n);
	*out = h;
	return n;
}

/* The number of pairs from `at` on that share its name. */
static size_t group(const struct http_header *pairs, size_t n, size_t at)
{
	size_t end = at + 1;
	while (end < n && span_eq(pairs[end].name, pairs[at].name)) {
		end++;
	}
	return end - at;
}

static struct span joined(struct arena *arena, const struct http_header *pairs, size_t n)
{
	size_t len = n - 1;
	for (size_t i = 0; i < n; i++) {
		len += pairs[i].value.len;
	}
	char *text = arena_alloc(arena, len + 1);
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		if (i) {
			text[at++] = ',';
		}
		if (pairs[i].value.len) {
			memcpy(text + at, pairs[i].value.ptr, pairs[i].value.len);
		}
		at += pairs[i].value.len;
	}
	return span_n(text, len);
}

enum repeats { JOINED, LAST, ALL };

/* {"name":value,...}: repeats joined by commas, the last one, or all as an array. */
static void add_pairs(struct buf *out, struct arena *arena, const struct http_header *pairs,
	size_t n, enum repeats repeats)
{
	LIT(out, "{");
	for (size_t i = 0; i < n;) {
		size_t same = group(pairs, n, i);
		if (i) {
			LIT(out, ",");
		}
		json_add_string(out, pairs[i].name);
		LIT(out, ":");
		if (repeats == ALL) {
			for (size_t k = 0; k < same; k++) {
				buf_add_char(out, k ? ',' : '[');
				json_add_string(out, pairs[i + k].value);
			}
			LIT(out, "]");
		} else if (repeats == LAST || same == 1) {
			json_add_string(out, pairs[i + same - 1].value);
		} else {
			json_add_string(out, joined(arena, pairs + i, same));
		}
		i += same;
	}
	LIT(out, "}");
}

static void add_params(const struct event_input *in, struct buf *out)
{
	LIT(out, "{");
	for (size_t i = 0; i < in->n_params; i++) {
		if (i) {
			LIT(out, ",");
		}
		json_add_string(out, span_of(in->params[i].name));
		LIT(out, ":");
		json_add_string(out, decoded(in->http->arena, in->params[i].value, false));
	}
	LIT(out, "}");
}

static void add_variables(const struct event_input *in, struct buf *out)
{
	LIT(out, "{");
	for (size_t i = 0; i < in->n_variables; i++) {
		if (i) {
			LIT(out, ",");
		}
		json_add_string(out, span_of(in->variables[i].name));
		LIT(out, ":");
		json_add_string(out, span_of(in->variables[i].value));
	}
	LIT(out, "}");
}

/* --- body --------------------------------------------------------------------------------- */

static bool charset_is_utf8(struct span parameters)
{
	while (parameters.ptr) {
		struct span value = span_trim(span_cut(&parameters, ';'));
		struct span name = span_trim(span_cut(&value, '='));
		value = span_trim(value);
		if (!span_iis(name, "charset")) {
			continue;
		}
		if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
			value = span_n(value.ptr + 1, value.len - 2);
		}
		return span_iis(value, "utf-8");
	}
	return true;
}

/* application/..+json is unconfirmed: by the measured rule any type not listed is base64. */
bool event_body_is_text(struct span content_type)
{
	static const char *const texts[] = { "application/json", "application/xml",
		"application/javascript", "application/graphql" };
	struct span rest = content_type;
	struct span type = rest.ptr ? span_trim(span_cut(&rest, ';')) : SPAN("");
	bool text = type.len > 5 && span_iis(span_n(type.ptr, 5), "text/");
	for (size_t i = 0; i < COUNT_OF(texts) && !text; i++) {
		text = span_iis(type, texts[i]);
	}
	return text && charset_is_utf8(rest);
}

static void add_body(const struct event_input *in, struct buf *out)
{
	if (event_body_is_text(http_header_get(in->http, "content-type"))) {
		json_add_string(out, in->http->body);
		LIT(out, ",\"isBase64Encoded\":false");
	} else {
		LIT(out, "\"");
		base64_encode(out, in->http->body);
		LIT(out, "\",\"isBase64Encoded\":true");
	}
}

/* --- requestContext ------------------------------------------------------------------------ */

static void add_domain(const struct event_input *in, struct buf *out)
{
	struct span host = http_header_get(in->http, "host");
	size_t n = 0;
	while (n < host.len && host.ptr[n] != '.' && host.ptr[n] != ':') {
		n++;
	}
	STR(out, ",\"domainName\":", host);
	STR(out, ",\"domainPrefix\":", span_n(host.ptr, n));
}

static void add_amr(const struct auth_iam *iam, struct buf *out)
{
	LIT(out, "[");
	for (size_t i = 0; iam->amr && iam->amr[i]; i++) {
		if (i) {
			LIT(out, ",");
		}
		json_add_string(out, span_of(iam->amr[i]));
	}
	LIT(out, "]");
}

/* identity-and-auth.md 3.2: all seven members are always there. */
static void add_iam(const struct auth_iam *iam, struct buf *out)
{
	LIT(out, "{\"accessKey\":");
	add_or_null(out, iam->access_key);
	LIT(out, ",\"accountId\":");
	add_or_null(out, iam->account_id);
	LIT(out, ",\"callerId\":");
	add_or_null(out, iam->caller_id);
	if (iam->identity_id) {
		LIT(out, ",\"cognitoIdentity\":{\"amr\":");
		add_amr(iam, out);
		LIT(out, ",\"identityId\":");
		add_or_null(out, iam->identity_id);
		LIT(out, ",\"identityPoolId\":");
		add_or_null(out, iam->identity_pool_id);
		LIT(out, "}");
	} else {
		LIT(out, ",\"cognitoIdentity\":null");
	}
	LIT(out, ",\"principalOrgId\":");
	add_or_null(out, iam->principal_org_id);
	LIT(out, ",\"userArn\":");
	add_or_null(out, iam->user_arn);
	LIT(out, ",\"userId\":");
	add_or_null(out, iam->user_id);
	LIT(out, "}");
}

static struct span or_null(struct span json)
{
	return json.len ? json : SPAN("null");
}

static void add_jwt(const struct auth_verdict *v, struct buf *out)
{
	LIT(out, "{\"claims\":");
	buf_add_span(out, or_null(v->claims));
	LIT(out, ",\"scopes\":");
	buf_add_span(out, or_null(v->scopes));
	LIT(out, "}");
}

static void add_authorizer_v2(const struct event_input *in, struct buf *out)
{
	const struct auth_verdict *v = in->verdict;
	if (!v || v->kind == MODEL_AUTH_NONE) {
		return;
	}
	if (v->kind == MODEL_AUTH_IAM) {
		LIT(out, ",\"authorizer\":{\"iam\":");
		add_iam(&v->iam, out);
	} else if (v->kind == MODEL_AUTH_JWT) {
		LIT(out, ",\"authorizer\":{\"jwt\":");
		add_jwt(v, out);
	} else {
		LIT(out, ",\"authorizer\":{\"lambda\":");
		buf_add_span(out, or_null(v->context));
	}
	LIT(out, "}");
}

/* rawPath and http.path. The service's decoded path ends at a decoded '?' (reference 1.4). */
static struct span decoded_path(const struct event_input *in)
{
	struct span path = decoded(in->http->arena, in->http->path, false);
	ptrdiff_t cut = in->function_url ? -1 : span_find(path, '?');
	return cut >= 0 ? span_n(path.ptr, (size_t)cut) : path;
}

static void add_context_v2(const struct event_input *in, struct span path, struct buf *out)
{
	const struct http_request *http = in->http;
	char time[27];
	time_clf(time, in->now_ms);
	STR(out, ",\"requestContext\":{\"accountId\":", span_of(in->account));
	STR(out, ",\"apiId\":", span_of(in->api_id));
	add_authorizer_v2(in, out);
	add_domain(in, out);
	STR(out, ",\"http\":{\"method\":", http->method);
	STR(out, ",\"path\":", path);
	STR(out, ",\"protocol\":\"HTTP/1.1\",\"sourceIp\":", span_of(http->peer));
	STR(out, ",\"userAgent\":", http_header_get(http, "user-agent"));
	STR(out, "},\"requestId\":", span_of(in->request_id));
	STR(out, ",\"routeKey\":", span_of(in->route_key));
	STR(out, ",\"stage\":", span_of(in->stage));
	STR(out, ",\"time\":", span_of(time));
	LIT(out, ",\"timeEpoch\":");
	buf_add_u64(out, (uint64_t)in->now_ms);
	LIT(out, "}");
}

/* --- payload 2.0 ---------------------------------------------------------------------------- */

static bool is_cookie(const struct http_header *h)
{
	return span_is(h->name, "cookie");
}

static void add_cookies(const struct http_header *h, size_t n, struct buf *out)
{
	LIT(out, ",\"cookies\":[");
	bool first = true;
	for (size_t i = 0; i < n; i++) {
		struct span rest = h[i].value;
		while (rest.ptr) {
			struct span cookie = span_trim(span_cut(&rest, ';'));
			if (cookie.len) {
				if (!first) {
					LIT(out, ",");
				}
				json_add_string(out, cookie);
				first = false;
			}
		}
	}
	LIT(out, "]");
}

static void add_headers_v2(const struct event_input *in, struct buf *out)
{
	struct http_header *h;
	size_t n = visible_headers(in, &h);
	for (size_t i = 0; i < n; i++) {
		if (is_cookie(&h[i])) {
			size_t same = group(h, n, i);
			add_cookies(h + i, same, out);
			if (!in->function_url) {
				memmove(h + i, h + i + same, (n - i - same) * sizeof *h);
				n -= same;
			}
			break;
		}
	}
	LIT(out, ",\"headers\":");
	add_pairs(out, in->http->arena, h, n, JOINED);
}

/* All of payload 2.0 up to the body; the opening brace is written. */
static void add_request_v2(const struct event_input *in, struct buf *out)
{
	const struct http_request *http = in->http;
	struct span path = decoded_path(in);
	STR(out, "\"routeKey\":", span_of(in->route_key));
	STR(out, ",\"rawPath\":", in->function_url ? http->path : path);
	STR(out, ",\"rawQueryString\":", http->query);
	add_headers_v2(in, out);
	struct http_header *query;
	size_t n = query_pairs(http->arena, http->query, &query);
	if (n) {
		LIT(out, ",\"queryStringParameters\":");
		add_pairs(out, http->arena, query, n, JOINED);
	}
	add_context_v2(in, path, out);
	if (in->n_params) {
		LIT(out, ",\"pathParameters\":");
		add_params(in, out);
	}
	if (in->n_variables) {
		LIT(out, ",\"stageVariables\":");
		add_variables(in, out);
	}
}

static void write_v2(const struct event_input *in, struct buf *out)
{
	LIT(out, "{\"version\":\"2.0\",");
	add_request_v2(in, out);
	if (in->http->body.len) {
		LIT(out, ",\"body\":");
		add_body(in, out);
		LIT(out, "}");
	} else {
		LIT(out, ",\"isBase64Encoded\":false}");
	}
}

/* --- payload 1.0 ---------------------------------------------------------------------------- */

static void add_provider(const struct auth_iam *iam, struct buf *out)
{
	LIT(out, "\"");
	size_t at = out->len;
	for (size_t i = 1; iam->amr[0] && iam->amr[i]; i++) {
		if (out->len > at) {
			LIT(out, ",");
		}
		/* json_add_string's quotes would stand in the way: write, then take them off. */
		size_t from = out->len;
		json_add_string(out, span_of(iam->amr[i]));
		if (!out->overflow) {
			memmove(out->ptr + from, out->ptr + from + 1, out->len - from - 1);
			out->len -= 2;
		}
	}
	LIT(out, "\"");
}

static void add_cognito_v1(const struct auth_iam *iam, struct buf *out)
{
	if (!iam->identity_id || !iam->amr || !iam->amr[0]) {
		LIT(out, ",\"cognitoAmr\":null,\"cognitoAuthenticationProvider\":null,"
			 "\"cognitoAuthenticationType\":null,\"cognitoIdentityId\":null,"
			 "\"cognitoIdentityPoolId\":null");
		return;
	}
	LIT(out, ",\"cognitoAmr\":");
	add_amr(iam, out);
	LIT(out, ",\"cognitoAuthenticationProvider\":");
	if (iam->amr[1]) {
		add_provider(iam, out);
	} else {
		LIT(out, "null");
	}
	STR(out, ",\"cognitoAuthenticationType\":", span_of(iam->amr[0]));
	STR(out, ",\"cognitoIdentityId\":", span_of(iam->identity_id));
	LIT(out, ",\"cognitoIdentityPoolId\":");
	add_or_null(out, iam->identity_pool_id);
}

static void add_identity_v1(const struct event_input *in, struct buf *out)
{
	static const struct auth_iam nobody;
	const struct auth_verdict *v = in->verdict;
	const struct auth_iam *iam = v && v->kind == MODEL_AUTH_IAM ? &v->iam : &nobody;
	LIT(out, ",\"identity\":{\"accessKey\":");
	add_or_null(out, iam->access_key);
	LIT(out, ",\"accountId\":");
	add_or_null(out, iam->account_id);
	LIT(out, ",\"caller\":");
	add_or_null(out, iam->caller_id);
	add_cognito_v1(iam, out);
	LIT(out, ",\"principalOrgId\":");
	add_or_null(out, iam->principal_org_id);
	STR(out, ",\"sourceIp\":", span_of(in->http->peer));
	LIT(out, ",\"user\":");
	add_or_null(out, iam->user_id);
	STR(out, ",\"userAgent\":", http_header_get(in->http, "user-agent"));
	LIT(out, ",\"userArn\":");
	add_or_null(out, iam->user_arn);
	LIT(out, "}");
}

/* A Lambda authorizer's context stands flat beside its principalId. */
static void add_authorizer_v1(const struct event_input *in, struct buf *out)
{
	const struct auth_verdict *v = in->verdict;
	if (!v || v->kind == MODEL_AUTH_NONE || v->kind == MODEL_AUTH_IAM) {
		return;
	}
	LIT(out, ",\"authorizer\":");
	if (v->kind == MODEL_AUTH_JWT) {
		add_jwt(v, out);
		return;
	}
	LIT(out, "{");
	bool named = v->principal_id && *v->principal_id;
	if (named) {
		STR(out, "\"principalId\":", span_of(v->principal_id));
	}
	struct span context = span_trim(v->context);
	if (context.len > 2 && context.ptr[0] == '{') {
		if (named) {
			LIT(out, ",");
		}
		buf_add(out, context.ptr + 1, context.len - 2);
	}
	LIT(out, "}");
}

static void add_context_v1(const struct event_input *in, struct buf *out)
{
	char time[27];
	time_clf(time, in->now_ms);
	STR(out, ",\"requestContext\":{\"accountId\":", span_of(in->account));
	STR(out, ",\"apiId\":", span_of(in->api_id));
	add_authorizer_v1(in, out);
	add_domain(in, out);
	STR(out, ",\"extendedRequestId\":", span_of(in->request_id));
	STR(out, ",\"httpMethod\":", in->http->method);
	add_identity_v1(in, out);
	STR(out, ",\"path\":", decoded_path(in));
	STR(out, ",\"protocol\":\"HTTP/1.1\",\"requestId\":", span_of(in->request_id));
	STR(out, ",\"requestTime\":", span_of(time));
	LIT(out, ",\"requestTimeEpoch\":");
	buf_add_u64(out, (uint64_t)in->now_ms);
	STR(out, ",\"resourceId\":", span_of(in->route_key));
	STR(out, ",\"resourcePath\":", span_of(in->resource));
	STR(out, ",\"stage\":", span_of(in->stage));
	LIT(out, "}");
}

static void add_request_v1(const struct event_input *in, struct buf *out)
{
	STR(out, "\"resource\":", span_of(in->resource));
	STR(out, ",\"path\":", in->http->path);
	STR(out, ",\"httpMethod\":", in->http->method);
}

static size_t canonical_headers(const struct event_input *in, struct http_header **out)
{
	size_t n = visible_headers(in, out);
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
	LIT(out, "{\"version\":\"1.0\",");
	add_request_v1(in, out);
	LIT(out, ",\"headers\":");
	add_pairs(out, arena, h, n, LAST);
	LIT(out, ",\"multiValueHeaders\":");
	add_pairs(out, arena, h, n, ALL);
	n = query_pairs(arena, in->http->query, &h);
	if (n) {
		LIT(out, ",\"queryStringParameters\":");
		add_pairs(out, arena, h, n, LAST);
		LIT(out, ",\"multiValueQueryStringParameters\":");
		add_pairs(out, arena, h, n, ALL);
	} else {
		LIT(out, ",\"queryStringParameters\":null,"
			 "\"multiValueQueryStringParameters\":null");
	}
	add_context_v1(in, out);
	LIT(out, ",\"pathParameters\":");
	if (in->n_params) {
		add_params(in, out);
	} else {
		LIT(out, "null");
	}
	LIT(out, ",\"stageVariables\":");
	if (in->n_variables) {
		add_variables(in, out);
	} else {
		LIT(out, "null");
	}
	LIT(out, ",\"body\":");
	if (in->http->body.len) {
		add_body(in, out);
		LIT(out, "}");
	} else {
		LIT(out, "null,\"isBase64Encoded\":false}");
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
	STR(out, "{\"version\":\"2.0\",\"type\":\"REQUEST\",\"routeArn\":", arn);
	/* Absent or null when no source is configured is unconfirmed: null, as typed readers take. */
	if (n_sources) {
		for (size_t i = 0; i < n_sources; i++) {
			buf_add_str(out, i ? "," : ",\"identitySource\":[");
			json_add_string(out, sources[i]);
		}
		LIT(out, "],");
	} else {
		LIT(out, ",\"identitySource\":null,");
	}
	add_request_v2(in, out);
	LIT(out, "}");
}

static struct span joined_sources(struct arena *arena, const struct span *sources, size_t n)
{
	struct http_header *pairs = arena_alloc(arena, (n + 1) * sizeof *pairs);
	for (size_t i = 0; i < n; i++) {
		pairs[i].value = sources[i];
	}
	return n ? joined(arena, pairs, n) : SPAN("");
}

static void write_authorizer_v1(const struct event_input *in, struct span arn,
	const struct span *sources, size_t n_sources, struct buf *out)
{
	struct arena *arena = in->http->arena;
	struct span source = joined_sources(arena, sources, n_sources);
	STR(out, "{\"version\":\"1.0\",\"type\":\"REQUEST\",\"methodArn\":", arn);
	STR(out, ",\"identitySource\":", source);
	STR(out, ",\"authorizationToken\":", source);
	LIT(out, ",");
	add_request_v1(in, out);
	struct http_header *h;
	size_t n = canonical_headers(in, &h);
	LIT(out, ",\"headers\":");
	add_pairs(out, arena, h, n, LAST);
	n = query_pairs(arena, in->http->query, &h);
	LIT(out, ",\"queryStringParameters\":");
	add_pairs(out, arena, h, n, LAST);
	LIT(out, ",\"pathParameters\":");
	add_params(in, out);
	LIT(out, ",\"stageVariables\":");
	add_variables(in, out);
	add_context_v1(in, out);
	LIT(out, "}");
}

void event_write_authorizer(const struct event_input *in, bool v2, struct span arn,
	const struct span *sources, size_t n_sources, struct buf *out)
{
	struct event_input anonymous = *in;
	anonymous.verdict = NULL;
	(v2 ? write_authorizer_v2 : write_authorizer_v1)(&anonymous, arn, sources, n_sources, out);
}
