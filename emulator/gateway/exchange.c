/* One exchange, as a checked state machine:
 *
 *   received --> routed --> authorizing --> authorized --> invoking --> replied
 *      |            |            |               |             |           ^
 *      |            |            |               +--> relaying-+-----------+
 *      |            |            |               |             |           |
 *      +------------+------------+---------------+-------------+--> (refused: the gateway's own answer)
 *      any of them --> gone (the client left)
 *
 * received    nothing is known but the request; no API, no stage, no route: 404. Preflights end here.
 * routed      stage and route are chosen; throttled: 429.
 * authorizing auth has the request; it may answer at once, inside auth_check.
 * authorized  may pass; an integration that cannot be called: 500; an event that is too large: 413.
 * invoking    the function runs; the deadline is a place in env->waiting: 503.
 * relaying    an HTTP backend has the request and answers through http_proxy.
 * replied     the answer has been handed over; nothing may be touched any more.
 * gone        what ran was cancelled; nothing may be touched any more.
 *
 * The struct lives in the request's arena and so dies with its http_exchange: whatever ends an exchange
 * does its book-keeping first (settle) and hands over the answer as its last act. */
#include "emulator/gateway/exchange.h"

#include <stdio.h>

#include "emulator/gateway/access_log.h"
#include "emulator/gateway/cors.h"
#include "emulator/gateway/http_proxy.h"
#include "emulator/gateway/reply.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"
#include "proxy/base/log.h"

/* Lambda's limits for a synchronous invocation (lambda.md 1): in and, with its envelope, out. */
#define MAX_EVENT 6291456u
#define MAX_BODY (10u * 1024 * 1024)
#define MAX_LOG_LINE (1024u * 1024)
/* Scratch memory above this is not kept between requests. */
#define KEEP_SCRATCH (256u * 1024)
/* Bodies above this are handed over, not copied. */
#define COPY_BODY (64u * 1024)

#define STATES(X)                                                                                  \
	X(RECEIVED, "received")                                                                    \
	X(ROUTED, "routed")                                                                        \
	X(AUTHORIZING, "authorizing")                                                              \
	X(AUTHORIZED, "authorized")                                                                \
	X(INVOKING, "invoking")                                                                    \
	X(RELAYING, "relaying")                                                                    \
	X(REPLIED, "replied")                                                                      \
	X(GONE, "gone")

enum state {
#define X(name, text) name,
	STATES(X)
#undef X
};

#define TO(s) (1u << (s))
static const unsigned MOVES[] = {
	[RECEIVED] = TO(ROUTED) | TO(REPLIED) | TO(GONE),
	[ROUTED] = TO(AUTHORIZING) | TO(REPLIED) | TO(GONE),
	[AUTHORIZING] = TO(AUTHORIZED) | TO(REPLIED) | TO(GONE),
	[AUTHORIZED] = TO(INVOKING) | TO(RELAYING) | TO(REPLIED) | TO(GONE),
	[INVOKING] = TO(REPLIED) | TO(GONE),
	[RELAYING] = TO(REPLIED) | TO(GONE),
	[REPLIED] = 0,
	[GONE] = 0,
};

struct exchange {
	struct exchange_env *env;
	struct http_exchange *x;
	const struct http_request *http;
	struct snapshot_api *api; /* holds its snapshot; NULL: no such API */
	enum state state;
	char request_id[GATEWAY_ID_LEN + 1];
	char trace_id[48];
	uint64_t started_ns, invoked_ns;
	const struct model_stage *stage;
	struct span path; /* without the stage's segment */
	struct route_match match;
	struct event_input event;
	struct context context;
	struct gateway_request info;
	/* Authorizing. */
	struct auth_request question;
	struct auth_job *job;
	bool *answered; /* set when auth answered within auth_check */
	struct auth_verdict verdict;
	/* Invoking and relaying. */
	struct invocation *invocation;
	struct http_proxy *proxy;
	uint64_t deadline_ns;
	struct list waiting; /* in env->waiting */
};

static void move(struct exchange *e, enum state to)
{
	static const char *const names[] = {
#define X(name, text) text,
		STATES(X)
#undef X
	};
	if (!(MOVES[e->state] & TO(to))) {
		log_error("gateway", "%s: cannot move from %s to %s", e->request_id,
			names[e->state], names[to]);
	}
	ENSURE(MOVES[e->state] & TO(to));
	log_debug("gateway", "%s: %s -> %s", e->request_id, names[e->state], names[to]);
	e->state = to;
}

static const struct gateway_config *config_of(const struct exchange *e)
{
	return e->env->config;
}

static double ms_since(const struct exchange *e, uint64_t then_ns)
{
	return (double)(clock_mono_ns(config_of(e)->clock) - then_ns) / 1e6;
}

/* --- ending --------------------------------------------------------------------------------------- */

static void write_access_log(struct exchange *e)
{
	const struct gateway_config *c = config_of(e);
	if (!e->stage || !*e->stage->access_log_format || !c->events.on_access_log) {
		return;
	}
	buf_clear(&e->env->line);
	access_log_write(&e->env->line, e->stage->access_log_format, &e->context);
	c->events.on_access_log(c->ctx, e->info.api, buf_span(&e->env->line));
}

static void tell_response(struct exchange *e, int status)
{
	const struct gateway_config *c = config_of(e);
	if (c->events.on_response) {
		c->events.on_response(c->ctx, &e->info, status, ms_since(e, e->started_ns));
	}
}

/* The last book-keeping of an answered exchange. */
static void settle(struct exchange *e, int status, size_t length)
{
	move(e, REPLIED);
	list_remove(&e->waiting);
	e->context.status = status;
	e->context.response_length = length;
	e->context.response_latency_ms = ms_since(e, e->started_ns);
	tell_response(e, status);
	write_access_log(e);
}

/* The headers that every answer gets last. */
static void finish_headers(struct exchange *e, struct reply *r)
{
	if (e->api && e->api->api->cors) {
		cors_apply(e->api->api->cors, e->http, r);
	}
	reply_header(r, SPAN("Apigw-Requestid"), span_of(e->request_id));
}

static struct snapshot *snapshot_of(struct exchange *e)
{
	return e->api ? e->api->owner : NULL;
}

/* Hands the answer over; e is gone afterwards. */
static void answer(struct exchange *e, struct reply *r)
{
	struct buf *scratch = &e->env->body;
	struct snapshot *snapshot = snapshot_of(e);
	finish_headers(e, r);
	settle(e, r->status, r->body.len);
	struct http_reply reply = { r->status, r->headers, r->n_headers, r->body };
	bool whole = r->body.ptr && r->body.ptr == scratch->ptr && r->body.len == scratch->len;
	if (whole && r->body.len > COPY_BODY) {
		http_reply_buf(e->x, &reply, scratch);
	} else {
		http_reply(e->x, &reply);
	}
	if (scratch->cap > KEEP_SCRATCH) {
		buf_fini(scratch);
	}
	if (snapshot) {
		snapshot_drop(snapshot);
	}
}

static struct span message_of(int status)
{
	struct span body = reply_error_body(status);
	struct span lead = SPAN("{\"message\":\"");
	return span_n(body.ptr + lead.len, body.len - lead.len - 2);
}

static void tell_refused(struct exchange *e, int status, const char *check, const char *reason)
{
	const struct gateway_config *c = config_of(e);
	if (c->events.on_refused) {
		c->events.on_refused(c->ctx, &e->info, status, check, reason);
	}
}

/* The gateway's own answer, with the reason told to the developer. */
static void refuse(struct exchange *e, int status, const char *check, const char *reason)
{
	struct reply r;
	reply_init(&r, e->http->arena);
	reply_error(&r, status);
	e->context.error_message = message_of(status);
	tell_refused(e, status, check, reason);
	answer(e, &r);
}

static void on_gone(void *ctx)
{
	struct exchange *e = ctx;
	struct snapshot *snapshot = snapshot_of(e);
	switch (e->state) {
	case AUTHORIZING:
		auth_cancel(e->job);
		break;
	case INVOKING:
		lambda_cancel(e->invocation);
		break;
	case RELAYING:
		http_proxy_cancel(e->proxy);
		break;
	default: /* the others do not wait for anything */
		break;
	}
	move(e, GONE);
	list_remove(&e->waiting);
	tell_response(e, 0);
	if (snapshot) {
		snapshot_drop(snapshot);
	}
}

/* --- invoking --------------------------------------------------------------------------------------- */

static void arm(struct exchange_env *env)
{
	struct list *first = list_first(&env->waiting);
	if (!first) {
		timer_stop(env->timer);
		return;
	}
	const struct exchange *e = container_of(first, struct exchange, waiting);
	uint64_t now = clock_mono_ns(env->config->clock);
	timer_arm(env->timer, e->deadline_ns > now ? (e->deadline_ns - now) / 1000000 + 1 : 0);
}

static void on_deadline(void *ctx)
{
	struct exchange_env *env = ctx;
	uint64_t now = clock_mono_ns(env->config->clock);
	struct list *first;
	while ((first = list_first(&env->waiting))) {
		struct exchange *e = container_of(first, struct exchange, waiting);
		if (e->deadline_ns > now) {
			break;
		}
		lambda_cancel(e->invocation);
		e->context.integration_error = "the integration timed out";
		refuse(e, 503, "timeout",
			arena_printf(e->http->arena,
				"function '%s' did not answer within %u ms, the integration's "
				"timeout",
				e->info.function, e->match.route->integration->timeout_ms));
	}
	arm(env);
}

/* Nearly always the last: most integrations have the same timeout. */
static void wait_until(struct exchange *e, uint64_t deadline_ns)
{
	struct exchange_env *env = e->env;
	bool was_empty = list_empty(&env->waiting);
	e->deadline_ns = deadline_ns;
	struct list *at = &env->waiting;
	while (at->prev != &env->waiting &&
		container_of(at->prev, struct exchange, waiting)->deadline_ns > deadline_ns) {
		at = at->prev;
	}
	list_insert_before(at, &e->waiting);
	if (was_empty || list_first(&env->waiting) == &e->waiting) {
		arm(env);
	}
}

static void on_payload(struct exchange *e, struct span payload)
{
	struct reply r;
	struct err err = ERR_INIT;
	reply_init(&r, e->http->arena);
	buf_clear(&e->env->body);
	if (reply_from_lambda(&r, payload, e->match.route->integration->payload_v2, &e->env->body,
		    &err)) {
		e->context.integration_error = "the function's result is malformed";
		refuse(e, 500, "result", err.msg);
		return;
	}
	e->context.integration_status = r.status;
	answer(e, &r);
}

static const char *first_of(const char *a, const char *b)
{
	return a && *a ? a : b;
}

/* A throttled or impossible invocation is a failed one to the HTTP API: 500 (lambda.md 6 has it for REST
 * APIs; for HTTP APIs the only statuses in any source are 500 and 503, and 503 is the timeout). */
static void on_result(void *ctx, const struct lambda_result *result)
{
	struct exchange *e = ctx;
	e->invocation = NULL;
	list_remove(&e->waiting);
	e->context.integration_latency_ms = ms_since(e, e->invoked_ns);
	switch (result->outcome) {
	case LAMBDA_OK:
		e->context.endpoint_status = 200;
		on_payload(e, result->payload);
		return;
	case LAMBDA_FUNCTION_ERROR:
		e->context.endpoint_status = 200;
		e->context.integration_error = arena_strdup(e->http->arena, result->error_type);
		refuse(e, 500, "function error", first_of(result->detail, result->error_type));
		return;
	case LAMBDA_THROTTLED:
		e->context.endpoint_status = 429;
		refuse(e, 500, "concurrency",
			first_of(result->detail, "the function's reserved concurrency is used up"));
		return;
	case LAMBDA_UNAVAILABLE:
		refuse(e, 500, "function",
			first_of(result->detail, "the function cannot be invoked"));
		return;
	}
}

static void invoke(struct exchange *e)
{
	const struct model_integration *in = e->match.route->integration;
	struct buf *event = &e->env->event;
	buf_clear(event);
	event_write(&e->event, in->payload_v2, event);
	if (event->overflow) {
		refuse(e, 413, "limit", "the event is larger than Lambda's 6 MB");
		return;
	}
	move(e, INVOKING);
	struct lambda_call call = { .function = in->function,
		.payload = buf_span(event),
		.source = arena_printf(e->http->arena, "API %.*s %.*s", SPAN_ARG(e->http->method),
			SPAN_ARG(e->http->path)),
		.trace_id = e->trace_id,
		.done = on_result,
		.ctx = e };
	e->invoked_ns = clock_mono_ns(config_of(e)->clock);
	e->invocation = lambda_invoke(config_of(e)->lambda, &call);
	e->context.integration_request_id =
		arena_strdup(e->http->arena, invocation_id(e->invocation));
	wait_until(e, e->invoked_ns + (uint64_t)in->timeout_ms * 1000000);
	if (event->cap > KEEP_SCRATCH) {
		buf_fini(event);
	}
}

/* --- relaying ---------------------------------------------------------------------------------------- */

static void on_backend_head(void *ctx, struct reply *r)
{
	struct exchange *e = ctx;
	e->context.integration_status = e->context.endpoint_status = r->status;
	e->context.integration_latency_ms = ms_since(e, e->invoked_ns);
	finish_headers(e, r);
}

static void on_backend_failed(void *ctx, const struct err *err)
{
	struct exchange *e = ctx;
	e->context.integration_error = "the HTTP integration did not answer";
	refuse(e, 503, err->code == ERR_TIMEOUT ? "timeout" : "integration", err->msg);
}

static void on_backend_done(void *ctx, size_t bytes, const struct err *err)
{
	struct exchange *e = ctx;
	struct snapshot *snapshot = snapshot_of(e);
	if (err) {
		tell_refused(e, e->context.integration_status, "integration", err->msg);
	}
	settle(e, e->context.integration_status, bytes);
	snapshot_drop(snapshot);
}

static void relay(struct exchange *e)
{
	move(e, RELAYING);
	e->invoked_ns = clock_mono_ns(config_of(e)->clock);
	struct http_proxy_config proxy = { .client = config_of(e)->http,
		.exchange = e->x,
		.integration = e->match.route->integration,
		.context = &e->context,
		.path = e->path,
		.on_head = on_backend_head,
		.on_failed = on_backend_failed,
		.on_done = on_backend_done,
		.ctx = e };
	e->proxy = http_proxy_start(&proxy);
}

static void integrate(struct exchange *e)
{
	const struct model_integration *in = e->match.route->integration;
	if (!in || in->type == MODEL_UNSUPPORTED) {
		refuse(e, 500, "integration",
			in ? "the route's integration type is not emulated"
			   : "the route has no integration (Target)");
	} else if (in->type == MODEL_HTTP_PROXY) {
		relay(e);
	} else if (!in->may_invoke) {
		refuse(e, 500, "permission",
			arena_printf(e->http->arena,
				"no AWS::Lambda::Permission lets this API invoke function '%s'",
				in->function));
	} else {
		invoke(e);
	}
}

/* --- authorizing ------------------------------------------------------------------------------------- */

static const char *keep_text(struct arena *arena, const char *s)
{
	return s ? arena_strdup(arena, s) : NULL;
}

/* The verdict is auth's for the call only; access logs and mappings read it later. */
static void keep_verdict(struct exchange *e)
{
	struct arena *a = e->http->arena;
	struct auth_verdict *v = &e->verdict;
	v->claims = arena_span(a, v->claims);
	v->scopes = arena_span(a, v->scopes);
	v->context = arena_span(a, v->context);
	v->principal_id = keep_text(a, v->principal_id);
	v->log_error = keep_text(a, v->log_error);
}

static bool is_read_later(const struct exchange *e)
{
	const struct model_integration *in = e->match.route->integration;
	return *e->stage->access_log_format || (in && in->type == MODEL_HTTP_PROXY);
}

static void refuse_unauthorized(struct exchange *e, const struct auth_verdict *v)
{
	static const int statuses[] = { [AUTH_UNAUTHORIZED] = 401,
		[AUTH_FORBIDDEN] = 403,
		[AUTH_FAILED] = 500,
		[AUTH_URI_TOO_LONG] = 414 };
	int status = statuses[v->outcome];
	struct reply r;
	reply_init(&r, e->http->arena);
	reply_error(&r, status);
	if (v->www_authenticate && *v->www_authenticate) {
		reply_header(&r, SPAN("www-authenticate"), span_of(v->www_authenticate));
	}
	e->context.error_message = message_of(status);
	tell_refused(e, status, v->check, v->reason);
	answer(e, &r);
}

static void on_verdict(void *ctx, const struct auth_verdict *v)
{
	struct exchange *e = ctx;
	if (e->answered) {
		*e->answered = true;
	}
	e->job = NULL;
	e->verdict = *v;
	e->event.verdict = &e->verdict;
	if (is_read_later(e)) {
		keep_verdict(e);
	}
	if (v->outcome != AUTH_ALLOW) {
		refuse_unauthorized(e, v);
		return;
	}
	move(e, AUTHORIZED);
	integrate(e);
}

static void write_authorizer_event(void *ctx, bool v2, const struct span *sources, size_t n,
	struct buf *out)
{
	struct exchange *e = ctx;
	struct span path = e->path.len ? span_n(e->path.ptr + 1, e->path.len - 1) : SPAN("");
	const struct model *m = e->api->model;
	char *arn = arena_printf(e->http->arena, "arn:aws:execute-api:%s:%s:%s/%s/%.*s/%.*s",
		m->region, m->account, e->api->api->id, e->stage->name, SPAN_ARG(e->http->method),
		SPAN_ARG(path));
	event_write_authorizer(&e->event, v2, span_of(arn), sources, n, out);
}

static struct span resolve_context(void *ctx, struct span expression)
{
	struct exchange *e = ctx;
	return context_resolve(&e->context, expression);
}

static void authorize(struct exchange *e)
{
	move(e, AUTHORIZING);
	if (e->match.route->authorization == MODEL_AUTH_NONE) {
		move(e, AUTHORIZED);
		integrate(e);
		return;
	}
	e->question = (struct auth_request){ .api = e->api->api,
		.stage = e->stage,
		.route = e->match.route,
		.http = e->http,
		.route_path = e->path,
		.write_event = write_authorizer_event,
		.context_value = resolve_context,
		.ctx = e };
	/* Answered inside the call, e may be gone when it returns: only the flag is safe to read. */
	bool answered = false;
	e->answered = &answered;
	struct auth_job *job = auth_check(config_of(e)->auth, &e->question, on_verdict, e);
	if (!answered) {
		e->answered = NULL;
		e->job = job;
	}
}

/* --- routing ------------------------------------------------------------------------------------------- */

static void answer_preflight(struct exchange *e)
{
	struct reply r;
	reply_init(&r, e->http->arena);
	r.status = 204;
	struct span origin = http_header_get(e->http, "origin");
	if (!cors_allowed_origin(e->api->api->cors, origin).ptr) {
		tell_refused(e, 204, "CORS",
			arena_printf(e->http->arena, "origin '%.*s' is not in allowOrigins",
				SPAN_ARG(origin)));
	}
	answer(e, &r);
}

/* A route of its own for OPTIONS, and $default, take preflights (section 9). Whether ANY does is unconfirmed:
 * with CORS configured the gateway answers, which is what the configuration asks for. */
static bool is_gateways_preflight(const struct exchange *e, const struct model_route *route)
{
	if (!e->api->api->cors || !cors_is_preflight(e->http)) {
		return false;
	}
	return !route || strcmp(route->method, "ANY") == 0;
}

static void fill_event(struct exchange *e)
{
	const struct model_route *route = e->match.route;
	struct event_input *in = &e->event;
	in->account = e->api->model->account;
	in->api_id = e->api->api->id;
	in->stage = e->stage ? e->stage->name : "";
	in->variables = e->stage ? e->stage->variables : NULL;
	in->n_variables = e->stage ? e->stage->n_variables : 0;
	in->params = e->match.params;
	in->n_params = e->match.n_params;
	in->route_key = route ? route->key : "";
	in->resource = route && *route->path ? route->path : in->route_key;
}

static void fill_info(struct exchange *e)
{
	const struct model_route *route = e->match.route;
	const struct model_integration *in = route ? route->integration : NULL;
	e->info.route_key = route ? route->key : "";
	e->info.function = in && in->type == MODEL_LAMBDA_PROXY && in->function ? in->function : "";
	const struct gateway_config *c = config_of(e);
	if (c->events.on_request) {
		c->events.on_request(c->ctx, &e->info);
	}
}

static void route(struct exchange *e)
{
	e->stage = route_stage(e->api->api, e->http->path, &e->path);
	if (e->stage) {
		route_match(e->api->routes, e->http->method, e->path, &e->match);
	}
	fill_event(e);
	fill_info(e);
	if (e->stage && is_gateways_preflight(e, e->match.route)) {
		answer_preflight(e);
		return;
	}
	if (!e->match.route) {
		refuse(e, 404, "route",
			e->stage ? arena_printf(e->http->arena, "no route matches %.*s %.*s",
					   SPAN_ARG(e->http->method), SPAN_ARG(e->path))
				 : "the path names no stage, and there is no $default stage");
		return;
	}
	move(e, ROUTED);
	struct throttle *t = snapshot_throttle(e->api, e->stage, e->match.route);
	if (!throttle_take(t, clock_mono_ns(config_of(e)->clock))) {
		refuse(e, 429, "throttle",
			arena_printf(e->http->arena,
				"more than %g requests per second (burst %g) to route '%s'",
				t->rate, t->burst, e->match.route->key));
		return;
	}
	authorize(e);
}

/* --- beginning ------------------------------------------------------------------------------------------- */

/* A trace that the client began goes on; else a new one begins. */
static void choose_trace(struct exchange *e)
{
	struct span given = http_header_get(e->http, "x-amzn-trace-id");
	if (span_starts(given, SPAN("Root=1-")) && given.len < sizeof e->trace_id) {
		memcpy(e->trace_id, given.ptr, given.len);
		return;
	}
	char unique[25];
	id_random(unique, 24, ID_HEX);
	snprintf(e->trace_id, sizeof e->trace_id, "Root=1-%08x-%s",
		(unsigned)(e->event.now_ms / 1000), unique);
}

void exchange_begin(struct exchange_env *env, struct snapshot_api *api, const char *api_key,
	bool starting, struct http_exchange *x)
{
	const struct http_request *http = http_request(x);
	struct exchange *e = arena_alloc(http->arena, sizeof *e);
	e->env = env;
	e->x = x;
	e->http = http;
	e->api = api;
	list_init(&e->waiting);
	e->started_ns = clock_mono_ns(env->config->clock);
	gateway_request_id(e->request_id);
	e->event = (struct event_input){ .http = http,
		.account = "",
		.api_id = "",
		.route_key = "",
		.stage = "",
		.request_id = e->request_id,
		.trace_id = e->trace_id,
		.now_ms = clock_now_ms(env->config->clock) };
	choose_trace(e);
	e->context.event = &e->event;
	e->path = http->path;
	e->info = (struct gateway_request){ e->request_id, api_key, http->method, http->target, "",
		"", http->peer };
	http_on_gone(x, on_gone, e);
	if (api) {
		snapshot_hold(api->owner);
		route(e);
	} else if (starting) {
		refuse(e, 503, "starting", "the app's stacks are not there yet");
	} else {
		refuse(e, 404, "API",
			arena_printf(http->arena, "the app no longer has an API '%s'", api_key));
	}
}

void exchange_env_init(struct exchange_env *env, const struct gateway_config *config)
{
	env->config = config;
	buf_init(&env->event, MAX_EVENT);
	buf_init(&env->body, MAX_BODY);
	buf_init(&env->line, MAX_LOG_LINE);
	list_init(&env->waiting);
	env->timer = timer_open(config->loop, on_deadline, env);
}

void exchange_env_fini(struct exchange_env *env)
{
	ENSURE(list_empty(&env->waiting));
	timer_close(env->timer);
	buf_fini(&env->event);
	buf_fini(&env->body);
	buf_fini(&env->line);
}
