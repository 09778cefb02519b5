#include "runtime/messages.h"

#include "proxy/base/encode.h"

#define DEFAULT_TIMEOUT_MS 3000
#define MAX_TIMEOUT_MS (900 * 1000)

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

static void add_ms(struct buf *out, const char *name, double ms)
{
	json_add_name(out, name);
	buf_add_fixed2(out, ms);
}

void messages_result(struct buf *out, const struct outcome *o)
{
	buf_add_char(out, '{');
	json_add_member_bool(out, "ok", o->ok);
	add_ms(out, "durationMs", o->duration_ms);
	if (*o->error_type) {
		json_add_member(out, "errorType", span_of(o->error_type));
	}
	if (o->init_ms > 0) {
		add_ms(out, "initMs", o->init_ms);
	}
	if (o->memory_mb) {
		json_add_member_int(out, "memoryMb", o->memory_mb);
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

struct invocation *messages_invocation(const struct wire_message *m, const cJSON *meta)
{
	struct invocation_texts texts = { json_str(meta, "requestId"), json_str(meta, "arn"),
		json_str(meta, "traceId"), json_str(meta, "clientContext"),
		json_str(meta, "identity") };
	struct invocation *inv = invocation_create(m->id, &texts, m->payload);
	double timeout = json_num(meta, "timeoutMs", DEFAULT_TIMEOUT_MS);
	inv->timeout_ms =
		timeout >= 1 && timeout <= MAX_TIMEOUT_MS ? (unsigned)timeout : MAX_TIMEOUT_MS;
	inv->log_tail = json_bool(meta, "logTail", false);
	return inv;
}
