#include "proxy/net/turn.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"

struct turn {
	uv_prepare_t handle; /* active only while armed: an idle one costs every turn a call */
	void (*fn)(void *ctx);
	void *ctx;
};

static void on_prepare(uv_prepare_t *handle)
{
	struct turn *t = handle->data;
	uv_prepare_stop(handle);
	t->fn(t->ctx);
}

struct turn *turn_open(uv_loop_t *loop, void (*fn)(void *ctx), void *ctx)
{
	struct turn *t = xalloc(sizeof *t);
	ENSURE(uv_prepare_init(loop, &t->handle) == 0);
	t->handle.data = t;
	t->fn = fn;
	t->ctx = ctx;
	return t;
}

void turn_arm(struct turn *t)
{
	uv_prepare_start(&t->handle, on_prepare);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void turn_close(struct turn *t)
{
	if (t) {
		uv_close((uv_handle_t *)&t->handle, on_closed);
	}
}
