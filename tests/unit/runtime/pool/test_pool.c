/* The pool's decisions, with workers that are only numbers and a clock that the test turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "runtime/pool/pool.h"

#define MAX_WORKERS 256

struct fake_worker {
	struct seat *seat;
	struct invocation *running, *ahead;
	uint64_t begun_ns;
	bool stopping;
};

struct fixture {
	uint64_t now_ns;
	struct clock clock;
	struct pool *pool;
	struct pool_function *f;
	struct fake_worker *workers[MAX_WORKERS];
	unsigned started, ran, ran_ahead, failed, stopped;
	char failed_type[64];
	bool cannot_start;
	uint64_t next_id;
};

static int64_t fake_now_ms(void *ctx)
{
	return (int64_t)(((struct fixture *)ctx)->now_ns / 1000000);
}

static uint64_t fake_mono(void *ctx)
{
	return ((struct fixture *)ctx)->now_ns;
}

static void *op_start(void *ctx, struct seat *seat, struct invocation *first)
{
	struct fixture *fx = ctx;
	if (fx->cannot_start) {
		return NULL;
	}
	struct fake_worker *w = xalloc(sizeof *w);
	w->seat = seat;
	w->running = first;
	w->begun_ns = fx->now_ns;
	fx->workers[fx->started++] = w;
	return w;
}

static void op_run(void *ctx, struct seat *seat, struct invocation *inv)
{
	struct fixture *fx = ctx;
	struct fake_worker *w = seat->worker;
	if (w->running) {
		w->ahead = inv;
		fx->ran_ahead++;
	} else {
		w->running = inv;
		w->begun_ns = fx->now_ns;
	}
	fx->ran++;
}

static bool op_has_room(void *ctx, const struct seat *seat, bool ahead)
{
	(void)ctx;
	const struct fake_worker *w = seat->worker;
	return !w->running || (ahead && !w->ahead);
}

static double op_running_ms(void *ctx, const struct seat *seat)
{
	struct fixture *fx = ctx;
	const struct fake_worker *w = seat->worker;
	return w->running ? (double)(fx->now_ns - w->begun_ns) / 1e6 : 0;
}

static void op_stop(void *ctx, struct seat *seat)
{
	struct fixture *fx = ctx;
	struct fake_worker *w = seat->worker;
	fx->stopped += !w->stopping;
	w->stopping = true;
}

static void op_fail(void *ctx, struct pool_function *f, struct invocation *inv, const char *type,
	struct span body)
{
	struct fixture *fx = ctx;
	(void)f;
	(void)body;
	fx->failed++;
	snprintf(fx->failed_type, sizeof fx->failed_type, "%s", type);
	invocation_destroy(inv);
}

static const struct pool_ops ops = { op_start, op_run, op_has_room, op_running_ms, op_stop,
	op_fail };

static int set_up_with(void **state, bool one_each)
{
	struct fixture *fx = xalloc(sizeof *fx);
	fx->now_ns = 1000000000;
	fx->clock = (struct clock){ fake_now_ms, fake_mono, fx };
	struct pool_config config = { &ops, fx, &fx->clock, 8, 4, one_each };
	fx->pool = pool_create(&config);
	fx->f = pool_function_open(fx->pool, fx, true);
	*state = fx;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, false);
}

static int set_up_one_each(void **state)
{
	return set_up_with(state, true);
}

static void ended(struct fixture *fx, unsigned i, enum seat_end end)
{
	struct fake_worker *w = fx->workers[i];
	fx->workers[i] = NULL;
	struct list unstarted;
	list_init(&unstarted);
	if (w->ahead) {
		list_push_back(&unstarted, &w->ahead->link);
	}
	invocation_destroy(w->running);
	struct seat *seat = w->seat;
	free(w);
	pool_seat_ended(seat, end, "Runtime.X", SPAN("{}"), &unstarted);
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	pool_function_close(fx->f);
	for (unsigned i = 0; i < fx->started; i++) {
		if (fx->workers[i]) {
			ended(fx, i, SEAT_GONE);
		}
	}
	assert_int_equal(pool_seats(fx->pool), 0);
	pool_destroy(fx->pool);
	free(fx);
	return 0;
}

static void submit(struct fixture *fx, struct pool_function *f)
{
	const struct invocation_order order = {
		.id = ++fx->next_id, .request_id = SPAN("id"), .payload = SPAN("{}")
	};
	pool_submit(f, invocation_create(&order));
}

static void pass(struct fixture *fx, double ms)
{
	fx->now_ns += (uint64_t)(ms * 1e6);
}

static void ready(struct fixture *fx, unsigned i)
{
	pool_seat_ready(fx->workers[i]->seat, 100);
}

/* The invocation of worker i ends after `ms` of running. */
static void finish(struct fixture *fx, unsigned i, double ms)
{
	struct fake_worker *w = fx->workers[i];
	invocation_destroy(w->running);
	w->running = w->ahead;
	w->ahead = NULL;
	w->begun_ns = fx->now_ns;
	pool_seat_free(w->seat, ms);
}

/* Teaches the pool that invocations take `ms`. */
static void learn(struct fixture *fx, double ms)
{
	for (int i = 0; i < 40; i++) {
		submit(fx, fx->f);
		if (i == 0) {
			ready(fx, 0);
		}
		pass(fx, ms);
		finish(fx, 0, ms);
	}
	assert_int_equal(fx->started, 1);
}

static void one_worker_serves_one_after_the_other(void **state)
{
	struct fixture *fx = *state;
	submit(fx, fx->f);
	assert_int_equal(fx->started, 1);
	assert_int_equal(fx->ran, 0);
	ready(fx, 0);
	assert_int_equal(fx->ran, 1);
	finish(fx, 0, 1);
	submit(fx, fx->f);
	assert_int_equal(fx->started, 1);
	assert_int_equal(fx->ran, 2);
}

static void quick_functions_do_not_multiply(void **state)
{
	struct fixture *fx = *state;
	learn(fx, 1);
	for (int i = 0; i < 64; i++) {
		submit(fx, fx->f);
	}
	for (int i = 0; i < 1000; i++) {
		pass(fx, 1);
		finish(fx, 0, 1);
		submit(fx, fx->f);
		pool_tick(fx->pool);
	}
	assert_int_equal(fx->started, 1);
	assert_true(fx->ran_ahead > 900);
}

static void slow_functions_get_a_worker_for_each_who_waits(void **state)
{
	struct fixture *fx = *state;
	learn(fx, 100);
	for (int i = 0; i < 8; i++) {
		submit(fx, fx->f);
	}
	unsigned known = 1;
	for (int i = 0; i < 200; i++) {
		pass(fx, 10);
		pool_tick(fx->pool);
		while (known < fx->started) {
			ready(fx, known++);
		}
	}
	assert_int_equal(fx->started, 8);
	assert_int_equal(pool_waiting(fx->f), 0);
	assert_int_equal(fx->ran_ahead, 0);
}

static void the_total_is_bounded_and_idle_ones_make_room(void **state)
{
	struct fixture *fx = *state;
	learn(fx, 100);
	for (int i = 0; i < 40; i++) {
		submit(fx, fx->f);
	}
	unsigned known = 1;
	for (int i = 0; i < 200; i++) {
		pass(fx, 10);
		pool_tick(fx->pool);
		while (known < fx->started) {
			ready(fx, known++);
		}
	}
	assert_int_equal(pool_seats(fx->pool), 8);
	struct pool_function *other = pool_function_open(fx->pool, NULL, true);
	submit(fx, other);
	assert_int_equal(fx->started, 8); /* full, all busy */
	while (pool_waiting(fx->f) > 0) {
		finish(fx, 0, 100);
	}
	finish(fx, 1, 100); /* one is idle now: it goes, the other function gets its place */
	assert_int_equal(fx->stopped, 1);
	assert_int_equal(fx->started, 9);
	pool_function_close(other);
}

/* Two workers, both idle, of a function that takes `ms` by now; two events at once. */
static void give_two_to_two(struct fixture *fx, double ms)
{
	learn(fx, 100);
	submit(fx, fx->f);
	submit(fx, fx->f);
	pass(fx, 500);
	pool_tick(fx->pool);
	assert_int_equal(fx->started, 2);
	ready(fx, 1);
	finish(fx, 0, ms);
	for (int i = 0; i < 100; i++) {
		finish(fx, fx->workers[0]->running ? 0 : 1, ms);
		submit(fx, fx->f);
	}
	finish(fx, fx->workers[0]->running ? 0 : 1, ms);
	assert_false(fx->workers[0]->running || fx->workers[1]->running);
	fx->ran_ahead = 0;
	submit(fx, fx->f);
	submit(fx, fx->f);
}

static void a_busy_worker_that_is_soon_free_is_nearer_than_an_idle_one(void **state)
{
	struct fixture *fx = *state;
	give_two_to_two(fx, 0.1);
	assert_int_equal(fx->ran_ahead, 1);
}

static void an_idle_worker_is_nearer_than_a_wait(void **state)
{
	struct fixture *fx = *state;
	give_two_to_two(fx, 2);
	assert_int_equal(fx->ran_ahead, 0);
}

static void ahead_comes_back_when_its_worker_dies(void **state)
{
	struct fixture *fx = *state;
	learn(fx, 1);
	submit(fx, fx->f);
	submit(fx, fx->f);
	assert_int_equal(fx->ran_ahead, 1);
	unsigned ran = fx->ran;
	ended(fx, 0, SEAT_GONE);
	assert_int_equal(fx->started, 2);
	ready(fx, 1);
	assert_int_equal(fx->ran, ran + 1);
	assert_int_equal(fx->failed, 0);
}

static void one_slow_run_stops_sending_ahead(void **state)
{
	struct fixture *fx = *state;
	learn(fx, 1);
	submit(fx, fx->f);
	pass(fx, 500);
	finish(fx, 0, 500);
	submit(fx, fx->f);
	submit(fx, fx->f);
	assert_int_equal(fx->ran_ahead, 0);
}

static void new_code_means_new_workers(void **state)
{
	struct fixture *fx = *state;
	submit(fx, fx->f);
	ready(fx, 0);
	pool_function_renew(fx->f);
	assert_int_equal(fx->stopped, 1);
	submit(fx, fx->f);
	assert_int_equal(fx->started, 2);
	finish(fx, 0, 5); /* the old one is done: it gets nothing more */
	assert_int_equal(fx->ran, 1);
	ended(fx, 0, SEAT_GONE);
	ready(fx, 1);
	assert_int_equal(fx->ran, 2);
}

static void under_a_debugger_there_is_one_at_a_time(void **state)
{
	struct fixture *fx = *state;
	submit(fx, fx->f);
	ready(fx, 0);
	submit(fx, fx->f);
	pass(fx, 60000); /* at a breakpoint */
	assert_int_equal(fx->started, 1);
	pool_function_renew(fx->f);
	pool_warm(fx->f);
	finish(fx, 0, 60000);
	assert_int_equal(fx->started, 1); /* the old one still has the port */
	ended(fx, 0, SEAT_GONE);
	assert_int_equal(fx->started, 2);
	ready(fx, 1);
	assert_int_equal(fx->ran, 2);
}

static void failed_init_tells_those_who_were_there(void **state)
{
	struct fixture *fx = *state;
	submit(fx, fx->f);
	pass(fx, 50);
	submit(fx, fx->f); /* after the start: gets a try of its own */
	ended(fx, 0, SEAT_INIT_FAILED);
	assert_int_equal(fx->failed, 1);
	assert_string_equal(fx->failed_type, "Runtime.X");
	assert_int_equal(fx->started, 2);
}

static void init_that_takes_too_long_runs_again_within_the_invocation(void **state)
{
	struct fixture *fx = *state;
	submit(fx, fx->f);
	pass(fx, 10000);
	ended(fx, 0, SEAT_INIT_TIMEOUT);
	assert_int_equal(fx->started, 2);
	assert_non_null(fx->workers[1]->running);
	assert_true(fx->workers[1]->seat->has_first);
	ready(fx, 1);
	assert_int_equal(fx->workers[1]->seat->state, SEAT_BUSY);
}

static void what_cannot_start_is_answered(void **state)
{
	struct fixture *fx = *state;
	fx->cannot_start = true;
	submit(fx, fx->f);
	assert_int_equal(fx->failed, 1);
	assert_string_equal(fx->failed_type, "Runtime.InvalidEntrypoint");
}

static void idle_workers_retire_the_last_one_late(void **state)
{
	struct fixture *fx = *state;
	learn(fx, 100);
	for (int i = 0; i < 3; i++) {
		submit(fx, fx->f);
	}
	unsigned known = 1;
	for (int i = 0; i < 100; i++) {
		pass(fx, 10);
		pool_tick(fx->pool);
		while (known < fx->started) {
			ready(fx, known++);
		}
	}
	for (unsigned i = 0; i < fx->started; i++) {
		finish(fx, i, 100);
	}
	pass(fx, 61 * 1000);
	pool_tick(fx->pool);
	assert_int_equal(fx->stopped, fx->started - 1);
	pass(fx, 10 * 60 * 1000);
	pool_tick(fx->pool);
	assert_int_equal(fx->stopped, fx->started);
}

static void waiting_ones_can_be_withdrawn(void **state)
{
	struct fixture *fx = *state;
	submit(fx, fx->f);
	assert_null(pool_withdraw(fx->f, 99));
	struct invocation *inv = pool_withdraw(fx->f, 1);
	assert_non_null(inv);
	invocation_destroy(inv);
	ready(fx, 0);
	assert_int_equal(fx->ran, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_worker_serves_one_after_the_other),
		TEST(quick_functions_do_not_multiply),
		TEST(slow_functions_get_a_worker_for_each_who_waits),
		TEST(the_total_is_bounded_and_idle_ones_make_room),
		TEST(a_busy_worker_that_is_soon_free_is_nearer_than_an_idle_one),
		TEST(an_idle_worker_is_nearer_than_a_wait),
		TEST(ahead_comes_back_when_its_worker_dies),
		TEST(one_slow_run_stops_sending_ahead),
		TEST(new_code_means_new_workers),
		cmocka_unit_test_setup_teardown(
			under_a_debugger_there_is_one_at_a_time, set_up_one_each, tear_down),
		TEST(failed_init_tells_those_who_were_there),
		TEST(init_that_takes_too_long_runs_again_within_the_invocation),
		TEST(what_cannot_start_is_answered),
		TEST(idle_workers_retire_the_last_one_late),
		TEST(waiting_ones_can_be_withdrawn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
