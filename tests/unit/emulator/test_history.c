/* What GET /_offstage/invocations is made of: records in order, filters, and bounds that hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "emulator/history.h"
#include "proxy/base/alloc.h"
#include "proxy/base/json.h"

static int setup(void **state)
{
	*state = history_create();
	return 0;
}

static int teardown(void **state)
{
	history_destroy(*state);
	return 0;
}

static void start(struct history *h, const char *id, const char *function, const char *source)
{
	AUTO_FREE char *handler = xasprintf("src/%s.handler", function);
	const struct lambda_record r = { .request_id = span_of(id),
		.function = span_of(function),
		.handler = span_of(handler),
		.source = span_of(source),
		.event = SPAN("{\"n\": 1}"),
		.started_ms = 1700000000000 };
	history_start(h, &r);
}

static void end(struct history *h, const char *id, enum lambda_outcome outcome, const char *result)
{
	const struct lambda_record r = { .request_id = span_of(id),
		.result = span_of(result),
		.outcome = outcome,
		.error_type = outcome == LAMBDA_FUNCTION_ERROR ? "Boom" : "",
		.detail = "",
		.duration_ms = 1.5 };
	history_end(h, &r);
}

/* The caller deletes it. */
static cJSON *written(const struct history *h, struct history_filter f)
{
	struct buf out = BUF_INIT(64u << 20);
	struct err err = ERR_INIT;
	history_write(h, &f, &out);
	cJSON *list = json_parse(buf_span(&out), &err);
	if (!list) {
		fail_msg("%s: %.200s", err.msg, buf_cstr(&out));
	}
	buf_fini(&out);
	return list;
}

#define ALL ((struct history_filter){ 0 })

static size_t count(const struct history *h, struct history_filter f)
{
	AUTO_JSON cJSON *list = written(h, f);
	return (size_t)cJSON_GetArraySize(list);
}

static void an_invocation_from_its_start_to_its_end(void **state)
{
	struct history *h = *state;
	start(h, "id", "f", "API GET /private");
	AUTO_JSON cJSON *running = written(h, ALL);
	const cJSON *e = cJSON_GetArrayItem(running, 0);
	assert_string_equal(json_str(e, "outcome"), "running");
	assert_null(json_get(e, "response"));
	assert_null(json_get(e, "durationMs"));
	assert_int_equal(json_num(json_get(e, "event"), "n", 0), 1);
	history_log(h, "id", SPAN("one\n"));
	history_log(h, "id", SPAN("two \"quoted\"\n"));
	history_log(h, "stranger", SPAN("nobody's\n"));
	end(h, "id", LAMBDA_OK, "{\"statusCode\":200}");
	AUTO_JSON cJSON *ended = written(h, ALL);
	e = cJSON_GetArrayItem(ended, 0);
	assert_string_equal(json_str(e, "requestId"), "id");
	assert_string_equal(json_str(e, "function"), "f");
	assert_string_equal(json_str(e, "handler"), "src/f.handler");
	assert_string_equal(json_str(e, "source"), "API GET /private");
	assert_string_equal(json_str(e, "route"), "GET /private");
	assert_string_equal(json_str(e, "outcome"), "ok");
	assert_string_equal(json_str(e, "errorType"), "");
	assert_string_equal(json_str(e, "logs"), "one\ntwo \"quoted\"\n");
	assert_true(json_num(e, "durationMs", 0) == 1.5);
	assert_true(json_num(e, "startedMs", 0) == 1700000000000);
	assert_int_equal(json_num(json_get(e, "response"), "statusCode", 0), 200);
}

static void every_outcome_has_a_name(void **state)
{
	struct history *h = *state;
	static const struct {
		enum lambda_outcome outcome;
		const char *name;
	} cases[] = { { LAMBDA_OK, "ok" }, { LAMBDA_FUNCTION_ERROR, "error" },
		{ LAMBDA_THROTTLED, "throttled" }, { LAMBDA_UNAVAILABLE, "unavailable" } };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		start(h, "id", "f", "Invoke");
		end(h, "id", cases[i].outcome, "not JSON");
		AUTO_JSON cJSON *list = written(h, (struct history_filter){ .limit = 1 });
		const cJSON *e = cJSON_GetArrayItem(list, 0);
		assert_string_equal(json_str(e, "outcome"), cases[i].name);
		/* What is no JSON is a string. */
		assert_string_equal(json_str(e, "response"), "not JSON");
		assert_null(json_get(e, "route"));
	}
}

/* Retries of an event keep its id (lambda.md 5.6): each is a record, and the newest one gets the news. */
static void a_retry_is_a_record_of_its_own(void **state)
{
	struct history *h = *state;
	start(h, "id", "f", "Invoke (Event)");
	history_log(h, "id", SPAN("first"));
	end(h, "id", LAMBDA_FUNCTION_ERROR, "{}");
	start(h, "id", "f", "Invoke (Event)");
	history_log(h, "id", SPAN("second"));
	end(h, "id", LAMBDA_OK, "{}");
	/* A late word about an end that was told already changes nothing. */
	end(h, "id", LAMBDA_THROTTLED, "{}");
	AUTO_JSON cJSON *list = written(h, ALL);
	assert_int_equal(cJSON_GetArraySize(list), 2);
	const cJSON *first = cJSON_GetArrayItem(list, 0), *second = cJSON_GetArrayItem(list, 1);
	assert_string_equal(json_str(first, "logs"), "first");
	assert_string_equal(json_str(first, "outcome"), "error");
	assert_string_equal(json_str(first, "errorType"), "Boom");
	assert_string_equal(json_str(second, "logs"), "second");
	assert_string_equal(json_str(second, "outcome"), "ok");
}

static void filters(void **state)
{
	struct history *h = *state;
	start(h, "1", "f", "API GET /a");
	start(h, "2", "g", "API GET /a");
	start(h, "3", "f", "API POST /a");
	start(h, "4", "f", "Invoke");
	assert_int_equal(count(h, ALL), 4);
	assert_int_equal(count(h, (struct history_filter){ .function = SPAN("f") }), 3);
	assert_int_equal(count(h, (struct history_filter){ .function = SPAN("src/g.handler") }), 1);
	assert_int_equal(count(h, (struct history_filter){ .route = SPAN("GET /a") }), 2);
	assert_int_equal(count(h, (struct history_filter){ .route = SPAN("Invoke") }), 0);
	assert_int_equal(count(h, (struct history_filter){ .request_id = SPAN("3") }), 1);
	assert_int_equal(
		count(h, (struct history_filter){ .function = SPAN("f"), .route = SPAN("GET /a") }),
		1);
	/* The newest of those that match, oldest first. */
	AUTO_JSON cJSON *list =
		written(h, (struct history_filter){ .function = SPAN("f"), .limit = 2 });
	assert_int_equal(cJSON_GetArraySize(list), 2);
	assert_string_equal(json_str(cJSON_GetArrayItem(list, 0), "requestId"), "3");
	assert_string_equal(json_str(cJSON_GetArrayItem(list, 1), "requestId"), "4");
}

static void the_oldest_go_first(void **state)
{
	struct history *h = *state;
	for (size_t i = 0; i < HISTORY_RECORDS + 5; i++) {
		AUTO_FREE char *id = xasprintf("%zu", i);
		start(h, id, "f", "Invoke");
	}
	assert_int_equal(count(h, ALL), HISTORY_RECORDS);
	assert_int_equal(count(h, (struct history_filter){ .request_id = SPAN("4") }), 0);
	assert_int_equal(count(h, (struct history_filter){ .request_id = SPAN("5") }), 1);
	/* What is forgotten takes no news any more. */
	history_log(h, "4", SPAN("late"));
	end(h, "4", LAMBDA_OK, "{}");
}

static void bytes_are_bounded(void **state)
{
	struct history *h = *state;
	size_t large = 5u << 20, n = HISTORY_BYTES / large + 3;
	AUTO_FREE char *text = xalloc(large + 1);
	memset(text, '1', large);
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *id = xasprintf("%zu", i);
		start(h, id, "f", "Invoke");
		end(h, id, LAMBDA_OK, text);
	}
	size_t kept = count(h, ALL);
	assert_true(kept >= 1 && kept <= HISTORY_BYTES / large);
	AUTO_FREE char *newest = xasprintf("%zu", n - 1);
	assert_int_equal(count(h, (struct history_filter){ .request_id = span_of(newest) }), 1);
}

static void the_log_of_one_is_bounded(void **state)
{
	struct history *h = *state;
	start(h, "id", "f", "Invoke");
	char piece[4096];
	memset(piece, 'x', sizeof piece);
	for (size_t i = 0; i < 2 * HISTORY_LOG_MAX / sizeof piece; i++) {
		history_log(h, "id", span_n(piece, sizeof piece));
	}
	AUTO_JSON cJSON *list = written(h, ALL);
	size_t length = strlen(json_str(cJSON_GetArrayItem(list, 0), "logs"));
	assert_true(length <= HISTORY_LOG_MAX && length >= HISTORY_LOG_MAX - sizeof piece);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_invocation_from_its_start_to_its_end),
		TEST(every_outcome_has_a_name),
		TEST(a_retry_is_a_record_of_its_own),
		TEST(filters),
		TEST(the_oldest_go_first),
		TEST(bytes_are_bounded),
		TEST(the_log_of_one_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
