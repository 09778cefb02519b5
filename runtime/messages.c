#include "runtime/messages.h"

#include "proxy/base/encode.h"
#include "proxy/base/scan.h"

void messages_app(struct buf *out, const char *app, const char *region)
{
	buf_add_char(out, '{');
	json_add_member(out, "app", span_of(app));
	json_add_member(out, "region", span_of(region));
	buf_add_char(out, '}');
}

void messages_stacks(struct buf *out, const cJSON *stacks)
{
	buf_add_str(out, "{\"stacks\":");
	if (stacks) {
		json_add_tree(out, stacks);
	} else {
		buf_add_str(out, "[]");
	}
	buf_add_char(out, '}');
}

void messages_result(struct buf *out, const struct outcome *o)
{
	buf_add_span(out, o->ok ? SPAN("{\"ok\":true,\"durationUs\":")
				: SPAN("{\"ok\":false,\"durationUs\":"));
	buf_add_u64(out, (uint64_t)(o->duration_ms * 1000 + 0.5));
	if (*o->error_type) {
		json_add_member(out, "errorType", span_of(o->error_type));
	}
	if (o->log_tail.len) {
		struct buf encoded = BUF_INIT(16 * 1024);
		base64_encode(&encoded, o->log_tail);
		json_add_member(out, "logTail", buf_span(&encoded));
		buf_fini(&encoded);
	}
	if (o->stream_error.len) {
		json_add_member(out, "streamError", o->stream_error);
	}
	if (*o->detail) {
		json_add_member(out, "detail", span_of(o->detail));
	}
	buf_add_char(out, '}');
}

void messages_chunk(struct buf *out, struct span content_type)
{
	buf_add_char(out, '{');
	if (content_type.ptr) {
		json_add_member(out, "contentType", content_type);
	}
	buf_add_char(out, '}');
}

void messages_log(struct buf *out, const char *function, const char *request_id, enum log_kind kind)
{
	static const char *const names[] = {
		[LOG_PLATFORM] = "platform", [LOG_STDOUT] = "stdout", [LOG_STDERR] = "stderr"
	};
	buf_add_char(out, '{');
	json_add_member(out, "function", span_of(function));
	json_add_member(out, "requestId", span_of(request_id));
	json_add_member(out, "kind", span_of(names[kind]));
	buf_add_char(out, '}');
}

void messages_note(struct buf *out, const char *kind, const char *function, const char *text)
{
	buf_add_char(out, '{');
	json_add_member(out, "kind", span_of(kind));
	json_add_member(out, "function", span_of(function));
	json_add_member(out, "text", span_of(text));
	buf_add_char(out, '}');
}

static struct span read_text(struct buf *text, struct span value)
{
	if (!scan_is_string(value)) {
		return SPAN("");
	}
	struct span plain = scan_plain(value);
	if (plain.ptr) {
		return plain;
	}
	size_t start = text->len;
	scan_unescape(text, value);
	return span_n(text->ptr + start, text->len - start);
}

struct span messages_order(
	const struct wire_message *m, struct invocation_order *order, struct buf *text)
{
	struct span function = SPAN(""), name, value;
	struct scan s;
	*order = (struct invocation_order){ .id = m->id, .payload = m->payload };
	/* Unescaped, a text is shorter: the buffer does not move while there are spans into it. */
	if (span_find(m->meta, '\\') >= 0 && !buf_reserve(text, m->meta.len)) {
		return function;
	}
	if (!scan_open(&s, m->meta) || s.close != '}') {
		return function;
	}
	while (scan_next(&s, &name, &value)) {
		if (scan_says(name, "function")) {
			function = read_text(text, value);
		} else if (scan_says(name, "requestId")) {
			order->request_id = read_text(text, value);
		} else if (scan_says(name, "traceId")) {
			order->trace_id = read_text(text, value);
		} else if (scan_says(name, "arn")) {
			order->arn = read_text(text, value);
		} else if (scan_says(name, "clientContext")) {
			order->client_context = read_text(text, value);
		} else if (scan_says(name, "identity")) {
			order->identity = read_text(text, value);
		} else if (scan_says(name, "logTail")) {
			order->log_tail = span_eq(value, SPAN("true"));
		}
	}
	return function;
}
