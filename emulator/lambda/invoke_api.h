/* The Lambda service API on the service port: Invoke (RequestResponse, Event, DryRun), InvokeAsync of old
 * clients, InvokeWithResponseStream, ListFunctions, GetFunction, GetFunctionConfiguration (reference
 * lambda 5). Who may call is the composition root's to say, as signatures are checked above this room. */
#pragma once

#include "emulator/lambda/lambda.h"
#include "emulator/model/apps.h"
#include "proxy/net/http_server.h"

/* The service port must let this much through: 6 MiB, the synchronous limit, and what refuses more itself
 * needs to see one byte more. */
#define INVOKE_API_MAX_BODY (6291456 + 1)

struct invoke_api;

struct invoke_api_config {
	uv_loop_t *loop;
	struct lambda *lambda;
	const struct clock *clock;
	struct apps apps; /* whose functions are listed */
	unsigned async_minute_ms; /* see async_queue.h; 0 = 1000 */
	void *ctx;
	/* action "lambda:InvokeFunction", resource an ARN or "*". False: writes AWS's words for the refusal to
	 * reason. NULL = everybody may. */
	bool (*authorize)(void *ctx, const struct http_request *r, const char *action,
		const char *resource, char *reason, size_t size);
	/* An asynchronous event that is given up; NULL = nobody listens. */
	void (*on_dead_letter)(void *ctx, const char *line);
};

struct invoke_api *invoke_api_create(const struct invoke_api_config *config);
/* Answers what still waits with an error. Before lambda_destroy. NULL is fine. */
void invoke_api_destroy(struct invoke_api *api);
/* The model must outlive the next swap. */
void invoke_api_set_model(struct invoke_api *api, const struct model *m);
/* Is the path one of this API's? */
bool invoke_api_handles(struct span path);
/* Answers the exchange, now or later. */
void invoke_api_request(struct invoke_api *api, struct http_exchange *x);
