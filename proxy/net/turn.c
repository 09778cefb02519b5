#include "proxy/net/turn.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"

#define N_HANDLES 2

/* The check handle calls after the loop has waited. What is armed elsewhere, by a timer or by another
 * turn, must not wait for a socket's news to come by: an idle handle keeps the loop from waiting. Both are
 * active only while armed: otherwise each turn would pay for them. */
struct turn {
	uv_check_t check;
	uv_idle_t idle;
	unsigned n_closed;
	void (*fn)(void *ctx);
	void *ctx;
};

static void on_check(uv_check_t *handle)
{
	struct turn *t = handle->data;
	uv_check_stop(&t->check);
	uv_idle_stop(&t->idle);
	t->fn(t->ctx);
}

static void on_idle(uv_idle_t *handle)
{
	(void)handle;
}

struct turn *turn_open(uv_loop_t *loop, void (*fn)(void *ctx), void *ctx)
{
	struct turn *t = xalloc(sizeof *t);
	ENSURE(uv_check_init(loop, &t->check) == 0 && uv_idle_init(loop, &t->idle) == 0);
	t->check.data = t->idle.data = t;
	t->fn = fn;
	t->ctx = ctx;
	return t;
}

void turn_arm(struct turn *t)
{
	uv_check_start(&t->check, on_check);
	uv_idle_start(&t->idle, on_idle);
}

static void on_closed(uv_handle_t *handle)
{
	struct turn *t = handle->data;
	if (++t->n_closed == N_HANDLES) {
		free(t);
	}
}

void turn_close(struct turn *t)
{
	if (t) {
		uv_close((uv_handle_t *)&t->check, on_closed);
		uv_close((uv_handle_t *)&t->idle, on_closed);
	}
}
