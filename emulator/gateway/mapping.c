#include "emulator/gateway/mapping.h"

#include "emulator/gateway/headers.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/json.h"

#define MAX_VALUE 10240
/* A JSON path sees only this much of a body (4.4). */
#define MAX_BODY (100 * 1024)

enum op {
	OP_APPEND,
	OP_OVERWRITE,
	OP_REMOVE
};
enum place {
	PLACE_HEADER,
	PLACE_QUERY,
	PLACE_PATH
};

struct key {
	enum op op;
	enum place place;
	struct span name;
};

static bool parse_place(struct span text, struct key *key)
{
	if (span_is(text, "path")) {
		key->place = PLACE_PATH;
		return key->op == OP_OVERWRITE;
	}
	struct span place = span_cut(&text, '.');
	key->place = span_is(place, "header") ? PLACE_HEADER : PLACE_QUERY;
	key->name = text;
	return (key->place == PLACE_HEADER || span_is(place, "querystring")) && text.len > 0;
}

static bool parse_key(const char *text, struct key *key)
{
	static const char *const ops[] = { "append", "overwrite", "remove" };
	struct span rest = span_of(text);
	struct span op = span_cut(&rest, ':');
	for (size_t i = 0; i < COUNT_OF(ops) && rest.ptr; i++) {
		if (span_is(op, ops[i])) {
			key->op = (enum op)i;
			return parse_place(rest, key);
		}
	}
	return false;
}

static bool has_prefix(struct span name, const char *prefix)
{
	size_t n = strlen(prefix);
	return name.len >= n && span_iis(span_n(name.ptr, n), prefix);
}

static bool is_untouchable(struct span name)
{
	static const char *const prefixes[] = { "access-control-", "apigw-", "x-amz-", "x-amzn-" };
	static const char *const names[] = { "authorization", "connection", "content-encoding",
		"content-length", "content-location", "forwarded", "keep-alive", "origin",
		"proxy-authenticate", "proxy-authorization", "te", "trailers", "transfer-encoding",
		"upgrade", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via" };
	for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
		if (has_prefix(name, prefixes[i])) {
			return true;
		}
	}
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (span_iis(name, names[i])) {
			return true;
		}
	}
	return false;
}

int mapping_check(const struct model_mapping *m, struct err *err)
{
	struct key key;
	if (!parse_key(m->key, &key)) {
		return err_set(err, ERR_INVALID,
			"request parameter '%s' must be append:, overwrite: or remove: with "
			"header.NAME or querystring.NAME, or overwrite:path",
			m->key);
	}
	if (key.place == PLACE_HEADER &&
		(is_untouchable(key.name) || !header_is_sendable(key.name, SPAN("")))) {
		return err_set(err, ERR_INVALID,
			"request parameter '%s': this header cannot be mapped", m->key);
	}
	return 0;
}

/* --- values ------------------------------------------------------------------------------------- */

static struct span joined_headers(const struct http_request *http, struct span name)
{
	const char *all = NULL;
	for (size_t i = 0; i < http->n_headers; i++) {
		if (span_ieq(http->headers[i].name, name)) {
			struct span v = http->headers[i].value;
			all = all ? arena_printf(http->arena, "%s,%.*s", all, SPAN_ARG(v))
				  : arena_strndup(http->arena, v.ptr, v.len);
		}
	}
	return span_of(all);
}

static struct span joined_query(const struct http_request *http, struct span name)
{
	struct http_header *pairs;
	size_t n = query_pairs(http->arena, http->query, &pairs);
	const char *all = NULL;
	for (size_t i = 0; i < n; i++) {
		if (span_eq(pairs[i].name, name)) {
			struct span v = pairs[i].value;
			all = all ? arena_printf(http->arena, "%s,%.*s", all, SPAN_ARG(v))
				  : arena_strndup(http->arena, v.ptr, v.len);
		}
	}
	return span_of(all);
}

static struct span path_param(const struct event_input *e, struct span name)
{
	for (size_t i = 0; i < e->n_params; i++) {
		if (span_is(name, e->params[i].name)) {
			return decoded(e->http->arena, e->params[i].value, false);
		}
	}
	return SPAN("");
}

static struct span body_value(const struct http_request *http, struct span members)
{
	struct span body =
		span_n(http->body.ptr, http->body.len > MAX_BODY ? MAX_BODY : http->body.len);
	if (!members.ptr) {
		return body;
	}
	AUTO_JSON cJSON *tree = json_parse(body, NULL);
	const cJSON *at = tree;
	while (members.ptr && at) {
		struct span member = span_cut(&members, '.');
		at = json_get(at, arena_strndup(http->arena, member.ptr, member.len));
	}
	if (!at) {
		return SPAN("");
	}
	struct buf text = BUF_INIT(MAX_VALUE);
	if (json_value(at)) {
		buf_add_str(&text, json_value(at));
	} else {
		json_add_tree(&text, at);
	}
	struct span value = arena_span(http->arena, buf_span(&text));
	buf_fini(&text);
	return value;
}

static struct span request_value(const struct context *c, struct span path, struct span rest)
{
	const struct http_request *http = c->event->http;
	struct span what = span_cut(&rest, '.');
	if (span_is(what, "header")) {
		return joined_headers(http, rest);
	}
	if (span_is(what, "querystring")) {
		return joined_query(http, rest);
	}
	if (span_is(what, "path")) {
		return rest.ptr ? path_param(c->event, rest) : path;
	}
	return span_is(what, "body") ? body_value(http, rest) : SPAN("");
}

static struct span expression_value(
	const struct context *c, struct span path, struct span expression)
{
	struct span request = SPAN("$request.");
	if (span_starts(expression, request)) {
		return request_value(c, path,
			span_n(expression.ptr + request.len, expression.len - request.len));
	}
	return context_resolve(c, expression);
}

static bool is_expression(struct span s)
{
	return span_starts(s, SPAN("$request.")) || span_starts(s, SPAN("$context.")) ||
	       span_starts(s, SPAN("$stageVariables."));
}

static size_t expression_length(struct span s)
{
	size_t n = 1;
	while (n < s.len && (strchr("._-:", s.ptr[n]) || (s.ptr[n] >= '0' && s.ptr[n] <= '9') ||
				    ((s.ptr[n] | 0x20) >= 'a' && (s.ptr[n] | 0x20) <= 'z'))) {
		n++;
	}
	return n;
}

/* Cuts an expression off *s; false if there is none at its start. */
static bool cut_expression(struct span *s, struct arena *arena, struct span *expression)
{
	if (span_starts(*s, SPAN("${"))) {
		ptrdiff_t end = span_find(*s, '}');
		if (end < 0) {
			return false;
		}
		char *text = arena_printf(arena, "$%.*s", (int)end - 2, s->ptr + 2);
		*expression = span_of(text);
		*s = span_n(s->ptr + end + 1, s->len - (size_t)end - 1);
		return is_expression(*expression);
	}
	if (!is_expression(*s)) {
		return false;
	}
	*expression = span_n(s->ptr, expression_length(*s));
	*s = span_n(s->ptr + expression->len, s->len - expression->len);
	return true;
}

struct span mapping_value(const char *text, const struct context *c, struct span path)
{
	struct arena *arena = c->event->http->arena;
	struct buf out = BUF_INIT(MAX_VALUE);
	struct span rest = span_of(text);
	while (rest.len) {
		struct span expression;
		struct span before = rest;
		if (cut_expression(&rest, arena, &expression)) {
			buf_add_span(&out, expression_value(c, path, expression));
		} else {
			rest = before;
			buf_add_char(&out, *rest.ptr);
			rest = span_n(rest.ptr + 1, rest.len - 1);
		}
	}
	struct span value = arena_span(arena, buf_span(&out));
	buf_fini(&out);
	return value;
}

/* --- effects -------------------------------------------------------------------------------------- */

static void remove_pairs(struct http_header *pairs, size_t *n, struct span name, bool any_case)
{
	size_t kept = 0;
	for (size_t i = 0; i < *n; i++) {
		bool same = any_case ? span_ieq(pairs[i].name, name) : span_eq(pairs[i].name, name);
		if (!same) {
			pairs[kept++] = pairs[i];
		}
	}
	*n = kept;
}

static void add_query(struct mapped_request *out, struct span name, struct span value)
{
	if (out->n_query == out->query_room) {
		return; /* room is made for all mappings at the start */
	}
	out->query[out->n_query++] = (struct http_header){ name, value };
}

static struct span encoded(struct arena *arena, struct span text, const char *keep)
{
	struct buf out = { arena_alloc(arena, text.len * 3 + 1), 0, text.len * 3 + 1, text.len * 3,
		false };
	percent_encode(&out, text, keep);
	return buf_span(&out);
}

void mapping_apply(const struct model_mapping *m, const struct context *c, struct span path,
	struct mapped_request *out)
{
	struct key key;
	if (!parse_key(m->key, &key)) {
		return;
	}
	struct span value = key.op == OP_REMOVE ? SPAN("") : mapping_value(m->value, c, path);
	if (key.place == PLACE_PATH) {
		/* What a path may hold stays (RFC 3986 section 3.3), escapes included. */
		out->path = encoded(out->arena, value, "/%!$&'()*+,;=:@");
		return;
	}
	if (key.op != OP_APPEND && key.place == PLACE_HEADER) {
		remove_pairs(out->head.headers, &out->head.n_headers, key.name, true);
	} else if (key.op != OP_APPEND) {
		remove_pairs(out->query, &out->n_query, encoded(out->arena, key.name, ""), false);
	}
	if (!value.len) {
		return;
	}
	if (key.place == PLACE_QUERY) {
		add_query(out, encoded(out->arena, key.name, ""), encoded(out->arena, value, ""));
	} else if (header_is_sendable(key.name, value)) {
		reply_header(&out->head, key.name, value);
	}
}
