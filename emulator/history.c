#include "emulator/history.h"

#include <stdlib.h>

#include "proxy/base/json.h"
#include "proxy/base/list.h"

#define EVENT_MAX (16u << 20)

/* What is known at the start stands behind the struct, in the one piece of memory that a request costs here. */
struct entry {
	struct list link; /* struct history.entries, oldest first */
	struct span request_id, function, handler, source;
	char *error_type; /* NULL = none */
	struct span event;
	struct buf result, logs;
	int64_t started_ms;
	double duration_ms;
	const char *outcome; /* a literal */
	bool ended;
	char bytes[];
};

struct history {
	struct list entries;
	size_t count, bytes;
};

struct history *history_create(void)
{
	struct history *h = xalloc(sizeof *h);
	list_init(&h->entries);
	return h;
}

static size_t weight(const struct entry *e)
{
	return sizeof *e + e->event.len + e->result.cap + e->logs.cap;
}

static void entry_free(struct history *h, struct entry *e)
{
	list_remove(&e->link);
	h->count--;
	h->bytes -= weight(e);
	free(e->error_type);
	buf_fini(&e->result);
	buf_fini(&e->logs);
	free(e);
}

void history_destroy(struct history *h)
{
	if (h) {
		while (!list_empty(&h->entries)) {
			entry_free(h, container_of(h->entries.next, struct entry, link));
		}
		free(h);
	}
}

static void trim(struct history *h)
{
	while (h->count > HISTORY_RECORDS || (h->bytes > HISTORY_BYTES && h->count > 1)) {
		entry_free(h, container_of(h->entries.next, struct entry, link));
	}
}

void history_start(struct history *h, const struct lambda_record *r)
{
	struct span event =
		span_n(r->event.ptr, r->event.len < EVENT_MAX ? r->event.len : EVENT_MAX);
	size_t size = r->request_id.len + r->function.len + r->handler.len + r->source.len + 4 +
		      event.len;
	struct entry *e = xrealloc(NULL, sizeof *e + size);
	*e = (struct entry){ .started_ms = r->started_ms, .outcome = "running" };
	char *at = e->bytes;
	e->request_id = span_pack(&at, r->request_id);
	e->function = span_pack(&at, r->function);
	e->handler = span_pack(&at, r->handler);
	e->source = span_pack(&at, r->source);
	e->event = span_n(at, event.len);
	if (event.len) {
		memcpy(at, event.ptr, event.len);
	}
	list_init(&e->link);
	buf_init(&e->result, 16u << 20);
	buf_init(&e->logs, HISTORY_LOG_MAX);
	list_push_back(&h->entries, &e->link);
	h->count++;
	h->bytes += weight(e);
	trim(h);
}

/* The newest of that id: a retry has its predecessor's. Recent ones stand at the end. */
static struct entry *find(const struct history *h, struct span request_id)
{
	for (struct list *node = h->entries.prev; node != &h->entries; node = node->prev) {
		struct entry *e = container_of(node, struct entry, link);
		if (span_eq(e->request_id, request_id)) {
			return e;
		}
	}
	return NULL;
}

void history_log(struct history *h, const char *request_id, struct span text)
{
	struct entry *e = find(h, span_of(request_id));
	if (e) {
		h->bytes -= weight(e);
		buf_add_span(&e->logs, text);
		h->bytes += weight(e);
		trim(h);
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

void history_end(struct history *h, const struct lambda_record *r)
{
	struct entry *e = find(h, r->request_id);
	if (!e || e->ended) {
		return;
	}
	h->bytes -= weight(e);
	buf_add_span(&e->result, r->result);
	h->bytes += weight(e);
	e->error_type = *r->error_type ? xstrdup(r->error_type) : NULL;
	e->outcome = outcome_name(r->outcome);
	e->duration_ms = r->duration_ms;
	e->ended = true;
	trim(h);
}

/* --- reading --------------------------------------------------------------------------------- */

/* "API GET /private" -> "GET /private" */
static struct span route_of(const struct entry *e)
{
	return span_starts(e->source, SPAN("API ")) ? span_n(e->source.ptr + 4, e->source.len - 4)
						    : (struct span){ NULL, 0 };
}

static bool matches(const struct entry *e, const struct history_filter *f)
{
	return (!f->function.ptr || span_eq(f->function, e->function) ||
		       span_eq(f->function, e->handler)) &&
	       (!f->route.ptr || span_eq(f->route, route_of(e))) &&
	       (!f->request_id.ptr || span_eq(f->request_id, e->request_id));
}

static void add_value(struct buf *out, const char *name, struct span text)
{
	struct err err = ERR_INIT;
	cJSON *tree = json_parse(text, &err);
	json_add_name(out, name);
	if (tree) {
		buf_add_span(out, text);
	} else {
		json_add_string(out, text);
	}
	cJSON_Delete(tree);
}

static void add_entry(struct buf *out, const struct entry *e)
{
	buf_add_char(out, '{');
	json_add_member(out, "requestId", e->request_id);
	json_add_member(out, "function", e->function);
	json_add_member(out, "handler", e->handler);
	json_add_member(out, "source", e->source);
	if (route_of(e).ptr) {
		json_add_member(out, "route", route_of(e));
	}
	json_add_member_int(out, "startedMs", e->started_ms);
	json_add_member(out, "outcome", span_of(e->outcome));
	add_value(out, "event", e->event);
	if (e->ended) {
		json_add_name(out, "durationMs");
		buf_add_fixed2(out, e->duration_ms);
		json_add_member(out, "errorType", span_of(e->error_type ? e->error_type : ""));
		add_value(out, "response", buf_span(&e->result));
	}
	json_add_member(out, "logs", buf_span(&e->logs));
	buf_add_char(out, '}');
}

void history_write(const struct history *h, const struct history_filter *f, struct buf *out)
{
	size_t matching = 0;
	LIST_FOR (node, &h->entries) {
		matching += matches(container_of(node, struct entry, link), f);
	}
	size_t skip = f->limit && matching > f->limit ? matching - f->limit : 0;
	bool first = true;
	buf_add_char(out, '[');
	LIST_FOR (node, &h->entries) {
		const struct entry *e = container_of(node, struct entry, link);
		if (!matches(e, f) || skip) {
			skip -= skip && matches(e, f);
			continue;
		}
		buf_add_str(out, first ? "" : ",");
		first = false;
		add_entry(out, e);
	}
	buf_add_char(out, ']');
}
