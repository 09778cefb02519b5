/* A call of a function URL:
 *
 *   received --> invoking --> replied                    a result, or a refusal
 *                   |            ^
 *                   +-> streaming +                      RESPONSE_STREAM: the head has left
 *   any of them --> gone (the client left; the function runs on)
 *
 * The head of a stream leaves with its first byte, or, where the function describes the answer in a
 * prelude, when that is complete: until then a failure is still a 502. After it a failure can only close
 * the connection.
 *
 * The struct lives in the request's arena and dies with its http_exchange: book-keeping comes first
 * (settle), the answer is the last act. */
#include "emulator/gateway/url_call.h"

#include "emulator/gateway/cors.h"
#include "emulator/gateway/event.h"
#include "emulator/gateway/headers.h"
#include "emulator/gateway/reply.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"
#include "proxy/base/json.h"
#include "proxy/base/log.h"

#define SIGNATURE_WINDOW_S 300
#define MAX_PRELUDE (256u * 1024)
#define KEEP_SCRATCH (256u * 1024)
#define PRELUDE_TYPE "application/vnd.awslambda.http-integration-response"
#define FORBIDDEN                                                                                \
	SPAN("{\"Message\":\"Forbidden. For troubleshooting Function URL authorization issues, " \
	     "see: "                                                                             \
	     "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html\"}")

enum call_state {
	CALL_RECEIVED,
	CALL_INVOKING,
	CALL_STREAMING,
	CALL_REPLIED,
	CALL_GONE
};

struct url_call {
	struct url_listener *listener;
	struct http_exchange *x;
	const struct http_request *http;
	enum call_state state;
	char request_id[UUID_LEN + 1];
	char trace_id[EVENT_TRACE_LEN];
	uint64_t started_ns;
	struct auth_verdict verdict; /* AWS_IAM */
	struct gateway_request info;
	struct invocation *invocation;
	/* A streamed answer whose head has not left. */
	const char *content_type; /* NULL: no stream yet */
	bool has_prelude;
	int status; /* of a stream's head */
	struct buf prelude; /* until its eight NULs have come */
};

static void move(struct url_call *c, enum call_state to)
{
	static const unsigned moves[] = {
		[CALL_RECEIVED] = 1u << CALL_INVOKING | 1u << CALL_REPLIED | 1u << CALL_GONE,
		[CALL_INVOKING] = 1u << CALL_STREAMING | 1u << CALL_REPLIED | 1u << CALL_GONE,
		[CALL_STREAMING] = 1u << CALL_REPLIED | 1u << CALL_GONE,
		[CALL_REPLIED] = 0,
		[CALL_GONE] = 0,
	};
	ENSURE(moves[c->state] & 1u << to);
	log_debug("gateway", "%s: function URL: state %d -> %d", c->request_id, c->state, to);
	c->state = to;
}

/* --- the end ----------------------------------------------------------------------------------------- */

static void settle(struct url_call *c, enum call_state how, int status)
{
	const struct function_urls_config *config = c->listener->config;
	move(c, how);
	buf_fini(&c->prelude);
	if (config->events.on_response) {
		double ms = (double)(clock_mono_ns(config->clock) - c->started_ns) / 1e6;
		config->events.on_response(config->ctx, &c->info, status, ms);
	}
}

static void tell_refused(struct url_call *c, int status, const char *check, const char *reason)
{
	const struct function_urls_config *config = c->listener->config;
	if (config->events.on_refused) {
		config->events.on_refused(config->ctx, &c->info, status, check, reason);
	}
}

static bool is_platform_header(struct span name)
{
	return span_iis(name, "x-amzn-requestid") || span_iis(name, "x-amzn-trace-id");
}

/* CORS as configured wins over the function's (section 12). */
static void finish_headers(struct url_call *c, struct reply *r)
{
	const struct model_function *f = c->listener->function;
	if (f && f->url_cors) {
		cors_apply(f->url_cors, c->http, r);
	}
	reply_drop(r, is_platform_header);
	reply_header(r, SPAN("x-amzn-RequestId"), span_of(c->request_id));
	reply_header(r, SPAN("X-Amzn-Trace-Id"),
		span_of(arena_printf(r->arena, "root=%s", c->trace_id + strlen("Root="))));
}

static void answer(struct url_call *c, struct reply *r)
{
	struct buf *scratch = c->listener->body;
	finish_headers(c, r);
	settle(c, CALL_REPLIED, r->status);
	http_reply(c->x, &(struct http_reply){ r->status, r->headers, r->n_headers, r->body });
	if (scratch->cap > KEEP_SCRATCH) {
		buf_fini(scratch);
	}
}

/* An answer of the service's own. `type` is the x-amzn-ErrorType, or NULL. */
static void refuse(struct url_call *c, int status, const char *type, struct span body,
	const char *check, const char *reason)
{
	struct reply r;
	reply_init(&r, c->http->arena);
	r.status = status;
	r.body = body;
	/* That a failed function's text has this content type is unconfirmed. */
	reply_header(&r, SPAN("Content-Type"),
		type ? SPAN("application/json") : SPAN("text/plain; charset=utf-8"));
	if (type) {
		reply_header(&r, SPAN("x-amzn-ErrorType"), span_of(type));
	}
	tell_refused(c, status, check, reason);
	answer(c, &r);
}

static void refuse_failed(struct url_call *c, const char *check, const char *reason)
{
	refuse(c, 502, NULL, SPAN("Internal Server Error"), check, reason);
}

static void refuse_forbidden(struct url_call *c, const char *check, const char *reason)
{
	refuse(c, 403, "AccessDeniedException", FORBIDDEN, check, reason);
}

static void on_gone(void *ctx)
{
	struct url_call *c = ctx;
	if (c->invocation) {
		lambda_cancel(c->invocation);
	}
	settle(c, CALL_GONE, 0);
}

/* --- streams ----------------------------------------------------------------------------------------- */

static void on_drain(void *ctx)
{
	struct url_call *c = ctx;
	if (c->invocation) {
		lambda_chunk_credit(c->invocation);
	}
}

static void begin_stream(struct url_call *c, struct reply *r)
{
	finish_headers(c, r);
	c->status = r->status;
	move(c, CALL_STREAMING);
	http_on_drain(c->x, on_drain, c);
	http_reply_begin(c->x,
		&(struct http_reply){
			.status = r->status, .headers = r->headers, .n_headers = r->n_headers },
		-1);
}

/* A function that describes no answer sends bytes: 200 and its content type. */
static void begin_plain(struct url_call *c)
{
	struct reply r;
	reply_init(&r, c->http->arena);
	reply_header(&r, SPAN("Content-Type"), span_of(c->content_type));
	begin_stream(c, &r);
}

/* The prelude's JSON, then eight NULs, then the body; the NULs may be cut by pieces. Returns what follows
 * them, or ptr NULL while they have not come. */
static struct span take_prelude(struct url_call *c, struct span piece)
{
	static const char mark[8];
	size_t before = c->prelude.len, from = before > 7 ? before - 7 : 0;
	buf_add_span(&c->prelude, piece);
	if (c->prelude.overflow || !c->prelude.len) {
		return (struct span){ NULL, 0 };
	}
	const char *hit = memmem(c->prelude.ptr + from, c->prelude.len - from, mark, sizeof mark);
	if (!hit) {
		return (struct span){ NULL, 0 };
	}
	size_t end = (size_t)(hit - c->prelude.ptr);
	size_t rest = c->prelude.len - end - sizeof mark;
	c->prelude.len = end;
	return span_n(piece.ptr + piece.len - rest, rest);
}

/* A broken prelude is answered with 502 (unconfirmed); the function runs on, unheard. */
static void refuse_prelude(struct url_call *c, const char *reason)
{
	lambda_cancel(TAKE(c->invocation));
	refuse_failed(c, "result", reason);
}

static bool begin_described(struct url_call *c)
{
	struct reply r;
	struct err err = ERR_INIT;
	reply_init(&r, c->http->arena);
	if (reply_from_prelude(&r, arena_span(c->http->arena, buf_span(&c->prelude)), &err)) {
		refuse_prelude(c, err.msg);
		return false;
	}
	begin_stream(c, &r);
	return true;
}

static const char *checked_type(struct arena *arena, struct span type)
{
	bool fine = type.len && header_is_sendable(SPAN("content-type"), type);
	return fine ? arena_strndup(arena, type.ptr, type.len) : "application/octet-stream";
}

static bool on_chunk(void *ctx, struct span content_type, struct span piece)
{
	struct url_call *c = ctx;
	if (!c->content_type) {
		c->content_type = checked_type(c->http->arena, content_type);
		c->has_prelude = strcmp(c->content_type, PRELUDE_TYPE) == 0;
	}
	if (c->state == CALL_INVOKING && c->has_prelude) {
		piece = take_prelude(c, piece);
		if (c->prelude.overflow) {
			refuse_prelude(c,
				"the stream's prelude is larger than 256 KiB, or its eight "
				"NUL bytes are missing");
			return true;
		}
		if (!piece.ptr || !begin_described(c)) {
			return true;
		}
	} else if (c->state == CALL_INVOKING && piece.len) {
		begin_plain(c);
	}
	return !piece.len || http_reply_write(c->x, piece);
}

static void end_stream(struct url_call *c, const struct lambda_result *r)
{
	bool whole = r->outcome == LAMBDA_OK;
	if (!whole) {
		tell_refused(
			c, c->status, "function error", *r->detail ? r->detail : r->error_type);
	}
	settle(c, CALL_REPLIED, c->status);
	if (whole) {
		http_reply_end(c->x);
	} else {
		http_abort(c->x);
	}
}

/* --- results ----------------------------------------------------------------------------------------- */

static void on_payload(struct url_call *c, struct span payload)
{
	struct reply r;
	struct err err = ERR_INIT;
	reply_init(&r, c->http->arena);
	buf_clear(c->listener->body);
	if (reply_from_lambda(&r, payload, REPLY_URL, c->listener->body, &err)) {
		refuse_failed(c, "result", err.msg);
		return;
	}
	answer(c, &r);
}

static void on_ok(struct url_call *c, const struct lambda_result *r)
{
	if (!c->content_type) {
		on_payload(c, r->payload);
	} else if (c->has_prelude) {
		/* Node's client sends the prelude with the first write only. */
		refuse_failed(c, "result",
			"the stream ended before its prelude was complete: write at least once, if "
			"only an empty string");
	} else {
		begin_plain(c); /* an empty stream */
		end_stream(c, r);
	}
}

static void on_function_error(struct url_call *c, const struct lambda_result *r)
{
	if (strcmp(r->error_type, "Function.ResponseSizeTooLarge") == 0) {
		refuse(c, 413, "RequestEntityTooLargeException", r->payload, "result",
			"the function's result is larger than 6 MB");
		return;
	}
	refuse_failed(c, "function error", *r->detail ? r->detail : r->error_type);
}

static void on_result(void *ctx, const struct lambda_result *r)
{
	struct url_call *c = ctx;
	c->invocation = NULL;
	if (c->state == CALL_STREAMING) {
		end_stream(c, r);
		return;
	}
	switch (r->outcome) {
	case LAMBDA_OK:
		on_ok(c, r);
		return;
	case LAMBDA_FUNCTION_ERROR:
		on_function_error(c, r);
		return;
	case LAMBDA_THROTTLED:
		refuse(c, 429, "TooManyRequestsException",
			SPAN("{\"Reason\":\"ReservedFunctionConcurrentInvocationLimitExceeded\","
			     "\"Type\":\"User\",\"message\":\"Rate Exceeded.\"}"),
			"concurrency", r->detail);
		return;
	case LAMBDA_UNAVAILABLE:
		refuse_failed(c, "function", r->detail);
		return;
	}
}

/* --- the beginning ----------------------------------------------------------------------------------- */

static void write_event(struct url_call *c, const struct model_function *f)
{
	bool open = strcmp(f->url_auth, "NONE") == 0;
	struct event_input in = { .http = c->http,
		.account = open ? "anonymous" : c->listener->model->account,
		.api_id = f->url_id,
		.route_key = "$default",
		.resource = "$default",
		.stage = "$default",
		.request_id = c->request_id,
		.trace_id = c->trace_id,
		.now_ms = clock_now_ms(c->listener->config->clock),
		.verdict = open ? NULL : &c->verdict,
		.function_url = true };
	buf_clear(c->listener->event);
	event_write(&in, true, c->listener->event);
}

static void invoke(struct url_call *c, const struct model_function *f)
{
	struct buf *event = c->listener->event;
	write_event(c, f);
	if (event->overflow) {
		buf_fini(event);
		refuse(c, 413, "RequestEntityTooLargeException", URL_TOO_LARGE, "limit",
			"the event is larger than Lambda's 6 MB");
		return;
	}
	move(c, CALL_INVOKING);
	struct lambda_call call = { .function = f->name,
		.payload = buf_span(event),
		.source = arena_printf(c->http->arena, "URL %.*s %.*s", SPAN_ARG(c->http->method),
			SPAN_ARG(c->http->path)),
		.request_id = c->request_id,
		.trace_id = c->trace_id,
		.on_chunk = f->url_streaming ? on_chunk : NULL,
		.done = on_result,
		.ctx = c };
	c->invocation = lambda_invoke(c->listener->config->lambda, &call);
	if (event->cap > KEEP_SCRATCH) {
		buf_fini(event);
	}
}

/* The first line of the reason is the text that the service answers with (auth.h). */
static void refuse_signature(
	struct url_call *c, const char *aws_error, const char *check, const char *reason)
{
	if (strcmp(aws_error, "SignatureDoesNotMatch") != 0) {
		refuse_forbidden(c, check, reason);
		return;
	}
	struct buf body = BUF_INIT(4096);
	struct span rest = span_of(reason);
	buf_add_char(&body, '{');
	json_add_member(&body, "message", span_cut(&rest, '\n'));
	buf_add_char(&body, '}');
	struct span text = arena_span(c->http->arena, buf_span(&body));
	buf_fini(&body);
	refuse(c, 403, "InvalidSignatureException", text, check, reason);
}

/* Does the function's own policy allow it to the role or user? */
static bool is_named(const struct model_function *f, const struct auth_caller *caller)
{
	for (size_t i = 0; i < f->url_callers.n; i++) {
		if (strcmp(f->url_callers.at[i], caller->role_arn) == 0 ||
			strcmp(f->url_callers.at[i], caller->iam.user_arn) == 0) {
			return true;
		}
	}
	return f->url_public;
}

/* Same account: the caller's policy or the function's own must allow it. That URLs made since October 2025
 * ask for lambda:InvokeFunction as well is left out: it would refuse what older stacks run with. */
static bool is_authorized(struct url_call *c, const struct model_function *f)
{
	struct auth *auth = c->listener->config->auth;
	struct arena *arena = c->http->arena;
	struct auth_caller caller;
	const char *check = "", *reason = "", *aws_error = "";
	if (!auth_verify_sigv4(auth, c->http, "lambda", SIGNATURE_WINDOW_S, arena, &caller, &check,
		    &reason, &aws_error)) {
		refuse_signature(c, aws_error, check, reason);
		return false;
	}
	if (!is_named(f, &caller) && !auth_allowed(auth, &caller, "lambda:InvokeFunctionUrl",
					     f->arn, c->http, arena, &reason)) {
		refuse_forbidden(c, "policy", reason);
		return false;
	}
	c->verdict = (struct auth_verdict){
		.outcome = AUTH_ALLOW, .kind = MODEL_AUTH_IAM, .iam = caller.iam
	};
	return true;
}

/* The service answers preflights itself; that it does so with 200 is unconfirmed. */
static void answer_preflight(struct url_call *c)
{
	struct reply r;
	reply_init(&r, c->http->arena);
	answer(c, &r);
}

static void decide(struct url_call *c, const struct model_function *f)
{
	if (!f) {
		refuse(c, 403, "AccessDeniedException", SPAN("{\"Message\":null}"), "URL",
			"the app no longer has this function URL");
	} else if (f->url_cors && cors_is_preflight(c->http)) {
		answer_preflight(c);
	} else if (strcmp(f->url_auth, "AWS_IAM") == 0) {
		if (is_authorized(c, f)) {
			invoke(c, f);
		}
	} else if (!f->url_public) {
		refuse_forbidden(c, "permission",
			"no AWS::Lambda::Permission lets everyone call lambda:InvokeFunctionUrl");
	} else {
		invoke(c, f);
	}
}

void url_call_begin(struct url_listener *l, struct http_exchange *x)
{
	const struct http_request *http = http_request(x);
	struct url_call *c = arena_alloc(http->arena, sizeof *c);
	const char *name = l->function ? arena_strdup(http->arena, l->function->name) : "";
	c->listener = l;
	c->x = x;
	c->http = http;
	c->started_ns = clock_mono_ns(l->config->clock);
	uuid_random(c->request_id);
	event_trace_id(http, clock_now_ms(l->config->clock), c->trace_id);
	buf_init(&c->prelude, MAX_PRELUDE);
	c->info = (struct gateway_request){ c->request_id, name, http->method, http->target,
		"$default", name, http->peer };
	http_on_gone(x, on_gone, c);
	if (l->config->events.on_request) {
		l->config->events.on_request(l->config->ctx, &c->info);
	}
	decide(c, l->function);
}
