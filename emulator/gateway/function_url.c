/* The listeners of function URLs. What happens to a request is url_call.c's. */
#include "emulator/gateway/function_url.h"

#include <stdlib.h>

#include "emulator/gateway/url_call.h"
#include "proxy/base/alloc.h"

#define MAX_HEAD 65536u
#define MAX_BODY 6291456u /* Lambda's limit for a synchronous invocation (lambda.md 1.4) */
#define MAX_REPLY (10u * 1024 * 1024)

struct function_urls {
	struct function_urls_config config;
	struct listeners listeners; /* of struct url_listener, by URL id */
	struct buf event, body; /* scratch of all calls: used up before the next */
	const struct model *model; /* NULL until the first */
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static struct url_listener *url_listener(struct listener *base)
{
	return container_of(base, struct url_listener, base);
}

static void release(struct listener *base)
{
	free(url_listener(base));
}

struct function_urls *function_urls_create(const struct function_urls_config *config)
{
	struct function_urls *u = xalloc(sizeof *u);
	u->config = *config;
	listeners_init(&u->listeners, config->loop, u->config.host, release);
	buf_init(&u->event, MAX_BODY);
	buf_init(&u->body, MAX_REPLY);
	return u;
}

static void find_function(struct url_listener *l, const char *url_id, const struct model *m)
{
	l->model = m;
	l->function = NULL;
	for (size_t i = 0; m && i < m->n_functions; i++) {
		if (strcmp(m->functions[i].url_id, url_id) == 0) {
			l->function = &m->functions[i];
		}
	}
}

static void on_request(void *ctx, struct http_exchange *x)
{
	url_call_begin(ctx, x);
}

/* The listener's own answers wear the service's shape; only 413 has a known text (lambda.md 5.3). */
static void on_fault(void *ctx, enum http_fault fault, const char *detail, const char *peer,
	struct http_reply *reply)
{
	static const struct http_header json = { { "Content-Type", 12 },
		{ "application/json", 16 } };
	struct url_listener *l = ctx;
	const struct function_urls_config *c = l->config;
	*reply = (struct http_reply){ .status = fault == HTTP_FAULT_BODY_TOO_LARGE ? 413 : 400,
		.headers = &json,
		.n_headers = 1,
		.body = fault == HTTP_FAULT_BODY_TOO_LARGE
				? URL_TOO_LARGE
				: SPAN("{\"message\":\"Bad Request\"}") };
	const char *name = l->function ? l->function->name : "";
	struct gateway_request info = { "", name, SPAN(""), SPAN(""), "$default", name, peer };
	if (c->events.on_refused) {
		c->events.on_refused(c->ctx, &info, reply->status, "HTTP", detail);
	}
}

int function_urls_listen(
	struct function_urls *u, const char *url_id, unsigned port, struct err *err)
{
	struct url_listener *l = xalloc(sizeof *l);
	l->config = &u->config;
	l->event = &u->event;
	l->body = &u->body;
	find_function(l, url_id, u->model);
	struct http_server_config server = { .ctx = l,
		.on_request = on_request,
		.fault = on_fault,
		.max_head = MAX_HEAD,
		.max_body = MAX_BODY,
		.send_date = true };
	return listeners_open(&u->listeners, &l->base, "function URL", url_id, port, &server, err);
}

unsigned function_urls_port(const struct function_urls *u, const char *url_id)
{
	return listeners_port(&u->listeners, url_id);
}

void function_urls_set_model(struct function_urls *u, const struct model *model)
{
	u->model = model;
	LIST_FOR (node, &u->listeners.all) {
		struct listener *base = container_of(node, struct listener, link);
		find_function(url_listener(base), base->key, model);
	}
}

static void on_closed(void *ctx)
{
	struct function_urls *u = ctx;
	void (*closed)(void *ctx) = u->closed;
	void *closed_ctx = u->closed_ctx;
	buf_fini(&u->event);
	buf_fini(&u->body);
	free(u);
	if (closed) {
		closed(closed_ctx);
	}
}

void function_urls_close(
	struct function_urls *u, unsigned grace_ms, void (*done)(void *ctx), void *ctx)
{
	u->closed = done;
	u->closed_ctx = ctx;
	listeners_close(&u->listeners, grace_ms, on_closed, u);
}
