#include "peer.h"

#include "proxy/net/timer.h"

struct count {
	unsigned fired;
	struct timer *timer;
};

static void on_fire(void *ctx)
{
	struct count *c = ctx;
	c->fired++;
}

static void fires_once_and_never_inside_arm(void **state)
{
	(void)state;
	uv_loop_t loop;
	uv_loop_init(&loop);
	struct count c = { 0 };
	c.timer = timer_open(&loop, on_fire, &c);
	timer_arm(c.timer, 0);
	timer_arm(c.timer, 0);
	assert_int_equal(c.fired, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(c.fired, 1);
	timer_arm(c.timer, 0);
	timer_stop(c.timer);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(c.fired, 1);
	timer_close(c.timer);
	run_dry(&loop);
}

static void close_in_callback(void *ctx)
{
	struct count *c = ctx;
	c->fired++;
	timer_close(c->timer);
}

static void may_be_closed_armed_and_from_its_callback(void **state)
{
	(void)state;
	uv_loop_t loop;
	uv_loop_init(&loop);
	struct count armed = { 0 }, inside = { 0 };
	armed.timer = timer_open(&loop, on_fire, &armed);
	inside.timer = timer_open(&loop, close_in_callback, &inside);
	timer_arm(armed.timer, 0);
	timer_close(armed.timer);
	timer_close(NULL);
	timer_arm(inside.timer, 0);
	run_dry(&loop);
	assert_int_equal(armed.fired, 0);
	assert_int_equal(inside.fired, 1);
}

static void unref_lets_the_loop_end(void **state)
{
	(void)state;
	uv_loop_t loop;
	uv_loop_init(&loop);
	struct count c = { 0 };
	c.timer = timer_open(&loop, on_fire, &c);
	timer_unref(c.timer);
	timer_arm(c.timer, 3600 * 1000);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(c.fired, 0);
	timer_close(c.timer);
	run_dry(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_once_and_never_inside_arm),
		cmocka_unit_test(may_be_closed_armed_and_from_its_callback),
		cmocka_unit_test(unref_lets_the_loop_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
