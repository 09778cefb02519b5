/* The resident helper's life, with the real builder: it stays while it is small, and is replaced, without a
 * request noticing, when it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>

#include "proxy/base/alloc.h"
#include "runtime/bundle/helper.h"

#define WEIGHED_EVERY 64 /* answers: then its memory is looked at */
#define REQUESTS (3 * WEIGHED_EVERY)

struct fixture {
	uv_loop_t loop;
	struct helper *helper;
	unsigned answered, failed;
};

static void on_answer(void *ctx, const cJSON *answer, const struct err *err)
{
	struct fixture *fx = ctx;
	(void)err;
	fx->answered++;
	fx->failed += !answer || !json_bool(answer, "ok", false);
}

static void open_helper(struct fixture *fx, unsigned max_mb)
{
	assert_int_equal(uv_loop_init(&fx->loop), 0);
	struct helper_config config = { .loop = &fx->loop,
		.node = "node",
		.runtime_dir = OFFSTAGE_SOURCE_DIR "/runtime",
		.max_mb = max_mb };
	fx->helper = helper_open(&config);
}

static void close_helper(struct fixture *fx)
{
	helper_close(fx->helper, NULL, NULL);
	uv_run(&fx->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fx->loop), 0);
}

/* One after the other; answers how many different processes gave the answers. */
static unsigned ask_again_and_again(struct fixture *fx, unsigned n)
{
	unsigned processes = 0;
	int pid = 0;
	for (unsigned i = 0; i < n; i++) {
		helper_ask(fx->helper, SPAN("\"op\":\"ping\""), on_answer, fx);
		while (fx->answered == i) {
			uv_run(&fx->loop, UV_RUN_ONCE);
		}
		if (helper_pid(fx->helper) != 0 && helper_pid(fx->helper) != pid) {
			pid = helper_pid(fx->helper);
			processes++;
		}
	}
	return processes;
}

static void a_small_one_stays(void **state)
{
	struct fixture fx = { .answered = 0 };
	(void)state;
	open_helper(&fx, 0);
	assert_int_equal(ask_again_and_again(&fx, REQUESTS), 1);
	assert_int_equal(fx.failed, 0);
	close_helper(&fx);
}

static void one_that_has_grown_is_replaced_and_no_request_fails(void **state)
{
	struct fixture fx = { .answered = 0 };
	(void)state;
	open_helper(&fx, 1);
	assert_true(ask_again_and_again(&fx, REQUESTS) > 1);
	assert_int_equal(fx.failed, 0);
	close_helper(&fx);
}

/* Who comes next finds it there. */
static void its_successor_does_not_wait_for_a_request(void **state)
{
	struct fixture fx = { .answered = 0 };
	(void)state;
	open_helper(&fx, 1);
	assert_int_equal(ask_again_and_again(&fx, WEIGHED_EVERY), 1);
	int before = helper_pid(fx.helper);
	while (helper_pid(fx.helper) == before || helper_pid(fx.helper) == 0) {
		assert_int_not_equal(uv_run(&fx.loop, UV_RUN_ONCE), 0);
	}
	close_helper(&fx);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_one_stays),
		cmocka_unit_test(one_that_has_grown_is_replaced_and_no_request_fails),
		cmocka_unit_test(its_successor_does_not_wait_for_a_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
