#include "emulator/auth/identity_source.h"

#include "proxy/base/encode.h"

#define VALUE_MAX (64 * 1024)

static void join(struct buf *out, bool *found, struct span value)
{
	if (*found) {
		buf_add_char(out, ',');
	}
	*found = true;
	buf_add_span(out, value);
}

static struct span keep(struct buf *out, bool found, struct arena *arena)
{
	struct span value = { NULL, 0 };
	if (found) {
		value = span_n(arena_strndup(arena, out->ptr ? out->ptr : "", out->len), out->len);
	}
	buf_fini(out);
	return value;
}

static struct span from_header(const struct http_request *r, struct span name)
{
	struct buf out = BUF_INIT(VALUE_MAX);
	bool found = false;
	for (size_t i = 0; i < r->n_headers; i++) {
		if (span_ieq(r->headers[i].name, name)) {
			join(&out, &found, span_trim(r->headers[i].value));
		}
	}
	return keep(&out, found, r->arena);
}

static struct span from_query(const struct http_request *r, struct span name)
{
	struct buf out = BUF_INIT(VALUE_MAX);
	struct buf text = BUF_INIT(VALUE_MAX);
	bool found = false;
	struct span rest = r->query;
	while (rest.ptr) {
		struct span value = span_cut(&rest, '&');
		struct span key = span_cut(&value, '=');
		buf_clear(&text);
		(void)percent_decode(&text, key, true);
		if (key.len && span_eq(buf_span(&text), name)) {
			buf_clear(&text);
			(void)percent_decode(&text, value, true);
			join(&out, &found, buf_span(&text));
		}
	}
	buf_fini(&text);
	return keep(&out, found, r->arena);
}

struct span identity_source(const struct auth_request *r, const char *expression)
{
	struct span text = span_of(expression);
	struct span header = SPAN("$request.header.");
	struct span query = SPAN("$request.querystring.");
	if (span_starts(text, header)) {
		return from_header(r->http, span_n(text.ptr + header.len, text.len - header.len));
	}
	if (span_starts(text, query)) {
		return from_query(r->http, span_n(text.ptr + query.len, text.len - query.len));
	}
	return r->context_value ? r->context_value(r->ctx, text) : (struct span){ NULL, 0 };
}
