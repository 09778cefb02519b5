/* A gateway between clients of bytes and an HTTP backend that the test scripts, all on one loop; and what the
 * gateway told. */
#pragma once

#include "gateway_fakes.h"

/* An app of one API with one stage. */
#define PROXY_API(routes_, stage_)                                                          \
	{                                                                                   \
		.logical_id = "Api", .key = "Api", .id = "aaaaaaaaaa", .routes = (routes_), \
		.n_routes = COUNT_OF(routes_), .stages = (stage_), .n_stages = 1            \
	}
#define PROXY_APP(api_)                                                            \
	{                                                                          \
		.region = "us-east-1", .account = "1", .apis = (api_), .n_apis = 1 \
	}

struct proxy_world {
	uv_loop_t loop;
	struct gateway *gateway; /* NULL once the test has closed it */
	struct http_server *backend;
	struct http_client *http;
	int status; /* of the last answer; 0 = the client left; -1 = none yet */
	char check[64]; /* of the last refusal */
	char log[64]; /* the last access log line */
};

static void proxy_saw_refusal(void *ctx, const struct gateway_request *r, int status,
	const char *check, const char *reason)
{
	struct proxy_world *w = ctx;
	(void)r;
	(void)status;
	assert_true(*reason);
	snprintf(w->check, sizeof w->check, "%s", check);
}

static void proxy_saw_response(void *ctx, const struct gateway_request *r, int status, double ms)
{
	struct proxy_world *w = ctx;
	(void)r;
	(void)ms;
	w->status = status;
}

static void proxy_saw_log(void *ctx, const char *key, struct span line)
{
	struct proxy_world *w = ctx;
	(void)key;
	snprintf(w->log, sizeof w->log, "%.*s", SPAN_ARG(line));
}

/* Opens all; `uri` becomes the backend's, for the app's integrations. The app has one API, "Api". */
static inline void proxy_world_start(struct proxy_world *w,
	const struct http_server_config *backend, char uri[64], const struct model *app)
{
	struct err err = ERR_INIT;
	*w = (struct proxy_world){ .status = -1 };
	uv_loop_init(&w->loop);
	w->backend = http_server_open(&w->loop, "127.0.0.1", 0, backend, &err);
	assert_non_null(w->backend);
	snprintf(uri, 64, "http://127.0.0.1:%u/back", http_server_port(w->backend));
	w->http = http_client_create(&w->loop);
	struct gateway_config config = { .loop = &w->loop,
		.clock = &clock_system,
		.http = w->http,
		.host = "127.0.0.1",
		.events = { NULL, proxy_saw_response, proxy_saw_refusal, proxy_saw_log },
		.ctx = w };
	w->gateway = gateway_create(&config);
	assert_int_equal(gateway_listen(w->gateway, "Api", 0, &err), 0);
	assert_int_equal(gateway_set_model(w->gateway, app, &err), 0);
}

/* Runs the loop dry: nothing is left open. */
static inline void proxy_world_stop(struct proxy_world *w)
{
	if (w->gateway) {
		gateway_close(w->gateway, 0, NULL, NULL);
	}
	http_server_close(w->backend, 0, NULL, NULL);
	for (int i = 0; i < 20; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	http_client_destroy(w->http);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
}

static inline void proxy_connect(struct proxy_world *w, struct client *c, struct span request)
{
	client_start(c, &w->loop, gateway_port(w->gateway, "Api"), request);
}
