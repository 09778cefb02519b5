/* The integration of an exchange: a function (invoking) or an HTTP backend (relaying). */
#include "emulator/gateway/exchange_internal.h"
#include "emulator/gateway/mapping.h"
#include "proxy/base/alloc.h"
#include "proxy/base/json.h"

/* The mappings of the integration's response parameters for this status; NULL if it has none. */
static const struct model_mappings *mappings_for(const struct exchange *e, int status)
{
	const struct model_integration *in = e->match.route->integration;
	for (size_t i = 0; i < in->n_responses; i++) {
		if (in->responses[i].status == status) {
			return &in->responses[i].mappings;
		}
	}
	return NULL;
}

/* What the integration answered is on the way to the client. */
static void take_answer(struct exchange *e, struct reply *r)
{
	e->context.integration_status = r->status;
	const struct model_mappings *mappings = mappings_for(e, r->status);
	if (mappings) {
		mapping_apply_response(mappings, &e->context, r);
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

void exchange_on_deadline(void *ctx)
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
		exchange_refuse(e, 503, "timeout",
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
	if (reply_from_lambda(&r, payload,
		    e->match.route->integration->payload_v2 ? REPLY_V2 : REPLY_V1, &e->env->body,
		    &err)) {
		e->context.integration_error = "the function's result is malformed";
		exchange_refuse(e, 500, "result", err.msg);
		return;
	}
	take_answer(e, &r);
	exchange_answer(e, &r);
}

static const char *first_of(const char *a, const char *b)
{
	return a && *a ? a : b;
}

/* What the function threw, in its own words: "TypeError: x is not a function". */
static const char *error_words(const struct exchange *e, const struct lambda_result *result)
{
	AUTO_JSON cJSON *payload = json_parse(result->payload, NULL);
	const char *message = json_str(payload, "errorMessage");
	const char *type = first_of(result->error_type, "Error");
	return message ? arena_printf(e->http->arena, "%s: %.500s", type, message) : type;
}

/* A throttled or impossible invocation is a failed one to the HTTP API: 500 (lambda.md 6 has it for REST
 * APIs; for HTTP APIs the only statuses in any source are 500 and 503, and 503 is the timeout). */
static void on_result(void *ctx, const struct lambda_result *result)
{
	struct exchange *e = ctx;
	e->invocation = NULL;
	e->context.integration_latency_ms = exchange_ms_since(e, e->invoked_ns);
	switch (result->outcome) {
	case LAMBDA_OK:
		e->context.endpoint_status = 200;
		on_payload(e, result->payload);
		return;
	case LAMBDA_FUNCTION_ERROR:
		e->context.endpoint_status = 200;
		e->context.integration_error = arena_strdup(e->http->arena, result->error_type);
		exchange_refuse(
			e, 500, "function error", first_of(result->detail, error_words(e, result)));
		return;
	case LAMBDA_THROTTLED:
		e->context.endpoint_status = 429;
		exchange_refuse(e, 500, "concurrency",
			first_of(result->detail, "the function's reserved concurrency is used up"));
		return;
	case LAMBDA_UNAVAILABLE:
		exchange_refuse(e, 500, "function",
			first_of(result->detail, "the function cannot be invoked"));
		return;
	}
}

static void write_event(struct exchange *e, struct buf *out)
{
	const struct model_integration *in = e->match.route->integration;
	buf_clear(out);
	if (!in->request_mappings.n) {
		event_write(&e->event, in->payload_v2, out);
		return;
	}
	struct event_input mapped = e->event;
	mapped.http = mapping_request(&in->request_mappings, &e->context, e->path);
	event_write(&mapped, in->payload_v2, out);
}

static void invoke(struct exchange *e)
{
	const struct model_integration *in = e->match.route->integration;
	struct buf *event = &e->env->event;
	write_event(e, event);
	if (event->overflow) {
		buf_fini(event);
		exchange_refuse(e, 413, "limit", "the event is larger than Lambda's 6 MB");
		return;
	}
	exchange_move(e, EXCHANGE_INVOKING);
	struct lambda_call call = { .function = in->function,
		.payload = buf_span(event),
		.source = arena_concat(e->http->arena,
			(const struct span[]){
				SPAN("API "), e->http->method, SPAN(" "), e->http->path },
			4),
		.trace_id = e->trace_id,
		.done = on_result,
		.ctx = e };
	e->invoked_ns = clock_mono_ns(exchange_config(e)->clock);
	e->invocation = lambda_invoke(exchange_config(e)->lambda, &call);
	e->context.integration_request_id =
		arena_strdup(e->http->arena, invocation_id(e->invocation));
	wait_until(e, e->invoked_ns + (uint64_t)in->timeout_ms * 1000000);
	if (event->cap > EXCHANGE_KEEP_SCRATCH) {
		buf_fini(event);
	}
}

/* --- relaying ---------------------------------------------------------------------------------------- */

/* A backend may be a service of AWS itself, and then names its requests. */
static const char *header_text(const struct reply *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (span_iis(r->headers[i].name, name)) {
			return arena_strndup(
				r->arena, r->headers[i].value.ptr, r->headers[i].value.len);
		}
	}
	return NULL;
}

static void on_backend_head(void *ctx, struct reply *r)
{
	struct exchange *e = ctx;
	e->context.endpoint_status = r->status;
	e->context.integration_latency_ms = exchange_ms_since(e, e->invoked_ns);
	const char *id = header_text(r, "x-amzn-requestid");
	e->context.integration_request_id = id ? id : header_text(r, "x-amz-request-id");
	e->context.integration_request_id2 = header_text(r, "x-amz-id-2");
	take_answer(e, r);
	e->context.status = r->status;
	exchange_finish_headers(e, r);
}

static void on_backend_failed(void *ctx, const struct err *err)
{
	struct exchange *e = ctx;
	e->context.integration_error = "the HTTP integration did not answer";
	exchange_refuse(e, 503, err->code == ERR_TIMEOUT ? "timeout" : "integration", err->msg);
}

static void on_backend_done(void *ctx, size_t bytes, const struct err *err)
{
	struct exchange *e = ctx;
	struct snapshot *snapshot = exchange_snapshot(e);
	if (err) {
		exchange_tell_refused(e, e->context.status, "integration", err->msg);
	}
	exchange_settle(e, e->context.status, bytes);
	snapshot_drop(snapshot);
}

static bool maps_bodies(const struct model_integration *in)
{
	for (size_t i = 0; i < in->n_responses; i++) {
		if (mapping_reads_body(&in->responses[i].mappings)) {
			return true;
		}
	}
	return false;
}

static void relay(struct exchange *e)
{
	exchange_move(e, EXCHANGE_RELAYING);
	e->invoked_ns = clock_mono_ns(exchange_config(e)->clock);
	struct http_proxy_config proxy = { .client = exchange_config(e)->http,
		.exchange = e->x,
		.integration = e->match.route->integration,
		.context = &e->context,
		.path = e->path,
		.streamed = e->streamed,
		.whole = maps_bodies(e->match.route->integration),
		.on_head = on_backend_head,
		.on_failed = on_backend_failed,
		.on_done = on_backend_done,
		.ctx = e };
	e->proxy = http_proxy_start(&proxy);
}

void exchange_integrate(struct exchange *e)
{
	const struct model_integration *in = e->match.route->integration;
	if (!in || in->type == MODEL_UNSUPPORTED) {
		exchange_refuse(e, 500, "integration",
			in ? "the route's integration type is not emulated"
			   : "the route has no integration (Target)");
	} else if (in->type == MODEL_HTTP_PROXY) {
		relay(e);
	} else if (!in->may_invoke) {
		exchange_refuse(e, 500, "permission",
			arena_printf(e->http->arena,
				"no AWS::Lambda::Permission lets this API invoke function '%s'",
				in->function));
	} else {
		invoke(e);
	}
}
