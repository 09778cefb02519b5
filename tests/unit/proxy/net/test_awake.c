#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/net/awake.h"

#define LONG_MS 40
#define LOOKS_MOST 20000 /* in LONG_MS; a loop that never sleeps passes by far oftener */

struct world {
	uv_loop_t loop;
	uv_prepare_t counter;
	uv_timer_t timer;
	struct awake *awake;
	unsigned passes;
	unsigned passes_before;
};

static void on_pass(uv_prepare_t *handle)
{
	struct world *w = handle->data;
	w->passes++;
}

static void on_time(uv_timer_t *handle)
{
	uv_stop(handle->loop);
}

static struct world *world_open(void)
{
	struct world *w = xalloc(sizeof *w);
	uv_loop_init(&w->loop);
	uv_prepare_init(&w->loop, &w->counter);
	w->counter.data = w;
	uv_prepare_start(&w->counter, on_pass);
	uv_unref((uv_handle_t *)&w->counter);
	uv_timer_init(&w->loop, &w->timer);
	w->awake = awake_open(&w->loop);
	return w;
}

static void world_close(struct world *w)
{
	awake_close(w->awake);
	uv_close((uv_handle_t *)&w->counter, NULL);
	uv_close((uv_handle_t *)&w->timer, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	free(w);
}

static unsigned passes_in(struct world *w, unsigned ms)
{
	w->passes = 0;
	uv_timer_start(&w->timer, on_time, ms, 0);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	return w->passes;
}

static void on_second_time(uv_timer_t *handle)
{
	struct world *w = handle->data;
	if (w->passes > w->passes_before && w->passes_before > 0) {
		uv_stop(handle->loop);
	} else {
		w->passes_before = w->passes;
	}
}

/* Between two long waits: to be stopped would be a short turn. */
static void test_sleeps_at_once_when_waits_are_long(void **state)
{
	(void)state;
	struct world *w = world_open();
	w->timer.data = w;
	uv_timer_start(&w->timer, on_second_time, LONG_MS, LONG_MS);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_in_range(w->passes - w->passes_before, 1, 2);
	world_close(w);
}

/* On a busy machine a short turn may be long by chance: one of many shows it. */
static void test_looks_after_a_short_turn_and_then_sleeps(void **state)
{
	(void)state;
	struct world *w = world_open();
	unsigned most = 0;
	for (int i = 0; i < 50 && most <= 3; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		unsigned passes = passes_in(w, LONG_MS);
		assert_in_range(passes, 1, LOOKS_MOST);
		most = passes > most ? passes : most;
	}
	assert_true(most > 3);
	world_close(w);
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	uv_stop(handle->loop);
}

/* A socket that the loop has only just heard of. */
static void test_sees_a_new_socket_while_it_looks(void **state)
{
	(void)state;
	struct world *w = world_open();
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	uv_poll_t poll;
	uv_poll_init(&w->loop, &poll, pair[0]);
	uv_poll_start(&poll, UV_READABLE, on_readable);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_true(passes_in(w, 60 * 1000) < LOOKS_MOST);
	assert_true(uv_is_active((uv_handle_t *)&w->timer));
	uv_close((uv_handle_t *)&poll, NULL);
	world_close(w);
	close(pair[0]);
	close(pair[1]);
}

static void test_does_not_keep_the_loop_alive(void **state)
{
	(void)state;
	struct world *w = world_open();
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0);
	world_close(w);
	awake_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sleeps_at_once_when_waits_are_long),
		cmocka_unit_test(test_looks_after_a_short_turn_and_then_sleeps),
		cmocka_unit_test(test_sees_a_new_socket_while_it_looks),
		cmocka_unit_test(test_does_not_keep_the_loop_alive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
