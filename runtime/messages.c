#include "runtime/messages.h"

#include "proxy/base/encode.h"
#include "proxy/base/scan.h"

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

/* INVOKE's meta: texts that end with NUL, all in one buffer, by their place in it (0 = absent). */
enum invoke_text {
	FUNCTION,
	REQUEST_ID,
	ARN,
	TRACE_ID,
	CLIENT_CONTEXT,
	IDENTITY,
	N_TEXTS
};

struct invoke {
	struct buf text;
	size_t at[N_TEXTS];
	unsigned timeout_ms;
	bool log_tail;
};

static void read_text(struct invoke *in, enum invoke_text which, struct span value)
{
	if (scan_is_string(value)) {
		in->at[which] = in->text.len;
		scan_unescape(&in->text, value);
		buf_add_char(&in->text, '\0');
	}
}

static void read_member(struct invoke *in, struct span name, struct span value)
{
	static const char *const names[N_TEXTS] = { "function", "requestId", "arn", "traceId",
		"clientContext", "identity" };
	for (unsigned i = 0; i < N_TEXTS; i++) {
		if (scan_says(name, names[i])) {
			read_text(in, (enum invoke_text)i, value);
			return;
		}
	}
	if (scan_says(name, "timeoutMs")) {
		uint64_t ms;
		bool fits = span_u64(value, MAX_TIMEOUT_MS, &ms) && ms > 0;
		in->timeout_ms = fits ? (unsigned)ms : MAX_TIMEOUT_MS;
	} else if (scan_says(name, "logTail")) {
		in->log_tail = span_is(value, "true");
	}
}

static const char *text_of(const struct invoke *in, enum invoke_text which)
{
	return in->at[which] ? in->text.ptr + in->at[which] : NULL;
}

struct invocation *messages_invocation(const struct wire_message *m, struct buf *function)
{
	struct invoke in = { .text = BUF_INIT(2 * 1024 * 1024), .timeout_ms = DEFAULT_TIMEOUT_MS };
	struct scan s;
	struct span name, value;
	buf_add_char(&in.text, '\0'); /* so that no text stands at 0 */
	if (scan_open(&s, m->meta) && s.close == '}') {
		while (scan_next(&s, &name, &value)) {
			read_member(&in, name, value);
		}
	}
	struct invocation_texts texts = { text_of(&in, REQUEST_ID), text_of(&in, ARN),
		text_of(&in, TRACE_ID), text_of(&in, CLIENT_CONTEXT), text_of(&in, IDENTITY) };
	struct invocation *inv = invocation_create(m->id, &texts, m->payload);
	inv->timeout_ms = in.timeout_ms;
	inv->log_tail = in.log_tail;
	const char *named = text_of(&in, FUNCTION);
	buf_add_str(function, named ? named : "");
	buf_add_char(function, '\0');
	buf_fini(&in.text);
	return inv;
}
