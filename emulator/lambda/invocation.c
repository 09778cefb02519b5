#include "emulator/lambda/invocation.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/log.h"
#include "proxy/base/scan.h"

struct invocation *invocation_open(const struct lambda_call *call, const struct model_function *f)
{
	char random[UUID_LEN + 1];
	if (!call->request_id) {
		uuid_random(random);
	}
	struct span id = call->request_id ? span_of(call->request_id) : span_n(random, UUID_LEN);
	struct span function = span_of(f ? f->name : call->function);
	struct span handler = span_of(f ? f->shown_handler : "");
	struct span source = span_of(call->source);
	size_t size = id.len + function.len + handler.len + source.len + 4;
	struct invocation *inv = xalloc(sizeof *inv + size);
	list_init(&inv->order);
	list_init(&inv->bucket);
	char *at = inv->texts;
	inv->request_id = span_pack(&at, id);
	inv->function = span_pack(&at, function);
	inv->handler = span_pack(&at, handler);
	inv->source = span_pack(&at, source);
	inv->timeout_s = f ? f->timeout_s : 0;
	inv->on_chunk = call->on_chunk;
	inv->done = call->done;
	inv->ctx = call->ctx;
	buf_init(&inv->collected, LAMBDA_MAX_STREAM);
	return inv;
}

void invocation_free(struct invocation *inv)
{
	list_remove(&inv->order);
	list_remove(&inv->bucket);
	buf_fini(&inv->collected);
	free(inv->detail);
	free(inv);
}

const char *invocation_id(const struct invocation *inv)
{
	return inv->request_id.ptr;
}

void invocation_move(struct invocation *inv, enum invocation_state next)
{
	/* Bit n of arrows[s]: the state s may become n. */
	static const unsigned arrows[] = {
		[INVOCATION_WAITING] = 1u << INVOCATION_SENT | 1u << INVOCATION_ENDED,
		[INVOCATION_SENT] = 1u << INVOCATION_STREAMING | 1u << INVOCATION_ENDED,
		[INVOCATION_STREAMING] = 1u << INVOCATION_STREAMING | 1u << INVOCATION_ENDED,
		[INVOCATION_ENDED] = 0,
	};
	ENSURE(arrows[inv->state] & 1u << next);
	inv->state = next;
}

static void add_trace_id(struct buf *out, const struct invocation *inv, const char *given)
{
	if (given) {
		json_add_string(out, span_of(given));
		return;
	}
	char random[25];
	id_random(random, 24, ID_HEX);
	buf_addf(out, "\"Root=1-%08llx-%s;Parent=%.16s;Sampled=0\"",
		(unsigned long long)(inv->started_ms / 1000) & 0xffffffff, random, random + 4);
}

void invocation_meta(const struct invocation *inv, const struct lambda_call *call,
	const struct model_function *f, struct buf *out)
{
	buf_add_span(out, SPAN("{\"function\":"));
	json_add_string(out, inv->function);
	buf_add_span(out, SPAN(",\"requestId\":"));
	json_add_string(out, inv->request_id);
	buf_add_span(out, SPAN(",\"traceId\":"));
	add_trace_id(out, inv, call->trace_id);
	if (call->qualifier) {
		AUTO_FREE char *arn = xasprintf("%s:%s", f->arn, call->qualifier);
		json_add_member(out, "arn", span_of(arn));
	}
	if (call->client_context.len) {
		json_add_member(out, "clientContext", call->client_context);
	}
	if (call->cognito_identity.len) {
		json_add_member(out, "identity", call->cognito_identity);
	}
	if (call->want_log_tail) {
		json_add_member_bool(out, "logTail", true);
	}
	buf_add_char(out, '}');
}

void invocation_platform_error(const struct invocation *inv, const char *type, const char *what,
	struct buf *out, struct lambda_result *r)
{
	buf_clear(out);
	buf_add_char(out, '{');
	json_add_member(out, "errorType", span_of(type));
	AUTO_FREE char *message = xasprintf("RequestId: %s Error: %s", inv->request_id.ptr, what);
	json_add_member(out, "errorMessage", span_of(message));
	buf_add_char(out, '}');
	r->outcome = LAMBDA_FUNCTION_ERROR;
	r->error_type = type;
	r->payload = buf_span(out);
}

/* A platform error without the request id in front (reference lambda 1.4). */
static void too_large(struct invocation_result *out)
{
	buf_clear(&out->error);
	buf_addf(&out->error,
		"{\"errorMessage\":\"Response payload size exceeded maximum allowed payload size "
		"(%d "
		"bytes).\",\"errorType\":\"Function.ResponseSizeTooLarge\"}",
		LAMBDA_MAX_RESULT);
	out->r.outcome = LAMBDA_FUNCTION_ERROR;
	out->r.error_type = "Function.ResponseSizeTooLarge";
	out->r.payload = buf_span(&out->error);
}

/* RESULT's meta, read in one pass. Spans lie in it, quoted or raw; empty: absent. */
struct result_meta {
	struct span ok, duration_us, error_type, detail, log_tail, stream_error;
};

static void read_member(struct result_meta *m, struct span name, struct span value)
{
	bool text = scan_is_string(value);
	if (scan_says(name, "ok")) {
		m->ok = value;
	} else if (scan_says(name, "durationUs")) {
		m->duration_us = value;
	} else if (text && scan_says(name, "errorType")) {
		m->error_type = value;
	} else if (text && scan_says(name, "detail")) {
		m->detail = value;
	} else if (text && scan_says(name, "logTail")) {
		m->log_tail = value;
	} else if (text && scan_says(name, "streamError")) {
		m->stream_error = value;
	}
}

static bool read_meta(struct result_meta *m, struct span meta)
{
	struct scan s;
	struct span name, value;
	*m = (struct result_meta){ 0 };
	if (!scan_open(&s, meta) || s.close != '}') {
		return false;
	}
	while (scan_next(&s, &name, &value)) {
		read_member(m, name, value);
	}
	return !s.bad;
}

/* The two texts stand in out->text, a NUL behind each; one buffer, so it must not move between them. */
static const char *add_text(struct invocation_result *out, struct span quoted)
{
	if (!quoted.len) {
		return "";
	}
	size_t start = out->text.len;
	scan_unescape(&out->text, quoted);
	buf_add_char(&out->text, '\0');
	return out->text.ptr + start;
}

static void take_texts(struct invocation_result *out, const struct result_meta *m)
{
	if (m->detail.len || m->error_type.len) {
		/* What is unescaped is shorter than its quoted text, so there is room for the NUL. */
		ENSURE(buf_reserve(&out->text, m->detail.len + m->error_type.len));
		out->r.detail = add_text(out, m->detail);
		out->r.error_type = out->r.outcome == LAMBDA_OK ? "" : add_text(out, m->error_type);
	}
}

static void take_log_tail(struct invocation_result *out, struct span quoted)
{
	if (quoted.len && base64_decode(&out->log_tail, scan_plain(quoted))) {
		struct span tail = buf_span(&out->log_tail);
		size_t skip = tail.len > LAMBDA_LOG_TAIL ? tail.len - LAMBDA_LOG_TAIL : 0;
		out->r.log_tail = span_n(skip ? tail.ptr + skip : tail.ptr, tail.len - skip);
	}
}

/* The stream broke after some bytes had left: its error comes in the meta. */
static bool take_stream_error(struct invocation_result *out, struct span quoted)
{
	struct span error = quoted.len ? scan_plain(quoted) : quoted;
	if (!error.len || !base64_decode(&out->error, error)) {
		return false;
	}
	out->r.outcome = LAMBDA_FUNCTION_ERROR;
	out->r.payload = buf_span(&out->error);
	if (!*out->r.error_type) {
		out->r.error_type = "Unhandled";
	}
	return true;
}

void invocation_read_result(struct invocation *inv, struct span meta, struct span payload,
	struct invocation_result *out)
{
	struct result_meta m;
	uint64_t us = 0;
	*out = (struct invocation_result){
		.r = { .error_type = "", .detail = "", .payload = payload },
		.text = BUF_INIT(meta.len),
		.error = BUF_INIT(LAMBDA_MAX_RESULT),
		.log_tail = BUF_INIT(1024 * 1024)
	};
	if (!read_meta(&m, meta)) {
		log_warn("lambda", "%s: unreadable result", inv->request_id.ptr);
		invocation_platform_error(inv, "Runtime.ExitError",
			"Runtime exited without providing a reason", &out->error, &out->r);
		return;
	}
	out->r.outcome = span_eq(m.ok, SPAN("true")) ? LAMBDA_OK : LAMBDA_FUNCTION_ERROR;
	(void)span_u64(m.duration_us, UINT32_MAX, &us);
	out->r.duration_ms = (double)us / 1000;
	take_texts(out, &m);
	take_log_tail(out, m.log_tail);
	if (take_stream_error(out, m.stream_error)) {
		return;
	}
	if (inv->state == INVOCATION_STREAMING && !inv->on_chunk && out->r.outcome == LAMBDA_OK) {
		out->r.payload = buf_span(&inv->collected);
	}
	if (out->r.payload.len > LAMBDA_MAX_RESULT || inv->collected.overflow) {
		too_large(out);
	}
}

void invocation_result_fini(struct invocation_result *r)
{
	buf_fini(&r->text);
	buf_fini(&r->error);
	buf_fini(&r->log_tail);
}
