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
	struct list listeners; /* struct url_listener */
	struct buf event, body; /* scratch of all calls: used up before the next */
	const struct model *model; /* NULL until the first */
	unsigned
		open; /* servers that have not closed yet, and one for function_urls_close itself */
	void (*closed)(void *ctx);
	void *closed_ctx;
};

struct function_urls *function_urls_create(const struct function_urls_config *config)
{
	struct function_urls *u = xalloc(sizeof *u);
	u->config = *config;
	list_init(&u->listeners);
	buf_init(&u->event, MAX_BODY);
	buf_init(&u->body, MAX_REPLY);
	return u;
}

static struct url_listener *find_listener(const struct function_urls *u, const char *url_id)
{
	LIST_FOR (node, &u->listeners) {
		struct url_listener *l = container_of(node, struct url_listener, link);
		if (strcmp(l->url_id, url_id) == 0) {
			return l;
		}
	}
	return NULL;
}

static void find_function(struct url_listener *l, const struct model *m)
{
	l->model = m;
	l->function = NULL;
	for (size_t i = 0; m && i < m->n_functions; i++) {
		if (strcmp(m->functions[i].url_id, l->url_id) == 0) {
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

static void listener_free(struct url_listener *l)
{
	list_remove(&l->link);
	free(l->url_id);
	free(l);
}

int function_urls_listen(
	struct function_urls *u, const char *url_id, unsigned port, struct err *err)
{
	struct url_listener *l = xalloc(sizeof *l);
	l->config = &u->config;
	l->event = &u->event;
	l->body = &u->body;
	l->owner = u;
	l->url_id = xstrdup(url_id);
	list_push_back(&u->listeners, &l->link);
	find_function(l, u->model);
	struct http_server_config server = { .ctx = l,
		.on_request = on_request,
		.fault = on_fault,
		.max_head = MAX_HEAD,
		.max_body = MAX_BODY,
		.send_date = true };
	l->server = http_server_open(u->config.loop, u->config.host, port, &server, err);
	if (!l->server) {
		listener_free(l);
		return err_wrap(err, "function URL '%s'", url_id);
	}
	u->open++;
	return 0;
}

unsigned function_urls_port(const struct function_urls *u, const char *url_id)
{
	const struct url_listener *l = find_listener(u, url_id);
	return l ? http_server_port(l->server) : 0;
}

void function_urls_set_model(struct function_urls *u, const struct model *model)
{
	u->model = model;
	LIST_FOR (node, &u->listeners) {
		find_function(container_of(node, struct url_listener, link), model);
	}
}

static void drop(struct function_urls *u)
{
	if (--u->open) {
		return;
	}
	void (*closed)(void *ctx) = u->closed;
	void *ctx = u->closed_ctx;
	buf_fini(&u->event);
	buf_fini(&u->body);
	free(u);
	if (closed) {
		closed(ctx);
	}
}

static void on_server_closed(void *ctx)
{
	struct url_listener *l = ctx;
	struct function_urls *u = l->owner;
	listener_free(l);
	drop(u);
}

void function_urls_close(
	struct function_urls *u, unsigned grace_ms, void (*done)(void *ctx), void *ctx)
{
	u->closed = done;
	u->closed_ctx = ctx;
	u->open++;
	LIST_FOR_SAFE (node, &u->listeners) {
		struct url_listener *l = container_of(node, struct url_listener, link);
		http_server_close(l->server, grace_ms, on_server_closed, l);
	}
	drop(u);
}
