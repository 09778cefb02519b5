#include "proxy/net/awake.h"

#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"

#define N_HANDLES 3
#define LOOK_NS (200 * 1000u) /* how long a loop looks before it sleeps */
#define SHORT_TURN_NS (2 * LOOK_NS) /* a wait that a look had covered, and the work after it */

/* The prepare handle runs just before the loop waits, the check handle just after the turn's callbacks. The idle
 * handle, while active, makes the loop pass by without waiting: each look is a whole turn, so that new sockets
 * are waited for and timers fire as ever. */
struct awake {
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;
	unsigned n_closed;
	int fd; /* of the loop; readable when there is news */
	bool eager; /* the last turn was short: look before sleeping */
	uint64_t since_ns; /* when the present wait, or the look before it, began */
};

static bool has_news(const struct awake *a)
{
	return poll(&(struct pollfd){ .fd = a->fd, .events = POLLIN }, 1, 0) != 0;
}

static void on_idle(uv_idle_t *handle)
{
	(void)handle;
}

static void before_wait(uv_prepare_t *handle)
{
	struct awake *a = handle->data;
	uint64_t now = uv_hrtime();
	if (a->eager && !has_news(a)) {
		if (!uv_is_active((uv_handle_t *)&a->idle)) {
			a->since_ns = now;
			uv_idle_start(&a->idle, on_idle);
			return;
		}
		if (now - a->since_ns < LOOK_NS) {
			sched_yield();
			return;
		}
		a->eager = false;
	}
	uv_idle_stop(&a->idle);
	a->since_ns = now;
}

static void after_turn(uv_check_t *handle)
{
	struct awake *a = handle->data;
	if (!a->eager) {
		a->eager = uv_hrtime() - a->since_ns < SHORT_TURN_NS;
	}
}

struct awake *awake_open(uv_loop_t *loop)
{
	struct awake *a = xalloc(sizeof *a);
	a->fd = uv_backend_fd(loop);
	uv_prepare_init(loop, &a->prepare);
	uv_check_init(loop, &a->check);
	uv_idle_init(loop, &a->idle);
	a->prepare.data = a->check.data = a->idle.data = a;
	uv_prepare_start(&a->prepare, before_wait);
	uv_check_start(&a->check, after_turn);
	uv_unref((uv_handle_t *)&a->prepare);
	uv_unref((uv_handle_t *)&a->check);
	uv_unref((uv_handle_t *)&a->idle);
	return a;
}

static void on_closed(uv_handle_t *handle)
{
	struct awake *a = handle->data;
	if (++a->n_closed == N_HANDLES) {
		free(a);
	}
}

void awake_close(struct awake *a)
{
	if (a) {
		uv_close((uv_handle_t *)&a->prepare, on_closed);
		uv_close((uv_handle_t *)&a->check, on_closed);
		uv_close((uv_handle_t *)&a->idle, on_closed);
	}
}
