#include "proxy/net/timer.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"

struct timer {
	uv_timer_t handle;
	timer_fn fn;
	void *ctx;
};

struct timer *timer_open(uv_loop_t *loop, timer_fn fn, void *ctx)
{
	struct timer *t = xalloc(sizeof *t);
	t->fn = fn;
	t->ctx = ctx;
	uv_timer_init(loop, &t->handle);
	t->handle.data = t;
	return t;
}

static void on_fire(uv_timer_t *handle)
{
	struct timer *t = handle->data;
	t->fn(t->ctx);
}

void timer_arm(struct timer *t, uint64_t ms)
{
	/* The loop's notion of now is that of the start of this turn; a long turn must not make
	 * the timer fire early. */
	uv_update_time(t->handle.loop);
	ENSURE(uv_timer_start(&t->handle, on_fire, ms, 0) == 0);
}

void timer_stop(struct timer *t)
{
	uv_timer_stop(&t->handle);
}

void timer_unref(struct timer *t)
{
	uv_unref((uv_handle_t *)&t->handle);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void timer_close(struct timer *t)
{
	if (t) {
		uv_close((uv_handle_t *)&t->handle, on_closed);
	}
}
