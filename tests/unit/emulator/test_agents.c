/* Which agent gets an invocation, who hears about it later, and what one that leaves had in hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>

#include <cmocka.h>

#include "emulator/agents.h"
#include "proxy/base/alloc.h"

/* A peer that writes down what it is sent: "INVOKE 1;CANCEL 1;". */
struct bridge_peer {
	char said[400];
	size_t waiting;
};

size_t bridge_peer_waiting(const struct bridge_peer *p)
{
	return p->waiting;
}

void bridge_peer_send(struct bridge_peer *p, const struct wire_message *m)
{
	const char *type = m->type == WIRE_INVOKE   ? "INVOKE"
			   : m->type == WIRE_CANCEL ? "CANCEL"
			   : m->type == WIRE_CREDIT ? "CREDIT"
						    : "?";
	size_t at = strlen(p->said);
	snprintf(p->said + at, sizeof p->said - at, "%s %d;", type, (int)m->id);
}

const char *bridge_peer_name(const struct bridge_peer *p)
{
	(void)p;
	return "agent";
}

struct rig {
	struct agents *agents;
	struct bridge_peer ann, bob;
	char lost[400];
};

static int setup(void **state)
{
	struct rig *rig = xalloc(sizeof *rig);
	rig->agents = agents_create();
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	agents_destroy(rig->agents);
	free(rig);
	return 0;
}

static void expect_said(struct bridge_peer *p, const char *what)
{
	assert_string_equal(p->said, what);
	p->said[0] = '\0';
}

static int invoke(struct rig *rig, uint64_t id)
{
	return agents_invoke(rig->agents, id, SPAN("{}"), SPAN("{}"));
}

static void on_lost(void *ctx, uint64_t wire_id)
{
	struct rig *rig = ctx;
	size_t at = strlen(rig->lost);
	snprintf(rig->lost + at, sizeof rig->lost - at, "%d;", (int)wire_id);
}

static void nobody_is_there(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(invoke(rig, 1), -ERR_UNAVAILABLE);
	assert_int_equal(agents_count(rig->agents), 0);
	assert_null(agents_any(rig->agents));
	/* News of what nobody has goes nowhere. */
	agents_tell(rig->agents, 1, WIRE_CANCEL, SPAN("{}"));
	agents_ended(rig->agents, 1);
	assert_false(agents_remove(rig->agents, &rig->ann, on_lost, rig));
}

static void work_goes_to_the_least_busy(void **state)
{
	struct rig *rig = *state;
	agents_add(rig->agents, &rig->ann);
	agents_add(rig->agents, &rig->bob);
	assert_int_equal(agents_count(rig->agents), 2);
	for (uint64_t id = 1; id <= 4; id++) {
		assert_int_equal(invoke(rig, id), 0);
	}
	expect_said(&rig->ann, "INVOKE 1;INVOKE 3;");
	expect_said(&rig->bob, "INVOKE 2;INVOKE 4;");
	/* Bob becomes free: the next two are his. */
	agents_ended(rig->agents, 2);
	agents_ended(rig->agents, 4);
	assert_int_equal(invoke(rig, 5), 0);
	assert_int_equal(invoke(rig, 6), 0);
	expect_said(&rig->ann, "");
	expect_said(&rig->bob, "INVOKE 5;INVOKE 6;");
}

static void who_does_not_keep_up_gets_nothing_more(void **state)
{
	struct rig *rig = *state;
	agents_add(rig->agents, &rig->ann);
	agents_add(rig->agents, &rig->bob);
	rig->ann.waiting = (96u << 20) + 1;
	assert_int_equal(invoke(rig, 1), 0);
	assert_int_equal(invoke(rig, 2), 0);
	expect_said(&rig->ann, "");
	expect_said(&rig->bob, "INVOKE 1;INVOKE 2;");
	rig->bob.waiting = rig->ann.waiting;
	assert_int_equal(invoke(rig, 3), -ERR_UNAVAILABLE);
	rig->ann.waiting = 96u << 20;
	assert_int_equal(invoke(rig, 4), 0);
	expect_said(&rig->ann, "INVOKE 4;");
}

static void news_follow_the_invocation(void **state)
{
	struct rig *rig = *state;
	agents_add(rig->agents, &rig->ann);
	agents_add(rig->agents, &rig->bob);
	assert_int_equal(invoke(rig, 1), 0);
	assert_int_equal(invoke(rig, 2), 0);
	agents_tell(rig->agents, 2, WIRE_CANCEL, SPAN("{}"));
	agents_tell(rig->agents, 1, WIRE_CREDIT, SPAN("{}"));
	expect_said(&rig->ann, "INVOKE 1;CREDIT 1;");
	expect_said(&rig->bob, "INVOKE 2;CANCEL 2;");
	agents_ended(rig->agents, 1);
	agents_tell(rig->agents, 1, WIRE_CANCEL, SPAN("{}"));
	expect_said(&rig->ann, "");
}

static void one_that_leaves_loses_only_its_own(void **state)
{
	struct rig *rig = *state;
	agents_add(rig->agents, &rig->ann);
	agents_add(rig->agents, &rig->bob);
	for (uint64_t id = 1; id <= 5; id++) {
		assert_int_equal(invoke(rig, id), 0);
	}
	agents_ended(rig->agents, 3);
	assert_true(agents_remove(rig->agents, &rig->ann, on_lost, rig));
	assert_non_null(strstr(rig->lost, "1;"));
	assert_non_null(strstr(rig->lost, "5;"));
	assert_int_equal(strlen(rig->lost), strlen("1;5;"));
	assert_false(agents_remove(rig->agents, &rig->ann, on_lost, rig));
	assert_ptr_equal(agents_any(rig->agents), &rig->bob);
	rig->bob.said[0] = '\0';
	assert_int_equal(invoke(rig, 6), 0);
	expect_said(&rig->bob, "INVOKE 6;");
}

/* Whoever hears of a loss may begin new work: it must not go to the one that leaves. */
static void on_lost_retry(void *ctx, uint64_t wire_id)
{
	struct rig *rig = ctx;
	on_lost(ctx, wire_id);
	assert_int_equal(invoke(rig, wire_id + 100), 0);
}

static void what_is_lost_may_be_begun_anew_at_once(void **state)
{
	struct rig *rig = *state;
	agents_add(rig->agents, &rig->ann);
	assert_int_equal(invoke(rig, 1), 0);
	assert_int_equal(invoke(rig, 2), 0);
	agents_add(rig->agents, &rig->bob);
	expect_said(&rig->ann, "INVOKE 1;INVOKE 2;");
	assert_true(agents_remove(rig->agents, &rig->ann, on_lost_retry, rig));
	expect_said(&rig->ann, "");
	assert_int_equal(strlen(rig->bob.said), strlen("INVOKE 101;INVOKE 102;"));
	assert_int_equal(strlen(rig->lost), strlen("1;2;"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nobody_is_there),
		TEST(work_goes_to_the_least_busy),
		TEST(who_does_not_keep_up_gets_nothing_more),
		TEST(news_follow_the_invocation),
		TEST(one_that_leaves_loses_only_its_own),
		TEST(what_is_lost_may_be_begun_anew_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
