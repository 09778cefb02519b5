/* Names repeat in requests, so pairs are sorted first and written group by group. */
#include "emulator/gateway/event_parts.h"

#include "emulator/gateway/headers.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

struct span event_forwarded_for(const struct http_request *http)
{
	struct span own = http_header_get(http, "x-forwarded-for");
	if (!own.ptr || !own.len) {
		return span_of(http->peer);
	}
	/* That the peer is appended to what the client sent is unconfirmed; every proxy does so. */
	return span_of(arena_concat(
		http->arena, (const struct span[]){ own, SPAN(", "), span_of(http->peer) }, 3));
}

static struct span decimal(struct arena *arena, size_t n)
{
	struct buf text = buf_on(arena_alloc(arena, BUF_U64_SIZE), BUF_U64_SIZE);
	buf_add_u64(&text, n);
	return buf_span(&text);
}

static bool usually_has_body(struct span method)
{
	return span_is(method, "POST") || span_is(method, "PUT") || span_is(method, "PATCH");
}

size_t event_headers(const struct event_input *in, struct http_header **out)
{
	const struct http_request *http = in->http;
	struct arena *arena = http->arena;
	struct http_header *h = arena_alloc(arena, (http->n_headers + 9) * sizeof *h);
	size_t n = 0;
	bool typed = false;
	/* What is added is nearly in order, so that sorting has little to move. */
	h[n++] = (struct http_header){ SPAN("content-length"), decimal(arena, http->body.len) };
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
	h[n++] = (struct http_header){ SPAN("x-amzn-trace-id"), span_of(in->trace_id) };
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

size_t event_group(const struct http_header *pairs, size_t n, size_t at)
{
	size_t end = at + 1;
	while (end < n && span_eq(pairs[end].name, pairs[at].name)) {
		end++;
	}
	return end - at;
}

struct span event_joined(struct arena *arena, const struct http_header *pairs, size_t n)
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

void event_add_pairs(struct buf *out, struct arena *arena, const struct http_header *pairs,
	size_t n, enum event_repeats repeats)
{
	EVENT_LIT(out, "{");
	for (size_t i = 0; i < n;) {
		size_t same = event_group(pairs, n, i);
		if (i) {
			EVENT_LIT(out, ",");
		}
		json_add_string(out, pairs[i].name);
		EVENT_LIT(out, ":");
		if (repeats == EVENT_ALL) {
			for (size_t k = 0; k < same; k++) {
				buf_add_char(out, k ? ',' : '[');
				json_add_string(out, pairs[i + k].value);
			}
			EVENT_LIT(out, "]");
		} else if (repeats == EVENT_LAST || same == 1) {
			json_add_string(out, pairs[i + same - 1].value);
		} else {
			json_add_string(out, event_joined(arena, pairs + i, same));
		}
		i += same;
	}
	EVENT_LIT(out, "}");
}

void event_add_params(const struct event_input *in, struct buf *out)
{
	EVENT_LIT(out, "{");
	for (size_t i = 0; i < in->n_params; i++) {
		if (i) {
			EVENT_LIT(out, ",");
		}
		json_add_string(out, span_of(in->params[i].name));
		EVENT_LIT(out, ":");
		json_add_string(out, decoded(in->http->arena, in->params[i].value, false));
	}
	EVENT_LIT(out, "}");
}

void event_add_variables(const struct event_input *in, struct buf *out)
{
	EVENT_LIT(out, "{");
	for (size_t i = 0; i < in->n_variables; i++) {
		if (i) {
			EVENT_LIT(out, ",");
		}
		json_add_string(out, span_of(in->variables[i].name));
		EVENT_LIT(out, ":");
		json_add_string(out, span_of(in->variables[i].value));
	}
	EVENT_LIT(out, "}");
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

/* A form is text to a function URL (lambda.md 7) and base64 to an HTTP API (2.3). */
static bool is_form(struct span content_type)
{
	struct span rest = content_type;
	return rest.ptr &&
	       span_iis(span_trim(span_cut(&rest, ';')), "application/x-www-form-urlencoded");
}

void event_add_body(const struct event_input *in, struct buf *out)
{
	struct span type = http_header_get(in->http, "content-type");
	if (event_body_is_text(type) || (in->function_url && is_form(type))) {
		json_add_string(out, in->http->body);
		EVENT_LIT(out, ",\"isBase64Encoded\":false");
	} else {
		EVENT_LIT(out, "\"");
		base64_encode(out, in->http->body);
		EVENT_LIT(out, "\",\"isBase64Encoded\":true");
	}
}
