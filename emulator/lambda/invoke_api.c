/* A request is read (api_call), authorized and then described (describe), queued (async_queue) or run
 * while the client waits (invoke_job). */
#include "emulator/lambda/invoke_api.h"

#include <stdlib.h>

#include "emulator/lambda/api_call.h"
#include "emulator/lambda/api_error.h"
#include "emulator/lambda/async_queue.h"
#include "emulator/lambda/describe.h"
#include "emulator/lambda/invoke_job.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

struct invoke_api {
	struct invoke_api_config config;
	struct async_queue *async;
	const struct model *model;
	struct list jobs;
};

bool invoke_api_handles(struct span path)
{
	return api_call_handles(path);
}

static bool authorized(
	struct invoke_api *api, const struct api_call *c, const char *action, const char *resource)
{
	char reason[512] = "";
	if (!api->config.authorize || api->config.authorize(api->config.ctx, c->r, action, resource,
					      reason, sizeof reason)) {
		return true;
	}
	api_error_reply(c->x, 403, "AccessDeniedException", "%s", reason);
	return false;
}

/* Invoking. */

static const char *trace_of(const struct invoke_api *api, const struct api_call *c)
{
	struct span given = http_header_get(c->r, "x-amzn-trace-id");
	if (given.len && given.len < 1024) {
		return arena_strndup(c->r->arena, given.ptr, given.len);
	}
	char random[25];
	id_random(random, 24, ID_HEX);
	return arena_printf(c->r->arena, "Root=1-%08llx-%s;Parent=%.16s;Sampled=0",
		(unsigned long long)(clock_now_ms(api->config.clock) / 1000) & 0xffffffff, random,
		random + 4);
}

static void reply_dry_run(const struct api_call *c)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	const struct http_header header = { SPAN("x-amzn-RequestId"), span_of(id) };
	http_reply(c->x, &(struct http_reply){ .status = 204, .headers = &header, .n_headers = 1 });
}

static void invoke_later(struct invoke_api *api, const struct api_call *c)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	const struct lambda_call call = { .function = c->name.name,
		.payload = c->payload,
		.source = "Invoke (Event)",
		.request_id = id,
		.qualifier = c->name.qualifier,
		.trace_id = trace_of(api, c) };
	const struct model_function *f = c->name.function;
	if (f->reserved_concurrency == 0) {
		async_queue_refuse(api->async, &call);
	} else if (!async_queue_add(api->async, &call, f->max_retries)) {
		api_error_throttled(c->x, "CallerRateLimitExceeded");
		return;
	}
	const struct http_header headers[] = { { SPAN("x-amzn-RequestId"), span_of(id) },
		{ SPAN("x-amzn-Remapped-Content-Length"), SPAN("0") } };
	const struct http_reply answer = { .status = 202, .headers = headers, .n_headers = 2 };
	http_reply(c->x, &answer);
}

static void invoke(struct invoke_api *api, struct api_call *c)
{
	struct span type = http_header_get(c->r, "x-amz-invocation-type");
	struct span log = http_header_get(c->r, "x-amz-log-type");
	bool later = span_is(type, "Event") && c->operation == API_INVOKE;
	if (type.len && !later && !span_is(type, "RequestResponse") && !span_is(type, "DryRun")) {
		api_error_value(c->x, type, "invocationType",
			c->operation == API_INVOKE
				? "satisfy enum value set: [RequestResponse, DryRun, Event]"
				: "satisfy enum value set: [RequestResponse, DryRun]");
		return;
	}
	if (log.len && !span_is(log, "Tail") && !span_is(log, "None")) {
		api_error_value(c->x, log, "logType", "satisfy enum value set: [Tail, None]");
		return;
	}
	later = later || c->operation == API_INVOKE_ASYNC;
	/* Events carry no client context: it is not even looked at (5.1). */
	if (!api_call_read_payload(c, later ? API_MAX_ASYNC : API_MAX_SYNC) ||
		(!later && !api_call_read_context(c))) {
		return;
	}
	if (span_is(type, "DryRun")) {
		reply_dry_run(c);
	} else if (later) {
		invoke_later(api, c);
	} else {
		invoke_job_open(
			&api->jobs, api->config.lambda, c, trace_of(api, c), span_is(log, "Tail"));
	}
}

/* Requests. */

static const char *action_of(enum api_operation operation)
{
	switch (operation) {
	case API_GET:
		return "lambda:GetFunction";
	case API_GET_CONFIGURATION:
		return "lambda:GetFunctionConfiguration";
	case API_INVOKE_ASYNC:
		return "lambda:InvokeAsync";
	default:
		return "lambda:InvokeFunction";
	}
}

static void on_found(struct invoke_api *api, struct api_call *c)
{
	const struct model_function *f = c->name.function;
	const char *resource = f ? f->arn : api_call_missing_arn(c, api->model);
	if (f && c->name.qualifier) {
		resource = arena_printf(c->r->arena, "%s:%s", f->arn, c->name.qualifier);
	}
	if (!authorized(api, c, action_of(c->operation), resource)) {
		return;
	}
	if (!f) {
		api_error_reply(c->x, 404, "ResourceNotFoundException", "Function not found: %s",
			api_call_missing_arn(c, api->model));
	} else if (c->operation == API_GET || c->operation == API_GET_CONFIGURATION) {
		describe_one(c, api->model);
	} else {
		invoke(api, c);
	}
}

void invoke_api_request(struct invoke_api *api, struct http_exchange *x)
{
	struct api_call c;
	if (!api->model) {
		api_error_reply(x, 500, "ServiceException", "the app's stacks are not there yet");
		return;
	}
	api_call_init(&c, x);
	if (c.operation == API_UNKNOWN) {
		api_error_reply(x, 404, "UnknownOperationException",
			"the emulator does not have this operation of Lambda");
	} else if (c.operation == API_LIST) {
		if (authorized(api, &c, "lambda:ListFunctions", "*")) {
			describe_list(&c, &api->config.apps);
		}
	} else if (api_call_find(&c, api->model)) {
		on_found(api, &c);
	}
}

/* Its life. */

struct invoke_api *invoke_api_create(const struct invoke_api_config *config)
{
	struct invoke_api *api = xalloc(sizeof *api);
	const struct async_queue_config async = { .loop = config->loop,
		.lambda = config->lambda,
		.clock = config->clock,
		.minute_ms = config->async_minute_ms,
		.ctx = config->ctx,
		.on_dead_letter = config->on_dead_letter };
	api->config = *config;
	api->async = async_queue_create(&async);
	list_init(&api->jobs);
	return api;
}

void invoke_api_set_model(struct invoke_api *api, const struct model *m)
{
	api->model = m;
}

void invoke_api_destroy(struct invoke_api *api)
{
	if (!api) {
		return;
	}
	async_queue_destroy(api->async);
	invoke_job_end_all(&api->jobs);
	free(api);
}
