#include "emulator/narrate.h"

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"

#define MAX_STRING 100
#define MAX_ITEMS 10
#define MAX_TEXT 1500
#define USUAL_LINE 400 /* one allocation for most */
#define MAX_PARSED (64u << 10) /* larger results are cut as text: nobody reads them in a terminal */

/* SST allows ten percent over before it cuts. */
static bool too_long(size_t n, size_t max)
{
	return n > max + max / 10;
}

static void shorten_value(cJSON *item);

static void shorten_string(cJSON *item)
{
	size_t n = strlen(item->valuestring);
	if (too_long(n, MAX_STRING)) {
		size_t keep = MAX_STRING;
		while (keep && (item->valuestring[keep] & 0xc0) == 0x80) {
			keep--; /* not inside a UTF-8 sequence */
		}
		AUTO_FREE char *cut = xasprintf(
			"%.*s... %zu more characters", (int)keep, item->valuestring, n - keep);
		cJSON_SetValuestring(item, cut);
	}
}

static void shorten_list(cJSON *list)
{
	int n = cJSON_GetArraySize(list);
	if (cJSON_IsArray(list) && too_long((size_t)n, MAX_ITEMS)) {
		while (cJSON_GetArraySize(list) > MAX_ITEMS) {
			cJSON_DeleteItemFromArray(list, MAX_ITEMS);
		}
		AUTO_FREE char *more = xasprintf("... %d more items", n - MAX_ITEMS);
		cJSON_AddItemToArray(list, cJSON_CreateString(more));
	}
	JSON_FOR (item, list) {
		shorten_value(item);
	}
}

static void shorten_value(cJSON *item)
{
	if (cJSON_IsString(item)) {
		shorten_string(item);
	} else {
		shorten_list(item);
	}
}

/* The quote that ends the string whose inside starts at p, or NULL. */
static const char *string_end(const char *p, const char *end)
{
	for (const char *from = p; (p = memchr(p, '"', (size_t)(end - p))); p++) {
		const char *escapes = p;
		while (escapes > from && escapes[-1] == '\\') {
			escapes--;
		}
		if ((p - escapes) % 2 == 0) {
			return p;
		}
	}
	return NULL;
}

/* No string and no list in it can be one that would be cut: the usual result, shown as it is. Every request
 * passes here, and a JSON tree costs more than all the rest of its line. An escape counts as its letters,
 * and the commas of all lists together, which errs on the long side. */
static bool surely_short(struct span json)
{
	const char *p = json.ptr, *end = p + json.len;
	size_t commas = 0;
	if (json.len > MAX_TEXT) {
		return false;
	}
	while (p < end && commas < MAX_ITEMS) {
		const char *inside = p + 1;
		if (*p == '"') {
			p = string_end(inside, end);
			if (!p || p - inside > MAX_STRING) {
				return false;
			}
		}
		commas += *p++ == ',';
	}
	return commas < MAX_ITEMS;
}

void narrate_shorten(struct buf *out, struct span json)
{
	if (surely_short(json)) {
		buf_add_span(out, json);
		return;
	}
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *tree = json.len <= MAX_PARSED ? json_parse(json, &err) : NULL;
	struct buf text = BUF_INIT(1u << 20);
	if (tree) {
		shorten_value(tree);
		json_add_tree(&text, tree);
	} else {
		buf_add(&text, json.ptr, json.len < 2 * MAX_TEXT ? json.len : 2 * MAX_TEXT);
	}
	size_t n = text.len > json.len ? text.len : json.len;
	if (too_long(text.len, MAX_TEXT)) {
		buf_add(out, text.ptr, MAX_TEXT);
		buf_addf(out, "... %zu more characters", n - MAX_TEXT);
	} else {
		buf_add_span(out, buf_span(&text));
	}
	buf_fini(&text);
}

static void add_common(struct buf *b, const struct lambda_record *r)
{
	buf_add_char(b, '{'); /* so that the first member gets no comma; cut off again */
	json_add_member(b, "requestId", r->request_id);
	json_add_member(b, "function", r->function);
	json_add_member(b, "handler", r->handler);
	json_add_member(b, "source", r->source);
}

static void emit(const char *event, const struct buf *b)
{
	console_event(event, span_n(b->ptr + 1, b->len - 1));
}

void narrate_start(const struct lambda_record *r)
{
	struct buf b = BUF_INIT(16u << 20);
	if (!console_is_json()) {
		(void)buf_reserve(&b, USUAL_LINE);
		buf_add_span(&b, r->request_id);
		buf_add_span(&b, SPAN(" REQUEST "));
		buf_add_span(&b, r->function);
		buf_add_span(&b, SPAN(" ["));
		buf_add_span(&b, r->handler);
		buf_add_span(&b, SPAN("] invoked by "));
		buf_add_span(&b, r->source);
		console_line_span(STYLE_GREY, buf_span(&b));
		buf_fini(&b);
		return;
	}
	add_common(&b, r);
	emit("request", &b);
	buf_fini(&b);
}

static void say_error(const struct lambda_record *r)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *body = json_parse(r->result, &err);
	const char *message = json_str(body, "errorMessage");
	console_line(STYLE_RED, "%s ERROR %s: %s", r->request_id.ptr,
		r->error_type[0] ? r->error_type : "Error", message ? message : "");
	const cJSON *trace = json_array(body, "trace");
	JSON_FOR (line, trace ? trace : json_array(body, "stackTrace")) {
		/* The first line of Node's trace repeats type and message. */
		if (json_value(line) && strncmp(json_value(line), "    at", 6) == 0) {
			console_line(STYLE_PLAIN, "%s", json_value(line));
		} else if (json_value(line) && !trace) {
			console_line(STYLE_PLAIN, "%s", json_value(line));
		}
	}
}

static const char *outcome_name(enum lambda_outcome outcome)
{
	switch (outcome) {
	case LAMBDA_OK:
		return "ok";
	case LAMBDA_FUNCTION_ERROR:
		return "error";
	case LAMBDA_THROTTLED:
		return "throttled";
	case LAMBDA_UNAVAILABLE:
		return "unavailable";
	}
	return "?";
}

void narrate_end(const struct lambda_record *r)
{
	struct buf b = BUF_INIT(16u << 20);
	if (console_is_json()) {
		add_common(&b, r);
		json_add_member(&b, "outcome", span_of(outcome_name(r->outcome)));
		json_add_member(&b, "errorType", span_of(r->error_type));
		json_add_name(&b, "durationMs");
		buf_add_fixed2(&b, r->duration_ms);
		json_add_member(&b, "result", r->result);
		emit("response", &b);
	} else if (r->outcome == LAMBDA_OK) {
		(void)buf_reserve(&b, USUAL_LINE);
		buf_add_span(&b, r->request_id);
		buf_add_span(&b, SPAN(" RESPONSE "));
		narrate_shorten(&b, r->result);
		console_line_span(STYLE_GREY, buf_span(&b));
	} else if (r->outcome == LAMBDA_FUNCTION_ERROR) {
		say_error(r);
	} else {
		console_line(STYLE_RED, "%s ERROR %s %s", r->request_id.ptr, r->function.ptr,
			r->outcome == LAMBDA_THROTTLED ? "was throttled (reserved concurrency)"
						       : "cannot run: no agent serves it");
	}
	buf_fini(&b);
}

/* The first line stands alone; further ones (a canonical request) are set off below it. */
static void say_reason(const char *first, const char *reason)
{
	struct span rest = span_of(reason);
	struct span line = span_cut(&rest, '\n');
	console_line(STYLE_YELLOW, "%s %.*s", first, SPAN_ARG(line));
	while (rest.ptr) {
		line = span_cut(&rest, '\n');
		console_line(STYLE_PLAIN, "    %.*s", SPAN_ARG(line));
	}
}

void narrate_refused(
	const struct gateway_request *r, int status, const char *check, const char *reason)
{
	/* Without the query: a presigned one carries a session token. */
	struct span rest = r->target;
	struct span path = span_cut(&rest, '?');
	if (!console_is_json()) {
		AUTO_FREE char *first = xasprintf("%s REFUSED %.*s %.*s %d, %s:", r->request_id,
			SPAN_ARG(r->method), SPAN_ARG(path), status, check);
		say_reason(first, reason);
		return;
	}
	struct buf b = BUF_INIT(1u << 20);
	buf_add_char(&b, '{');
	json_add_member(&b, "requestId", span_of(r->request_id));
	json_add_member(&b, "api", span_of(r->api));
	json_add_member(&b, "method", r->method);
	json_add_member(&b, "path", path);
	json_add_member(&b, "route", span_of(r->route_key));
	json_add_member_int(&b, "status", status);
	json_add_member(&b, "check", span_of(check));
	json_add_member(&b, "reason", span_of(reason));
	emit("refused", &b);
	buf_fini(&b);
}

void narrate_service_refused(
	const char *service, const char *operation, const char *type, const char *reason)
{
	if (!console_is_json()) {
		AUTO_FREE char *first = xasprintf("%s REFUSED %s, %s:", service, operation, type);
		say_reason(first, reason);
		return;
	}
	struct buf b = BUF_INIT(1u << 20);
	buf_add_char(&b, '{');
	json_add_member(&b, "service", span_of(service));
	json_add_member(&b, "operation", span_of(operation));
	json_add_member(&b, "type", span_of(type));
	json_add_member(&b, "reason", span_of(reason));
	emit("refused", &b);
	buf_fini(&b);
}

void narrate_login(const char *issuer, const char *user, const char *detail)
{
	if (!console_is_json()) {
		console_line(STYLE_GREY, "LOGIN %s at %s: %s", user, issuer, detail);
		return;
	}
	struct buf b = BUF_INIT(1u << 20);
	buf_add_char(&b, '{');
	json_add_member(&b, "issuer", span_of(issuer));
	json_add_member(&b, "user", span_of(user));
	json_add_member(&b, "detail", span_of(detail));
	emit("login", &b);
	buf_fini(&b);
}

void narrate_access_log(const char *api, struct span line)
{
	struct buf b = BUF_INIT(4u << 20);
	buf_add_char(&b, '{');
	json_add_member(&b, "api", span_of(api));
	json_add_member(&b, "line", line);
	emit("access-log", &b);
	buf_fini(&b);
}
