#include "emulator/lambda/invocation.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/log.h"

struct invocation *invocation_open(const struct lambda_call *call, const struct model_function *f)
{
	char random[UUID_LEN + 1];
	uuid_random(random);
	const char *id = call->request_id ? call->request_id : random;
	const char *function = f ? f->name : call->function;
	const char *handler = f ? f->shown_handler : "";
	const char *source = call->source ? call->source : "";
	size_t size = strlen(id) + strlen(function) + strlen(handler) + strlen(source) + 4;
	struct invocation *inv = xalloc(sizeof *inv + size);
	list_init(&inv->order);
	list_init(&inv->bucket);
	char *at = inv->texts;
	inv->request_id = pack_text(&at, id);
	inv->function = pack_text(&at, function);
	inv->handler = pack_text(&at, handler);
	inv->source = pack_text(&at, source);
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
	return inv->request_id;
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
		json_add_member(out, "traceId", span_of(given));
		return;
	}
	char random[25];
	id_random(random, 24, ID_HEX);
	AUTO_FREE char *trace = xasprintf("Root=1-%08llx-%s;Parent=%.16s;Sampled=0",
		(unsigned long long)(inv->started_ms / 1000) & 0xffffffff, random, random + 4);
	json_add_member(out, "traceId", span_of(trace));
}

void invocation_meta(const struct invocation *inv, const struct lambda_call *call,
	const struct model_function *f, struct buf *out)
{
	AUTO_FREE char *arn =
		call->qualifier ? xasprintf("%s:%s", f->arn, call->qualifier) : xstrdup(f->arn);
	buf_add_char(out, '{');
	json_add_member(out, "function", span_of(f->name));
	json_add_member(out, "requestId", span_of(inv->request_id));
	json_add_member_int(out, "timeoutMs", (int64_t)f->timeout_s * 1000);
	json_add_member(out, "arn", span_of(arn));
	add_trace_id(out, inv, call->trace_id);
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
	AUTO_FREE char *message = xasprintf("RequestId: %s Error: %s", inv->request_id, what);
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

/* The stream broke after some bytes had left: its error comes in the meta. */
static bool read_stream_error(struct invocation_result *out)
{
	struct span error = json_span(out->meta, "streamError");
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

static void read_meta(struct invocation_result *out)
{
	const char *type = json_str(out->meta, "errorType");
	const char *detail = json_str(out->meta, "detail");
	bool ok = json_bool(out->meta, "ok", false);
	out->r.outcome = ok ? LAMBDA_OK : LAMBDA_FUNCTION_ERROR;
	out->r.error_type = ok || !type ? "" : type;
	out->r.detail = detail ? detail : "";
	out->r.duration_ms = json_num(out->meta, "durationMs", 0);
	if (base64_decode(&out->log_tail, json_span(out->meta, "logTail"))) {
		struct span tail = buf_span(&out->log_tail);
		size_t skip = tail.len > LAMBDA_LOG_TAIL ? tail.len - LAMBDA_LOG_TAIL : 0;
		out->r.log_tail = span_n(skip ? tail.ptr + skip : tail.ptr, tail.len - skip);
	}
}

void invocation_read_result(struct invocation *inv, struct span meta, struct span payload,
	struct invocation_result *out)
{
	struct err err = ERR_INIT;
	*out = (struct invocation_result){
		.r = { .error_type = "", .detail = "", .payload = payload },
		.error = BUF_INIT(LAMBDA_MAX_RESULT),
		.log_tail = BUF_INIT(1024 * 1024)
	};
	out->meta = json_parse(meta, &err);
	if (!out->meta) {
		log_warn("lambda", "%s: unreadable result: %s", inv->request_id, err.msg);
		invocation_platform_error(inv, "Runtime.ExitError",
			"Runtime exited without providing a reason", &out->error, &out->r);
		return;
	}
	read_meta(out);
	if (read_stream_error(out)) {
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
	cJSON_Delete(r->meta);
	buf_fini(&r->error);
	buf_fini(&r->log_tail);
}
