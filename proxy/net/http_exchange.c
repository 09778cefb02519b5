/* The life of exchanges: made, queued, answered in order, and used again for the next request.
 *
 *   spare ----> being parsed ----> queue ------------------> spare
 *   (next)                       (enqueue)  |  (drop, finish)
 *                                           `-> orphan: the connection went first; freed when
 *                                               the handler has been told or has answered */
#include "proxy/net/http_exchange.h"

#include <stdlib.h>

#include "proxy/net/http_conn.h"

static struct http_exchange *create(struct http_conn *c)
{
	struct http_exchange *x = xalloc(sizeof *x);
	list_init(&x->node);
	x->conn = c;
	x->req.arena = arena_create();
	memcpy(x->req.peer, c->peer, sizeof c->peer);
	buf_init(&x->body, c->server->config.max_body);
	return x;
}

void http_exchange_free(struct http_exchange *x)
{
	list_remove(&x->node);
	http_out_fini(&x->out);
	buf_fini(&x->body);
	arena_destroy(x->req.arena);
	free(x);
}

struct http_exchange *http_exchange_next(struct http_conn *c)
{
	struct list *first = list_first(&c->spare);
	if (first) {
		return container_of(first, struct http_exchange, node);
	}
	struct http_exchange *x = create(c);
	list_push_front(&c->spare, &x->node);
	return x;
}

/* A large body's memory is not worth keeping, least of all while an answer waits for its turn behind a request
 * that is parked. */
static void drop_large_body(struct http_exchange *x)
{
	if (x->body.cap > HTTP_READ_SIZE) {
		buf_fini(&x->body);
		x->req.body = (struct span){ NULL, 0 };
	}
}

/* Back among the spare ones, empty. */
static void recycle(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	list_remove(&x->node);
	c->n_queue--;
	if (c->current == x) {
		c->current = NULL;
		c->body_paused = false;
	}
	http_out_clear(&x->out);
	arena_reset(x->req.arena);
	drop_large_body(x);
	buf_clear(&x->body);
	struct http_out out = x->out;
	struct buf body = x->body;
	struct arena *arena = x->req.arena;
	*x = (struct http_exchange){ .conn = c, .out = out, .body = body, .req.arena = arena };
	memcpy(x->req.peer, c->peer, sizeof c->peer);
	list_init(&x->node);
	list_push_front(&c->spare, &x->node);
}

void http_exchange_enqueue(struct http_exchange *x)
{
	list_remove(&x->node);
	list_push_back(&x->conn->queue, &x->node);
	x->conn->n_queue++;
}

void http_exchange_orphan(struct http_exchange *x)
{
	list_remove(&x->node);
	x->conn = NULL;
	void (*gone)(void *ctx) = x->gone;
	void *ctx = x->gone_ctx;
	bool handler_keeps = x->handed && !x->done && !gone;
	if (handler_keeps) {
		return;
	}
	bool tell = x->handed && !x->done;
	if (tell) {
		gone(ctx);
	}
	http_exchange_free(x);
}

struct http_exchange *http_exchange_first(struct http_conn *c)
{
	struct list *first = list_first(&c->queue);
	return first ? container_of(first, struct http_exchange, node) : NULL;
}

struct http_out *http_exchange_out(struct http_exchange *x)
{
	return http_exchange_first(x->conn) == x ? &x->conn->out : &x->out;
}

/* Answers leave in the order of the requests. */
static void pop_answered(struct http_conn *c)
{
	struct http_exchange *x;
	while (!c->cut && (x = http_exchange_first(c)) != NULL) {
		http_out_join(&c->out, &x->out);
		if (!x->done) {
			return;
		}
		if (!x->keep_alive) {
			c->last = c->cut = true;
		}
		recycle(x);
	}
}

void http_exchange_drop(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	if (c && !c->scope.closing) {
		recycle(x);
	} else {
		http_exchange_free(x);
	}
}

void http_exchange_finish(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	x->done = true;
	drop_large_body(x);
	if (c->current == x) {
		/* Answered before the body was read: the rest is thrown away with the connection. */
		c->current = NULL;
		c->body_paused = false;
		c->last = true;
	}
	pop_answered(c);
	http_conn_touch(c);
}
