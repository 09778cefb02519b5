/* The listeners and the current snapshot. Closing: gateway_close -> each server closes (answers what
 * runs, at the latest after the grace) -> on_server_closed for each -> the last one frees. */
#include "emulator/gateway/gateway.h"

#include <stdlib.h>

#include "emulator/gateway/exchange.h"
#include "emulator/gateway/reply.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

#define MAX_HEAD 10240u /* request line and headers together (section 10) */
#define MAX_BODY (10u * 1024 * 1024)

struct listener {
	struct gateway *gateway;
	char *api_key;
	struct http_server *server;
	struct snapshot_api *api; /* in the current snapshot; NULL if it has none of this key */
	char fault_id[GATEWAY_ID_LEN + 1];
	struct http_header fault_headers[2];
	struct list link; /* in gateway.listeners */
};

struct gateway {
	struct gateway_config config;
	struct exchange_env env;
	struct snapshot *current; /* NULL until the first model */
	struct list listeners; /* struct listener */
	unsigned open; /* servers that have not closed yet, and one for gateway_close itself */
	bool closing;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

struct gateway *gateway_create(const struct gateway_config *config)
{
	struct gateway *g = xalloc(sizeof *g);
	g->config = *config;
	list_init(&g->listeners);
	exchange_env_init(&g->env, &g->config);
	return g;
}

static struct listener *find_listener(const struct gateway *g, const char *api_key)
{
	LIST_FOR (node, &g->listeners) {
		struct listener *l = container_of(node, struct listener, link);
		if (strcmp(l->api_key, api_key) == 0) {
			return l;
		}
	}
	return NULL;
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct listener *l = ctx;
	exchange_begin(&l->gateway->env, l->api, l->api_key, !l->gateway->current, x);
}

static int fault_status(enum http_fault fault)
{
	switch (fault) {
	case HTTP_FAULT_HEAD_TIMEOUT:
		return 408;
	case HTTP_FAULT_BODY_TOO_LARGE:
		return 413;
	case HTTP_FAULT_HEAD_TOO_LARGE:
		return 431;
	case HTTP_FAULT_VERSION:
		return 505;
	default:
		return 400;
	}
}

/* A bad request never becomes an exchange, yet its answer looks like all others. */
static void on_fault(void *ctx, enum http_fault fault, const char *detail, const char *peer,
	struct http_reply *reply)
{
	struct listener *l = ctx;
	const struct gateway_config *c = &l->gateway->config;
	gateway_request_id(l->fault_id);
	l->fault_headers[0] =
		(struct http_header){ SPAN("Content-Type"), SPAN("application/json") };
	l->fault_headers[1] = (struct http_header){ SPAN("Apigw-Requestid"), span_of(l->fault_id) };
	*reply = (struct http_reply){ fault_status(fault), l->fault_headers, 2,
		reply_error_body(fault_status(fault)) };
	struct gateway_request info = { l->fault_id, l->api_key, SPAN(""), SPAN(""), "", "", peer };
	if (c->events.on_refused) {
		c->events.on_refused(c->ctx, &info, reply->status, "HTTP", detail);
	}
}

static void listener_free(struct listener *l)
{
	list_remove(&l->link);
	free(l->api_key);
	free(l);
}

int gateway_listen(struct gateway *g, const char *api_key, unsigned port, struct err *err)
{
	if (find_listener(g, api_key)) {
		return err_set(err, ERR_CONFLICT, "API '%s' already has a listener", api_key);
	}
	struct listener *l = xalloc(sizeof *l);
	l->gateway = g;
	l->api_key = xstrdup(api_key);
	list_push_back(&g->listeners, &l->link);
	struct http_server_config server = { .ctx = l,
		.on_request = on_request,
		.fault = on_fault,
		.max_head = MAX_HEAD,
		.max_body = MAX_BODY,
		.send_date = true };
	l->server = http_server_open(g->config.loop, g->config.host, port, &server, err);
	if (!l->server) {
		listener_free(l);
		return err_wrap(err, "API '%s'", api_key);
	}
	l->api = g->current ? snapshot_find(g->current, api_key) : NULL;
	g->open++;
	return 0;
}

unsigned gateway_port(const struct gateway *g, const char *api_key)
{
	const struct listener *l = find_listener(g, api_key);
	return l ? http_server_port(l->server) : 0;
}

int gateway_set_model(struct gateway *g, const struct model *model, struct err *err)
{
	struct snapshot *next = snapshot_create(model, g->config.released, g->config.ctx, err);
	if (!next) {
		return -(int)err->code;
	}
	struct snapshot *old = g->current;
	g->current = next;
	LIST_FOR (node, &g->listeners) {
		struct listener *l = container_of(node, struct listener, link);
		l->api = snapshot_find(next, l->api_key);
	}
	if (old) {
		snapshot_carry_on(next, old);
		snapshot_drop(old);
	}
	return 0;
}

/* One server less; after the last one nothing of the gateway is used any more. */
static void drop(struct gateway *g)
{
	if (--g->open) {
		return;
	}
	exchange_env_fini(&g->env);
	if (g->current) {
		snapshot_drop(g->current);
	}
	void (*closed)(void *ctx) = g->closed;
	void *ctx = g->closed_ctx;
	free(g);
	if (closed) {
		closed(ctx);
	}
}

static void on_server_closed(void *ctx)
{
	struct listener *l = ctx;
	struct gateway *g = l->gateway;
	listener_free(l);
	drop(g);
}

void gateway_close(struct gateway *g, unsigned grace_ms, void (*done)(void *ctx), void *ctx)
{
	if (g->closing) {
		return;
	}
	g->closing = true;
	g->closed = done;
	g->closed_ctx = ctx;
	g->open++;
	LIST_FOR_SAFE (node, &g->listeners) {
		struct listener *l = container_of(node, struct listener, link);
		http_server_close(l->server, grace_ms, on_server_closed, l);
	}
	drop(g);
}
