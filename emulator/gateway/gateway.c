/* The listeners and the current snapshot. Closing: gateway_close -> the listeners close (answer what
 * runs, at the latest after the grace) -> on_closed frees. */
#include "emulator/gateway/gateway.h"

#include <stdlib.h>

#include "emulator/gateway/exchange.h"
#include "emulator/gateway/listeners.h"
#include "emulator/gateway/reply.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

#define MAX_HEAD 10240u /* request line and headers together (section 10) */
#define MAX_BODY (10u * 1024 * 1024)

struct api_listener {
	struct listener base;
	struct gateway *gateway;
	struct snapshot_api *api; /* in the current snapshot; NULL if it has none of this key */
	char fault_id[GATEWAY_ID_LEN + 1];
	struct http_header fault_headers[2];
};

struct gateway {
	struct gateway_config config;
	struct exchange_env env;
	struct snapshot *current; /* NULL until the first model */
	struct listeners listeners; /* of struct api_listener, by the API's key */
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static struct api_listener *api_listener(struct listener *base)
{
	return container_of(base, struct api_listener, base);
}

static void release(struct listener *base)
{
	free(api_listener(base));
}

struct gateway *gateway_create(const struct gateway_config *config)
{
	struct gateway *g = xalloc(sizeof *g);
	g->config = *config;
	listeners_init(&g->listeners, config->loop, g->config.host, release);
	exchange_env_init(&g->env, &g->config);
	return g;
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct api_listener *l = ctx;
	exchange_begin(&l->gateway->env, l->api, l->base.key, !l->gateway->current, x);
}

static bool on_head(void *ctx, struct http_exchange *x)
{
	struct api_listener *l = ctx;
	if (!exchange_streams(l->api, http_request(x))) {
		return false;
	}
	exchange_begin_streamed(&l->gateway->env, l->api, l->base.key, x);
	return true;
}

/* A bad request never becomes an exchange, yet its answer looks like all others. */
static void on_fault(void *ctx, enum http_fault fault, const char *detail, const char *peer,
	struct http_reply *reply)
{
	(void)fault;
	struct api_listener *l = ctx;
	const struct gateway_config *c = &l->gateway->config;
	gateway_request_id(l->fault_id);
	l->fault_headers[0] =
		(struct http_header){ SPAN("Content-Type"), SPAN("application/json") };
	l->fault_headers[1] = (struct http_header){ SPAN("Apigw-Requestid"), span_of(l->fault_id) };
	reply->headers = l->fault_headers;
	reply->n_headers = 2;
	reply->body = reply_error_body(reply->status);
	struct gateway_request info = { l->fault_id, l->base.key, SPAN(""), SPAN(""), "", "",
		peer };
	if (c->events.on_refused) {
		c->events.on_refused(c->ctx, &info, reply->status, "HTTP", detail);
	}
}

int gateway_listen(struct gateway *g, const char *api_key, unsigned port, struct err *err)
{
	struct api_listener *l = xalloc(sizeof *l);
	l->gateway = g;
	l->api = g->current ? snapshot_find(g->current, api_key) : NULL;
	struct http_server_config server = { .ctx = l,
		.on_request = on_request,
		.on_head = on_head,
		.fault = on_fault,
		.max_head = MAX_HEAD,
		.max_body = MAX_BODY,
		.send_date = true };
	return listeners_open(&g->listeners, &l->base, "API", api_key, port, &server, err);
}

unsigned gateway_port(const struct gateway *g, const char *api_key)
{
	return listeners_port(&g->listeners, api_key);
}

int gateway_set_model(struct gateway *g, const struct model *model, struct err *err)
{
	struct snapshot *next = snapshot_create(model, g->config.released, g->config.ctx, err);
	if (!next) {
		return -(int)err->code;
	}
	struct snapshot *old = g->current;
	g->current = next;
	LIST_FOR (node, &g->listeners.all) {
		struct listener *base = container_of(node, struct listener, link);
		api_listener(base)->api = snapshot_find(next, base->key);
	}
	if (old) {
		snapshot_carry_on(next, old);
		snapshot_drop(old);
	}
	return 0;
}

static void on_closed(void *ctx)
{
	struct gateway *g = ctx;
	exchange_env_fini(&g->env);
	if (g->current) {
		snapshot_drop(g->current);
	}
	void (*closed)(void *ctx) = g->closed;
	void *closed_ctx = g->closed_ctx;
	free(g);
	if (closed) {
		closed(closed_ctx);
	}
}

void gateway_close(struct gateway *g, unsigned grace_ms, void (*done)(void *ctx), void *ctx)
{
	g->closed = done;
	g->closed_ctx = ctx;
	listeners_close(&g->listeners, grace_ms, on_closed, g);
}
