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
	PLACE_PATH,
	PLACE_STATUS
};

struct key {
	enum op op;
	enum place place;
	struct span name;
};

static bool parse_place(struct span text, struct key *key)
{
	if (span_is(text, "path") || span_is(text, "statuscode")) {
		key->place = span_is(text, "path") ? PLACE_PATH : PLACE_STATUS;
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

static int check_header(const struct key *key, const char *text, struct err *err)
{
	if (key->place == PLACE_HEADER &&
		(is_untouchable(key->name) || !header_is_sendable(key->name, SPAN("")))) {
		return err_set(
			err, ERR_INVALID, "parameter '%s': this header cannot be mapped", text);
	}
	return 0;
}

int mapping_check_request(const struct model_mapping *m, struct err *err)
{
	struct key key;
	if (!parse_key(m->key, &key) || key.place == PLACE_STATUS) {
		return err_set(err, ERR_INVALID,
			"request parameter '%s' must be append:, overwrite: or remove: with "
			"header.NAME or querystring.NAME, or overwrite:path",
			m->key);
	}
	return check_header(&key, m->key, err);
}

static bool read_status(struct span text, int *status)
{
	uint64_t n;
	if (!span_u64(text, 599, &n) || n < 200) {
		return false;
	}
	*status = (int)n;
	return true;
}

int mapping_check_response(const struct model_mapping *m, struct err *err)
{
	struct key key;
	int status;
	if (!parse_key(m->key, &key) || (key.place != PLACE_HEADER && key.place != PLACE_STATUS)) {
		return err_set(err, ERR_INVALID,
			"response parameter '%s' must be append:, overwrite: or remove: with "
			"header.NAME, or overwrite:statuscode",
			m->key);
	}
	if (key.place == PLACE_STATUS && !strchr(m->value, '$') &&
		!read_status(span_of(m->value), &status)) {
		return err_set(err, ERR_INVALID,
			"response parameter '%s': '%s' must be a status from 200 to 599", m->key,
			m->value);
	}
	return check_header(&key, m->key, err);
}

bool mapping_reads_body(const struct model_mappings *all)
{
	for (size_t i = 0; i < all->n; i++) {
		if (strstr(all->at[i].value, "request.body") ||
			strstr(all->at[i].value, "response.body")) {
			return true;
		}
	}
	return false;
}

/* --- values ------------------------------------------------------------------------------------- */

/* What expressions are read from. */
struct source {
	const struct context *context;
	struct arena *arena;
	struct span path;
	const struct reply *answer; /* NULL on the way to the backend */
};

static struct span joined_headers(
	struct arena *arena, const struct http_header *headers, size_t n, struct span name)
{
	const char *all = NULL;
	for (size_t i = 0; i < n; i++) {
		if (span_ieq(headers[i].name, name)) {
			struct span v = headers[i].value;
			all = all ? arena_printf(arena, "%s,%.*s", all, SPAN_ARG(v))
				  : arena_strndup(arena, v.ptr, v.len);
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

static struct span body_value(struct arena *arena, struct span whole, struct span members)
{
	struct span body = span_n(whole.ptr, whole.len > MAX_BODY ? MAX_BODY : whole.len);
	if (!members.ptr) {
		return body;
	}
	AUTO_JSON cJSON *tree = json_parse(body, NULL);
	const cJSON *at = tree;
	while (members.ptr && at) {
		struct span member = span_cut(&members, '.');
		at = json_get(at, arena_strndup(arena, member.ptr, member.len));
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
	struct span value = arena_span(arena, buf_span(&text));
	buf_fini(&text);
	return value;
}

static struct span request_value(const struct source *s, struct span rest)
{
	const struct http_request *http = s->context->event->http;
	struct span what = span_cut(&rest, '.');
	if (span_is(what, "header")) {
		return joined_headers(s->arena, http->headers, http->n_headers, rest);
	}
	if (span_is(what, "querystring")) {
		return joined_query(http, rest);
	}
	if (span_is(what, "path")) {
		return rest.ptr ? path_param(s->context->event, rest) : s->path;
	}
	return span_is(what, "body") ? body_value(s->arena, http->body, rest) : SPAN("");
}

static struct span response_value(const struct source *s, struct span rest)
{
	const struct reply *r = s->answer;
	struct span what = span_cut(&rest, '.');
	if (span_is(what, "header")) {
		return joined_headers(s->arena, r->headers, r->n_headers, rest);
	}
	return span_is(what, "body") ? body_value(s->arena, r->body, rest) : SPAN("");
}

static struct span lead_of(const struct source *s)
{
	return s->answer ? SPAN("$response.") : SPAN("$request.");
}

static struct span expression_value(const struct source *s, struct span expression)
{
	struct span lead = lead_of(s);
	if (span_starts(expression, lead)) {
		struct span rest = span_n(expression.ptr + lead.len, expression.len - lead.len);
		return s->answer ? response_value(s, rest) : request_value(s, rest);
	}
	return context_resolve(s->context, expression);
}

static bool is_expression(const struct source *s, struct span text)
{
	return span_starts(text, lead_of(s)) || span_starts(text, SPAN("$context.")) ||
	       span_starts(text, SPAN("$stageVariables."));
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

/* Cuts an expression off *text; false if there is none at its start. */
static bool cut_expression(const struct source *s, struct span *text, struct span *expression)
{
	if (span_starts(*text, SPAN("${"))) {
		ptrdiff_t end = span_find(*text, '}');
		if (end < 0) {
			return false;
		}
		*expression = span_of(arena_printf(s->arena, "$%.*s", (int)end - 2, text->ptr + 2));
		*text = span_n(text->ptr + end + 1, text->len - (size_t)end - 1);
		return is_expression(s, *expression);
	}
	if (!is_expression(s, *text)) {
		return false;
	}
	*expression = span_n(text->ptr, expression_length(*text));
	*text = span_n(text->ptr + expression->len, text->len - expression->len);
	return true;
}

/* The text with its expressions replaced. */
static struct span value_of(const struct source *s, const char *text)
{
	struct buf out = BUF_INIT(MAX_VALUE);
	struct span rest = span_of(text);
	while (rest.len) {
		struct span expression;
		struct span before = rest;
		if (cut_expression(s, &rest, &expression)) {
			buf_add_span(&out, expression_value(s, expression));
		} else {
			rest = before;
			buf_add_char(&out, *rest.ptr);
			rest = span_n(rest.ptr + 1, rest.len - 1);
		}
	}
	struct span value = arena_span(s->arena, buf_span(&out));
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

static void apply_to_headers(struct reply *r, const struct key *key, struct span value)
{
	if (key->op != OP_APPEND) {
		remove_pairs(r->headers, &r->n_headers, key->name, true);
	}
	if (value.len && header_is_sendable(key->name, value)) {
		reply_header(r, key->name, value);
	}
}

static void apply_to_query(struct mapped_request *out, const struct key *key, struct span value)
{
	struct span name = encoded(out->arena, key->name, "");
	if (key->op != OP_APPEND) {
		remove_pairs(out->query, &out->n_query, name, false);
	}
	if (value.len) {
		add_query(out, name, encoded(out->arena, value, ""));
	}
}

/* False for what has passed no check. */
static bool read_mapping(
	const struct source *s, const struct model_mapping *m, struct key *key, struct span *value)
{
	if (!parse_key(m->key, key)) {
		return false;
	}
	*value = key->op == OP_REMOVE ? SPAN("") : value_of(s, m->value);
	return true;
}

void mapped_request_init(
	struct mapped_request *m, const struct http_request *http, const struct model_mappings *all)
{
	struct span rest = http->query.len ? http->query : (struct span){ NULL, 0 };
	*m = (struct mapped_request){ .arena = http->arena, .query_room = 1 + all->n };
	for (size_t i = 0; i < rest.len; i++) {
		m->query_room += rest.ptr[i] == '&';
	}
	reply_init(&m->head, m->arena);
	m->query = arena_alloc(m->arena, m->query_room * sizeof *m->query);
	while (rest.ptr) {
		struct span value = span_cut(&rest, '&');
		if (value.len) {
			struct span name = span_cut(&value, '=');
			m->query[m->n_query++] = (struct http_header){ name, value };
		}
	}
}

struct span mapped_request_query(const struct mapped_request *m)
{
	if (!m->n_query) {
		return (struct span){ NULL, 0 };
	}
	size_t len = 0;
	for (size_t i = 0; i < m->n_query; i++) {
		len += m->query[i].name.len + m->query[i].value.len + 2;
	}
	struct buf text = buf_on(arena_alloc(m->arena, len), len);
	for (size_t i = 0; i < m->n_query; i++) {
		buf_add_span(&text, i ? SPAN("&") : SPAN(""));
		buf_add_span(&text, m->query[i].name);
		if (m->query[i].value.ptr) {
			buf_add_char(&text, '=');
			buf_add_span(&text, m->query[i].value);
		}
	}
	return buf_span(&text);
}

void mapping_apply_request(const struct model_mappings *all, const struct context *c,
	struct span path, struct mapped_request *out)
{
	struct source s = { .context = c, .arena = out->arena, .path = path };
	for (size_t i = 0; i < all->n; i++) {
		struct key key;
		struct span value;
		if (!read_mapping(&s, &all->at[i], &key, &value)) {
			continue;
		}
		if (key.place == PLACE_PATH) {
			/* What a path may hold stays (RFC 3986 section 3.3), escapes included. */
			out->path = encoded(out->arena, value, "/%!$&'()*+,;=:@");
		} else if (key.place == PLACE_QUERY) {
			apply_to_query(out, &key, value);
		} else {
			apply_to_headers(&out->head, &key, value);
		}
	}
}

const struct http_request *mapping_request(
	const struct model_mappings *all, const struct context *c, struct span path)
{
	const struct http_request *http = c->event->http;
	struct http_request *copy = arena_alloc(http->arena, sizeof *copy);
	struct mapped_request m;
	mapped_request_init(&m, http, all);
	for (size_t i = 0; i < http->n_headers; i++) {
		reply_header(&m.head, http->headers[i].name, http->headers[i].value);
	}
	mapping_apply_request(all, c, path, &m);
	*copy = *http;
	copy->headers = m.head.headers;
	copy->n_headers = m.head.n_headers;
	copy->query = mapped_request_query(&m);
	copy->path = m.path.ptr ? m.path : http->path;
	return copy;
}

void mapping_apply_response(
	const struct model_mappings *all, const struct context *c, struct reply *r)
{
	struct reply came = *r;
	came.headers = arena_alloc(r->arena, (r->n_headers + 1) * sizeof *came.headers);
	memcpy(came.headers, r->headers, r->n_headers * sizeof *came.headers);
	struct source s = { .context = c, .arena = r->arena, .answer = &came };
	for (size_t i = 0; i < all->n; i++) {
		struct key key;
		struct span value;
		if (!read_mapping(&s, &all->at[i], &key, &value)) {
			continue;
		}
		if (key.place == PLACE_STATUS) {
			read_status(value, &r->status);
		} else {
			key.name = header_canonical(r->arena, key.name);
			apply_to_headers(r, &key, value);
		}
	}
}
