/* Reference api-gateway.md section 10: stage and route throttles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "emulator/gateway/throttle.h"
#include "proxy/base/alloc.h"

#define MS 1000000u
#define START (5000ull * MS)

static unsigned take(struct throttle *t, unsigned n, uint64_t at)
{
	unsigned taken = 0;
	while (n--) {
		taken += throttle_take(t, at);
	}
	return taken;
}

static void a_burst_then_the_rate(void **state)
{
	(void)state;
	struct model_stage stage = { .name = "$default",
		.default_throttle = { 10, 3, true, true } };
	struct throttle t;
	throttle_init(&t, &stage, "GET /a");
	assert_int_equal(take(&t, 10, START), 3);
	assert_int_equal(take(&t, 10, START + 99 * MS), 0);
	assert_int_equal(take(&t, 10, START + 100 * MS), 1);
	assert_int_equal(take(&t, 10, START + 300 * MS), 2);
	assert_int_equal(take(&t, 10, START + 60000ull * MS), 3);
}

static void a_routes_own_settings_win(void **state)
{
	(void)state;
	struct model_route_settings own[] = {
		{ "GET /a", { 1, 1, true, true } },
		{ "GET /b", { .burst = 7, .has_burst = true } },
		{ "GET /d", { .rate = 5, .has_rate = true } },
	};
	struct model_stage stage = { .name = "$default",
		.default_throttle = { 10, 3, true, true },
		.route_settings = own,
		.n_route_settings = COUNT_OF(own) };
	struct throttle t;
	throttle_init(&t, &stage, "GET /a");
	assert_int_equal(take(&t, 10, START), 1);
	throttle_init(&t, &stage, "GET /b");
	assert_int_equal(take(&t, 10, START), 7);
	throttle_init(&t, &stage, "GET /c");
	assert_int_equal(take(&t, 10, START), 3);
	throttle_init(&t, &stage, "GET /d");
	assert_int_equal(take(&t, 10, START), 3);
	assert_int_equal(take(&t, 10, START + 400 * MS), 2);
}

static void nought_is_a_limit(void **state)
{
	(void)state;
	struct model_stage stage = { .name = "$default",
		.default_throttle = { .has_burst = true } };
	struct throttle t;
	throttle_init(&t, &stage, "GET /a");
	assert_int_equal(take(&t, 10, START), 0);
	assert_int_equal(take(&t, 10, START + 60000ull * MS), 0);
	stage.default_throttle = (struct model_throttle){
		.rate = 0, .burst = 2, .has_rate = true, .has_burst = true
	};
	throttle_init(&t, &stage, "GET /a");
	assert_int_equal(take(&t, 10, START), 2);
	assert_int_equal(take(&t, 10, START + 60000ull * MS), 0);
}

static void what_is_not_set_is_the_accounts(void **state)
{
	(void)state;
	struct model_stage stage = { .name = "$default",
		.default_throttle = { .rate = 10, .has_rate = true } };
	struct throttle t;
	throttle_init(&t, &stage, "GET /a");
	assert_int_equal(take(&t, 6000, START), 5000);
	assert_int_equal(take(&t, 10, START + 100 * MS), 1);
	stage.default_throttle = (struct model_throttle){ .burst = 100, .has_burst = true };
	throttle_init(&t, &stage, "GET /a");
	assert_int_equal(take(&t, 200, START), 100);
	assert_int_equal(take(&t, 200, START + MS), 10);
}

static void a_new_model_refills_nothing(void **state)
{
	(void)state;
	struct model_stage stage = { .name = "$default",
		.default_throttle = { 10, 3, true, true } };
	struct throttle old;
	struct throttle t;
	throttle_init(&old, &stage, "GET /a");
	throttle_init(&t, &stage, "GET /a");
	throttle_carry_on(&t, &old); /* not asked yet: full */
	assert_int_equal(take(&t, 10, START), 3);
	assert_int_equal(take(&old, 10, START), 3);
	throttle_init(&t, &stage, "GET /a");
	throttle_carry_on(&t, &old);
	assert_int_equal(take(&t, 10, START), 0);
	assert_int_equal(take(&t, 10, START + 100 * MS), 1);
	stage.default_throttle.burst = 5; /* two more than were taken */
	throttle_init(&t, &stage, "GET /a");
	throttle_carry_on(&t, &old);
	assert_int_equal(take(&t, 10, START), 2);
	stage.default_throttle.burst = 1;
	throttle_init(&t, &stage, "GET /a");
	throttle_carry_on(&t, &old);
	assert_int_equal(take(&t, 10, START), 0);
}

static void without_a_setting_there_is_no_limit(void **state)
{
	(void)state;
	struct model_stage stage = { .name = "$default" };
	struct throttle t;
	throttle_init(&t, &stage, "GET /a");
	assert_int_equal(take(&t, 100000, START), 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_then_the_rate),
		cmocka_unit_test(a_routes_own_settings_win),
		cmocka_unit_test(without_a_setting_there_is_no_limit),
		cmocka_unit_test(nought_is_a_limit),
		cmocka_unit_test(what_is_not_set_is_the_accounts),
		cmocka_unit_test(a_new_model_refills_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
