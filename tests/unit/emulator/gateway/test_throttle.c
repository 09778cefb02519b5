/* Reference api-gateway.md section 10: stage and route throttles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "emulator/gateway/throttle.h"

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
	struct model_stage stage = { .name = "$default", .default_throttle = { 10, 3 } };
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
	struct model_route_settings own[] = { { "GET /a", { 1, 1 } }, { "GET /b", { 0, 7 } } };
	struct model_stage stage = { .name = "$default",
		.default_throttle = { 10, 3 },
		.route_settings = own,
		.n_route_settings = 2 };
	struct throttle t;
	throttle_init(&t, &stage, "GET /a");
	assert_int_equal(take(&t, 10, START), 1);
	throttle_init(&t, &stage, "GET /b");
	assert_int_equal(take(&t, 10, START), 7);
	throttle_init(&t, &stage, "GET /c");
	assert_int_equal(take(&t, 10, START), 3);
}

static void without_a_rate_there_is_no_limit(void **state)
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
		cmocka_unit_test(without_a_rate_there_is_no_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
