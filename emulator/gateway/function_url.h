/* Function URLs: HTTP straight in front of a function, each with a listener of its own (reference
 * api-gateway.md section 12, lambda.md section 7). No routes, stages or mappings; AuthType NONE and
 * AWS_IAM, BUFFERED and RESPONSE_STREAM, CORS.
 *
 * Listeners are opened before there is a model, since their ports are part of it, and stay open across
 * models; a request looks its function up again wherever it needs it, and so outlives a swap. */
#pragma once

#include "emulator/gateway/gateway.h"

struct function_urls;

struct function_urls_config {
	uv_loop_t *loop;
	const struct clock *clock;
	struct auth *auth;
	struct lambda *lambda;
	const char *host; /* to listen on */
	struct gateway_events
		events; /* api and function are the function's name; each may be NULL */
	void *ctx; /* of events */
};

/* The config is copied; what it points to must outlive the room. Never NULL. */
struct function_urls *function_urls_create(const struct function_urls_config *config);
/* Opens the listener of one URL id; port 0 takes a free one. ERR_BUSY if the port is taken. */
int function_urls_listen(
	struct function_urls *u, const char *url_id, unsigned port, struct err *err) MUST_CHECK;
/* The port a URL listens on; 0 if it does not. */
unsigned function_urls_port(const struct function_urls *u, const char *url_id);
/* Answers by this model from the next request on. It must live until the next swap. */
void function_urls_set_model(struct function_urls *u, const struct model *model);
/* Stops listening, lets requests end within grace_ms, then frees everything and calls done(ctx)
 * (NULL allowed). auth and lambda must live until then. */
void function_urls_close(
	struct function_urls *u, unsigned grace_ms, void (*done)(void *ctx), void *ctx);
