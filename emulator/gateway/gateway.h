/* API Gateway's HTTP APIs: one listener per API, all in one `struct gateway`. A request is routed,
 * throttled, authorized, turned into an event, and its result into an answer, as the service would
 * (reference api-gateway.md sections 0-10).
 *
 * The model comes from outside and is swapped whole; listeners are opened before there is one, since
 * their ports are part of it, and stay open across models. Requests in flight keep the model they
 * began with: `released` says when nothing of an old one is used any more. */
#pragma once

#include <uv.h>

#include "emulator/auth/auth.h"
#include "emulator/lambda/lambda.h"

struct gateway;

/* One request, for observers. Valid for the call; strings are "" where there is nothing. */
struct gateway_request {
	const char *request_id; /* as in apigw-requestid */
	const char *api; /* key; */
	struct span method, target;
	const char *route_key, *function, *peer;
};

struct gateway_events {
	/* Routed, before anything runs. */
	void (*on_request)(void *ctx, const struct gateway_request *r);
	/* Answered; status 0: the client went away first. */
	void (*on_response)(
		void *ctx, const struct gateway_request *r, int status, double duration_ms);
	/* Explain mode: each answer that the gateway made by itself. check is a word or two ("route",
	 * "throttle", "signature", "result", "timeout" ...), reason is for people and may be several
	 * lines. Never part of the answer. Comes before on_response. */
	void (*on_refused)(void *ctx, const struct gateway_request *r, int status,
		const char *check, const char *reason);
	/* A line of the stage's access log, without newline. */
	void (*on_access_log)(void *ctx, const char *api, struct span line);
};

struct gateway_config {
	uv_loop_t *loop;
	const struct clock *clock;
	struct auth *auth;
	struct lambda *lambda;
	struct http_client *http;
	const char *host; /* to listen on */
	struct gateway_events events; /* each may be NULL */
	/* No request uses this model any more (it was swapped out, or the gateway is closed): whoever
	 * gave it may destroy it. May run inside gateway_set_model and gateway_close. */
	void (*released)(void *ctx, const struct model *model);
	void *ctx;
};

/* The config is copied; what it points to must outlive the gateway. Never NULL. */
struct gateway *gateway_create(const struct gateway_config *config);
/* Opens the listener of one API; port 0 takes a free one. ERR_BUSY if the port is taken, ERR_CONFLICT if
 * the API already has a listener. Until there is a model it answers 503. */
int gateway_listen(
	struct gateway *g, const char *api_key, unsigned port, struct err *err) MUST_CHECK;
/* The port an API listens on; 0 if it does not. */
unsigned gateway_port(const struct gateway *g, const char *api_key);
/* Routes by this model from the next request on. On an error (an invalid route key, two routes with one
 * key, a setting the service refuses; err names API and route) the old model stays. */
int gateway_set_model(struct gateway *g, const struct model *model, struct err *err) MUST_CHECK;
/* Stops listening, lets requests end within grace_ms, then frees everything and calls done(ctx)
 * (NULL allowed). auth, lambda and http client must live until then. */
void gateway_close(struct gateway *g, unsigned grace_ms, void (*done)(void *ctx), void *ctx);
