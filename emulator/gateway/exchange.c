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
#include "emulator/gateway/cors.h"
#include "emulator/gateway/exchange_internal.h"
#include "proxy/base/alloc.h"
#include "proxy/base/log.h"

/* Lambda's limit for a synchronous invocation (lambda.md 1). */
#define MAX_EVENT 6291456u
#define MAX_BODY (10u * 1024 * 1024)
#define MAX_LOG_LINE (1024u * 1024)

#define TO(s) (1u << (s))
static const unsigned MOVES[] = {
	[EXCHANGE_RECEIVED] = TO(EXCHANGE_ROUTED) | TO(EXCHANGE_REPLIED) | TO(EXCHANGE_GONE),
	[EXCHANGE_ROUTED] = TO(EXCHANGE_AUTHORIZING) | TO(EXCHANGE_REPLIED) | TO(EXCHANGE_GONE),
	[EXCHANGE_AUTHORIZING] = TO(EXCHANGE_AUTHORIZED) | TO(EXCHANGE_REPLIED) | TO(EXCHANGE_GONE),
	[EXCHANGE_AUTHORIZED] = TO(EXCHANGE_INVOKING) | TO(EXCHANGE_RELAYING) |
				TO(EXCHANGE_REPLIED) | TO(EXCHANGE_GONE),
	[EXCHANGE_INVOKING] = TO(EXCHANGE_REPLIED) | TO(EXCHANGE_GONE),
	[EXCHANGE_RELAYING] = TO(EXCHANGE_REPLIED) | TO(EXCHANGE_GONE),
	[EXCHANGE_REPLIED] = 0,
	[EXCHANGE_GONE] = 0,
};

void exchange_move(struct exchange *e, enum exchange_state to)
{
	static const char *const names[] = {
#define X(name, text) text,
		EXCHANGE_STATES(X)
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

static void on_gone(void *ctx)
{
	struct exchange *e = ctx;
	struct snapshot *snapshot = exchange_snapshot(e);
	switch (e->state) {
	case EXCHANGE_AUTHORIZING:
		auth_cancel(e->job);
		break;
	case EXCHANGE_INVOKING:
		lambda_cancel(e->invocation);
		break;
	case EXCHANGE_RELAYING:
		http_proxy_cancel(e->proxy);
		break;
	default: /* the others do not wait for anything */
		break;
	}
	exchange_move(e, EXCHANGE_GONE);
	list_remove(&e->waiting);
	exchange_tell_response(e, 0);
	if (snapshot) {
		snapshot_drop(snapshot);
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
	/* The client is told no more than "Forbidden"; the log gets the details of IAM (section 7). */
	struct span details = span_of(v->reason);
	bool detailed = v->kind == MODEL_AUTH_IAM && v->outcome == AUTH_FORBIDDEN;
	e->context.error_message = detailed ? arena_span(e->http->arena, span_cut(&details, '\n'))
					    : exchange_error_message(status);
	e->context.refused_by = v->check;
	exchange_tell_refused(e, status, v->check, v->reason);
	exchange_answer(e, &r);
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
	exchange_move(e, EXCHANGE_AUTHORIZED);
	exchange_integrate(e);
}

static void write_authorizer_event(
	void *ctx, bool v2, const struct span *sources, size_t n, struct buf *out)
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
	exchange_move(e, EXCHANGE_AUTHORIZING);
	if (e->match.route->authorization == MODEL_AUTH_NONE) {
		exchange_move(e, EXCHANGE_AUTHORIZED);
		exchange_integrate(e);
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
	struct auth_job *job = auth_check(exchange_config(e)->auth, &e->question, on_verdict, e);
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
		exchange_tell_refused(e, 204, "CORS",
			arena_printf(e->http->arena, "origin '%.*s' is not in allowOrigins",
				SPAN_ARG(origin)));
	}
	exchange_answer(e, &r);
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
	const struct gateway_config *c = exchange_config(e);
	if (c->events.on_request) {
		c->events.on_request(c->ctx, &e->info);
	}
}

static const char *why_no_route(const struct exchange *e)
{
	if (e->api->api->disabled) {
		return "the API's endpoint is disabled (DisableExecuteApiEndpoint), and no custom "
		       "domain maps to it";
	}
	return e->stage ? arena_printf(e->http->arena, "no route matches %.*s %.*s",
				  SPAN_ARG(e->http->method), SPAN_ARG(e->path))
			: "the path names no stage, and there is no $default stage";
}

static void route(struct exchange *e)
{
	if (!e->api->api->disabled) {
		e->stage = route_stage(e->api->api, e->http->path, &e->path);
	}
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
		exchange_refuse(e, 404, "route", why_no_route(e));
		return;
	}
	exchange_move(e, EXCHANGE_ROUTED);
	struct throttle *t = snapshot_throttle(e->api, e->stage, e->match.route);
	if (!throttle_take(t, e->started_ns)) {
		exchange_refuse(e, 429, "throttle",
			arena_printf(e->http->arena,
				"more than %g requests per second (burst %g) to route '%s'",
				t->rate, t->burst, e->match.route->key));
		return;
	}
	authorize(e);
}

/* --- beginning ------------------------------------------------------------------------------------------- */

static struct exchange *create(struct exchange_env *env, struct snapshot_api *api,
	const char *api_key, struct http_exchange *x)
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
	event_trace_id(http, e->event.now_ms, e->trace_id);
	e->context.event = &e->event;
	e->path = http->path;
	e->info = (struct gateway_request){ e->request_id, api_key, http->method, http->target, "",
		"", http->peer };
	http_on_gone(x, on_gone, e);
	if (api) {
		snapshot_hold(api->owner);
	}
	return e;
}

void exchange_begin(struct exchange_env *env, struct snapshot_api *api, const char *api_key,
	bool starting, struct http_exchange *x)
{
	struct exchange *e = create(env, api, api_key, x);
	if (api) {
		route(e);
	} else if (starting) {
		exchange_refuse(e, 503, "starting", "the app's stacks are not there yet");
	} else {
		exchange_refuse(e, 404, "API",
			arena_printf(e->http->arena, "the app no longer has an API '%s'", api_key));
	}
}

/* --- streamed bodies ------------------------------------------------------------------------------------ */

bool exchange_streams(const struct snapshot_api *api, const struct http_request *http)
{
	struct span path;
	struct route_match match;
	const struct model_stage *stage =
		api && api->streams ? route_stage(api->api, http->path, &path) : NULL;
	return stage && route_match(api->routes, http->method, path, &match) &&
	       http_proxy_streams(match.route);
}

static void on_body(void *ctx, struct span piece)
{
	struct exchange *e = ctx;
	http_proxy_body(e->proxy, piece);
}

static void on_body_end(void *ctx, const struct http_header *trailers, size_t n)
{
	(void)trailers;
	(void)n;
	struct exchange *e = ctx;
	http_proxy_body_end(e->proxy);
}

/* Until the exchange is relayed its body waits, unread. */
void exchange_begin_streamed(struct exchange_env *env, struct snapshot_api *api,
	const char *api_key, struct http_exchange *x)
{
	struct exchange *e = create(env, api, api_key, x);
	e->streamed = true;
	http_stream_body(x, &(struct http_body_events){ on_body, on_body_end, e });
	http_body_pause(x);
	route(e);
}

void exchange_env_init(struct exchange_env *env, const struct gateway_config *config)
{
	env->config = config;
	buf_init(&env->event, MAX_EVENT);
	buf_init(&env->body, MAX_BODY);
	buf_init(&env->line, MAX_LOG_LINE);
	list_init(&env->waiting);
	env->timer = timer_open(config->loop, exchange_on_deadline, env);
}

void exchange_env_fini(struct exchange_env *env)
{
	ENSURE(list_empty(&env->waiting));
	timer_close(env->timer);
	buf_fini(&env->event);
	buf_fini(&env->body);
	buf_fini(&env->line);
}
