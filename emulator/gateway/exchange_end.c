/* How an exchange ends with an answer, and who is told. */
#include "emulator/gateway/access_log.h"
#include "emulator/gateway/cors.h"
#include "emulator/gateway/exchange_internal.h"

/* Bodies above this are handed over, not copied. */
#define COPY_BODY (64u * 1024)

static void write_access_log(struct exchange *e)
{
	const struct gateway_config *c = exchange_config(e);
	if (!e->stage || !*e->stage->access_log_format || !c->events.on_access_log) {
		return;
	}
	buf_clear(&e->env->line);
	access_log_write(&e->env->line, e->stage->access_log_format, &e->context);
	c->events.on_access_log(c->ctx, e->info.api, buf_span(&e->env->line));
}

void exchange_tell_response(struct exchange *e, int status)
{
	const struct gateway_config *c = exchange_config(e);
	if (c->events.on_response) {
		c->events.on_response(
			c->ctx, &e->info, status, exchange_ms_since(e, e->started_ns));
	}
}

void exchange_settle(struct exchange *e, int status, size_t length)
{
	exchange_move(e, EXCHANGE_REPLIED);
	list_remove(&e->waiting);
	e->context.status = status;
	e->context.response_length = length;
	e->context.response_latency_ms = exchange_ms_since(e, e->started_ns);
	exchange_tell_response(e, status);
	write_access_log(e);
}

void exchange_finish_headers(struct exchange *e, struct reply *r)
{
	if (e->api && e->api->api->cors) {
		cors_apply(e->api->api->cors, e->http, r);
	}
	/* The gateway's own 401s were seen with small letters on HTTP/1.1 (4.4). */
	bool refused = e->verdict.outcome == AUTH_UNAUTHORIZED;
	reply_header(r, refused ? SPAN("apigw-requestid") : SPAN("Apigw-Requestid"),
		span_of(e->request_id));
}

void exchange_answer(struct exchange *e, struct reply *r)
{
	struct buf *scratch = &e->env->body;
	struct snapshot *snapshot = exchange_snapshot(e);
	exchange_finish_headers(e, r);
	exchange_settle(e, r->status, r->body.len);
	struct http_reply reply = { r->status, r->headers, r->n_headers, r->body };
	bool whole = r->body.ptr && r->body.ptr == scratch->ptr && r->body.len == scratch->len;
	if (whole && r->body.len > COPY_BODY) {
		http_reply_buf(e->x, &reply, scratch);
	} else {
		http_reply(e->x, &reply);
	}
	if (scratch->cap > EXCHANGE_KEEP_SCRATCH) {
		buf_fini(scratch);
	}
	if (snapshot) {
		snapshot_drop(snapshot);
	}
}

struct span exchange_error_message(int status)
{
	struct span body = reply_error_body(status);
	struct span lead = SPAN("{\"message\":\"");
	return span_n(body.ptr + lead.len, body.len - lead.len - 2);
}

void exchange_tell_refused(struct exchange *e, int status, const char *check, const char *reason)
{
	const struct gateway_config *c = exchange_config(e);
	if (c->events.on_refused) {
		c->events.on_refused(c->ctx, &e->info, status, check, reason);
	}
}

void exchange_refuse(struct exchange *e, int status, const char *check, const char *reason)
{
	struct reply r;
	reply_init(&r, e->http->arena);
	reply_error(&r, status);
	e->context.error_message = exchange_error_message(status);
	e->context.refused_by = check;
	exchange_tell_refused(e, status, check, reason);
	exchange_answer(e, &r);
}
