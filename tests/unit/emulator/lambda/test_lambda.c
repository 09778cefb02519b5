#include "lambda_test.h"

static void result_reaches_the_caller_once(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	invoke(rig, "f", &seen);
	assert_int_equal(rig->n_sent, 1);
	assert_string_equal(rig->payload[0], "{\"a\":1}");
	assert_int_equal(lambda_in_flight(rig->lambda), 1);
	assert_int_equal(seen.done, 0);
	lambda_on_result(rig->lambda, rig->wire_id[0], OK_META, SPAN("{\"b\":2}"));
	assert_int_equal(seen.done, 1);
	assert_int_equal(seen.outcome, LAMBDA_OK);
	assert_string_equal(seen.payload, "{\"b\":2}");
	assert_true(seen.duration_ms > 1.4 && seen.duration_ms < 1.6);
	assert_int_equal(lambda_in_flight(rig->lambda), 0);
	/* Late and repeated results find no id. */
	lambda_on_result(rig->lambda, rig->wire_id[0], OK_META, SPAN("{\"b\":3}"));
	lambda_on_result(rig->lambda, 4711, OK_META, SPAN("{}"));
	assert_int_equal(seen.done, 1);
	assert_int_equal(rig->started, 1);
	assert_int_equal(rig->ended, 1);
}

static void meta_says_what_the_agent_needs(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	struct lambda_call call = call_of("slow", &seen);
	call.request_id = "11111111-2222-3333-4444-555555555555";
	call.qualifier = "$LATEST";
	call.client_context = SPAN("{\"x\":\"y\"}");
	call.trace_id = "Root=1-5e1b4151-5ac6c58f9bb5c2a1d6f2f0a1";
	call.want_log_tail = true;
	lambda_invoke(rig->lambda, &call);
	assert_string_equal(rig->meta[0],
		"{\"function\":\"slow\",\"requestId\":\"11111111-2222-3333-4444-555555555555\","
		"\"traceId\":\"Root=1-5e1b4151-5ac6c58f9bb5c2a1d6f2f0a1\","
		"\"arn\":\"arn:aws:lambda:us-east-1:123456789012:function:slow:$LATEST\","
		"\"clientContext\":\"{\\\"x\\\":\\\"y\\\"}\",\"logTail\":true}");
}

static void ids_and_traces_are_made_when_not_given(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	struct invocation *inv = invoke(rig, "f", &seen);
	AUTO_JSON cJSON *meta = json_parse(span_of(rig->meta[0]), NULL);
	assert_string_equal(json_str(meta, "requestId"), invocation_id(inv));
	assert_int_equal(strlen(invocation_id(inv)), 36);
	/* 1700000000 s in hexadecimal. */
	assert_int_equal(strncmp(json_str(meta, "traceId"), "Root=1-6553f100-", 16), 0);
	/* What FUNCTION says is not said again (proxy/wire/messages.h). */
	assert_null(json_get(meta, "arn"));
}

static void function_error_keeps_its_body(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	invoke(rig, "f", &seen);
	lambda_on_result(rig->lambda, rig->wire_id[0],
		SPAN("{\"ok\":false,\"errorType\":\"TypeError\",\"logTail\":\"aGVsbG8=\","
		     "\"detail\":\"x.ts:3\"}"),
		SPAN("{\"errorType\":\"TypeError\"}"));
	assert_int_equal(seen.outcome, LAMBDA_FUNCTION_ERROR);
	assert_string_equal(seen.payload, "{\"errorType\":\"TypeError\"}");
	assert_string_equal(seen.error_type, "TypeError");
	assert_string_equal(seen.log_tail, "hello");
	assert_string_equal(seen.detail, "x.ts:3");
}

static void unreadable_result_is_a_crash(void **state)
{
	struct rig *rig = *state;
	static const char *const metas[] = { "nonsense", "[true]", "{\"ok\":true", "{\"ok\":true}x",
		"{\"ok\":true,\"detail\":\"\\x\"}" };
	for (size_t i = 0; i < COUNT_OF(metas); i++) {
		struct seen seen = { 0 };
		struct lambda_call call = call_of("f", &seen);
		call.request_id = "id-1";
		lambda_invoke(rig->lambda, &call);
		lambda_on_result(
			rig->lambda, rig->wire_id[rig->n_sent - 1], span_of(metas[i]), SPAN("x"));
		assert_string_equal(seen.payload,
			"{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":"
			"\"RequestId: id-1 Error: Runtime "
			"exited without providing a reason\"}");
	}
}

static void texts_of_a_result_may_have_escapes(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	invoke(rig, "f", &seen);
	lambda_on_result(rig->lambda, rig->wire_id[0],
		SPAN("{\"errorType\":\"Bad\\u0020\\\"\\u00e9\\\"\",\"detail\":\"a\\nb\\u20ac\"}"),
		SPAN("{}"));
	assert_int_equal(seen.outcome, LAMBDA_FUNCTION_ERROR);
	assert_string_equal(seen.error_type, "Bad \"\u00e9\"");
	assert_string_equal(seen.detail, "a\nb\u20ac");
}

static void missing_function_is_told_on_the_next_turn(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	invoke(rig, "nope", &seen);
	assert_int_equal(seen.done, 0);
	rig_turn(rig);
	assert_int_equal(seen.done, 1);
	assert_int_equal(seen.outcome, LAMBDA_UNAVAILABLE);
	assert_string_equal(seen.detail, "there is no function 'nope'");
	assert_int_equal(rig->ended, 1);
}

static void missing_agent_is_told_on_the_next_turn(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	rig->no_agent = true;
	invoke(rig, "f", &seen);
	assert_int_equal(seen.done, 0);
	rig_turn(rig);
	assert_int_equal(seen.outcome, LAMBDA_UNAVAILABLE);
	assert_string_equal(seen.detail, "no agent serves function 'f' now");
	assert_int_equal(lambda_in_flight(rig->lambda), 0);
}

static void reserved_concurrency_throttles(void **state)
{
	struct rig *rig = *state;
	struct seen a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 }, never = { 0 };
	invoke(rig, "two", &a);
	invoke(rig, "two", &b);
	invoke(rig, "two", &c);
	invoke(rig, "none", &never);
	rig_turn(rig);
	assert_int_equal(c.outcome, LAMBDA_THROTTLED);
	assert_string_equal(c.detail, "function 'two' has its reserved concurrency of 2 in use");
	assert_int_equal(never.outcome, LAMBDA_THROTTLED);
	assert_int_equal(a.done + b.done, 0);
	lambda_on_result(rig->lambda, rig->wire_id[0], OK_META, SPAN("1"));
	invoke(rig, "two", &d);
	assert_int_equal(rig->n_sent, 3);
}

static void cancelled_runs_on_and_counts(void **state)
{
	struct rig *rig = *state;
	struct seen a = { 0 }, b = { 0 }, c = { 0 };
	struct invocation *first = invoke(rig, "two", &a);
	invoke(rig, "two", &b);
	lambda_cancel(first);
	assert_int_equal(rig->cancelled, rig->wire_id[0]);
	invoke(rig, "two", &c);
	rig_turn(rig);
	assert_int_equal(c.outcome, LAMBDA_THROTTLED);
	lambda_on_result(rig->lambda, rig->wire_id[0], OK_META, SPAN("1"));
	assert_int_equal(a.done, 0);
	assert_int_equal(lambda_in_flight(rig->lambda), 1);
}

static void cancelled_before_it_was_told_is_never_told(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	lambda_cancel(invoke(rig, "nope", &seen));
	rig_turn(rig);
	assert_int_equal(seen.done, 0);
	assert_int_equal(rig->ended, 1);
}

static void deadline_long_past_ends_it(void **state)
{
	struct rig *rig = *state;
	struct seen quick = { 0 }, slow = { 0 };
	invoke(rig, "slow", &slow);
	struct lambda_call call = call_of("f", &quick);
	call.request_id = "id-2";
	lambda_invoke(rig->lambda, &call);
	rig->ms += 62999;
	lambda_tick(rig->lambda);
	assert_int_equal(quick.done, 0);
	rig->ms += 1;
	lambda_tick(rig->lambda);
	assert_int_equal(quick.done, 1);
	assert_int_equal(slow.done, 0);
	assert_string_equal(quick.payload, "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":"
					   "\"RequestId: id-2 Error: Task timed "
					   "out after 3.00 seconds\"}");
	assert_int_equal(rig->cancelled, rig->wire_id[1]);
	lambda_on_result(rig->lambda, rig->wire_id[1], OK_META, SPAN("1"));
	assert_int_equal(quick.done, 1);
	rig->ms += 27000;
	lambda_tick(rig->lambda);
	assert_int_equal(slow.done, 1);
}

static bool is_first(void *ctx, uint64_t wire_id)
{
	return wire_id == *(uint64_t *)ctx;
}

static void lost_agent_ends_its_own_only(void **state)
{
	struct rig *rig = *state;
	struct seen a = { 0 }, b = { 0 };
	invoke(rig, "f", &a);
	invoke(rig, "f", &b);
	lambda_on_agent_lost(rig->lambda, is_first, &rig->wire_id[0]);
	assert_int_equal(a.done, 1);
	assert_int_equal(a.outcome, LAMBDA_FUNCTION_ERROR);
	assert_string_equal(a.error_type, "Runtime.ExitError");
	assert_int_equal(b.done, 0);
}

static void stream_comes_piece_by_piece(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	struct lambda_call call = call_of("f", &seen);
	call.on_chunk = seen_chunk;
	struct invocation *inv = lambda_invoke(rig->lambda, &call);
	lambda_on_chunk(
		rig->lambda, rig->wire_id[0], SPAN("{\"contentType\":\"text/html\"}"), SPAN("<p>"));
	assert_string_equal(seen.content_type, "text/html");
	assert_int_equal(rig->credited, 3);
	seen.slow = true;
	lambda_on_chunk(rig->lambda, rig->wire_id[0], SPAN("{}"), SPAN("slow"));
	assert_int_equal(rig->credited, 3);
	lambda_chunk_credit(inv);
	assert_int_equal(rig->credited, 7);
	lambda_on_result(rig->lambda, rig->wire_id[0], OK_META, SPAN(""));
	assert_string_equal(seen.streamed, "<p>slow");
	assert_int_equal(seen.outcome, LAMBDA_OK);
	assert_string_equal(seen.payload, "");
}

static void stream_of_a_gone_caller_is_swallowed(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { .slow = true };
	struct lambda_call call = call_of("f", &seen);
	call.on_chunk = seen_chunk;
	struct invocation *inv = lambda_invoke(rig->lambda, &call);
	lambda_on_chunk(rig->lambda, rig->wire_id[0], SPAN("{}"), SPAN("abc"));
	lambda_cancel(inv);
	assert_int_equal(rig->credited, 3);
	lambda_on_chunk(rig->lambda, rig->wire_id[0], SPAN("{}"), SPAN("def"));
	assert_int_equal(rig->credited, 6);
	assert_string_equal(seen.streamed, "abc");
}

static void stream_is_collected_for_who_wants_it_whole(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	invoke(rig, "f", &seen);
	lambda_on_chunk(rig->lambda, rig->wire_id[0], SPAN("{}"), SPAN("ab"));
	lambda_on_chunk(rig->lambda, rig->wire_id[0], SPAN("{}"), SPAN("cd"));
	lambda_on_result(rig->lambda, rig->wire_id[0], OK_META, SPAN(""));
	assert_string_equal(seen.payload, "abcd");
}

static void broken_stream_tells_its_error(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	struct lambda_call call = call_of("f", &seen);
	call.on_chunk = seen_chunk;
	lambda_invoke(rig->lambda, &call);
	lambda_on_chunk(rig->lambda, rig->wire_id[0], SPAN("{}"), SPAN("ab"));
	/* {"errorType":"Oops"} */
	lambda_on_result(rig->lambda, rig->wire_id[0],
		SPAN("{\"ok\":true,\"streamError\":\"eyJlcnJvclR5cGUiOiJPb3BzIn0=\"}"), SPAN(""));
	assert_int_equal(seen.outcome, LAMBDA_FUNCTION_ERROR);
	assert_string_equal(seen.payload, "{\"errorType\":\"Oops\"}");
}

static void result_over_the_limit_is_an_error(void **state)
{
	struct rig *rig = *state;
	struct seen seen = { 0 };
	invoke(rig, "f", &seen);
	AUTO_FREE char *big = xalloc(6291557);
	lambda_on_result(rig->lambda, rig->wire_id[0], OK_META, span_n(big, 6291557));
	assert_string_equal(seen.payload,
		"{\"errorMessage\":\"Response payload size exceeded maximum allowed payload size "
		"(6291556 "
		"bytes).\",\"errorType\":\"Function.ResponseSizeTooLarge\"}");
}

static void model_swap_leaves_what_runs_alone(void **state)
{
	struct rig *rig = *state;
	struct seen a = { 0 }, b = { 0 }, c = { 0 };
	invoke(rig, "f", &a);
	struct model *next = rig_model(RIG_FUNCTION("g", ""));
	lambda_set_model(rig->lambda, next);
	model_destroy(rig->model);
	rig->model = next;
	invoke(rig, "f", &b);
	invoke(rig, "g", &c);
	rig_turn(rig);
	assert_int_equal(b.outcome, LAMBDA_UNAVAILABLE);
	assert_int_equal(rig->n_sent, 2);
	lambda_on_result(rig->lambda, rig->wire_id[0], OK_META, SPAN("1"));
	assert_int_equal(a.outcome, LAMBDA_OK);
}

struct again {
	struct rig *rig;
	struct seen seen;
	unsigned left;
};

static void invoke_again(void *ctx, const struct lambda_result *r)
{
	struct again *again = ctx;
	seen_done(&again->seen, r);
	if (again->left--) {
		const struct lambda_call call = {
			.function = "nope", .payload = SPAN("1"), .done = invoke_again, .ctx = again
		};
		lambda_invoke(again->rig->lambda, &call);
	}
}

static void done_may_invoke_again(void **state)
{
	struct rig *rig = *state;
	struct again again = { .rig = rig, .left = 3 };
	const struct lambda_call call = {
		.function = "nope", .payload = SPAN("1"), .done = invoke_again, .ctx = &again
	};
	lambda_invoke(rig->lambda, &call);
	for (unsigned turn = 1; turn <= 4; turn++) {
		lambda_tick(rig->lambda);
		assert_int_equal(again.seen.done, turn);
	}
}

static void destroy_ends_what_runs(void **state)
{
	struct rig *rig = *state;
	struct seen a = { 0 }, b = { 0 };
	invoke(rig, "f", &a);
	invoke(rig, "nope", &b);
	lambda_destroy(rig->lambda);
	assert_int_equal(a.done, 1);
	assert_int_equal(a.outcome, LAMBDA_UNAVAILABLE);
	assert_int_equal(b.done, 1);
	const struct lambda_dispatch dispatch = { .ctx = rig, .send = rig_send };
	rig->lambda = lambda_create(&rig->loop, &rig->clock, &dispatch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(result_reaches_the_caller_once),
		TEST(meta_says_what_the_agent_needs),
		TEST(ids_and_traces_are_made_when_not_given),
		TEST(function_error_keeps_its_body),
		TEST(unreadable_result_is_a_crash),
		TEST(missing_function_is_told_on_the_next_turn),
		TEST(texts_of_a_result_may_have_escapes),
		TEST(missing_agent_is_told_on_the_next_turn),
		TEST(reserved_concurrency_throttles),
		TEST(cancelled_runs_on_and_counts),
		TEST(cancelled_before_it_was_told_is_never_told),
		TEST(deadline_long_past_ends_it),
		TEST(lost_agent_ends_its_own_only),
		TEST(stream_comes_piece_by_piece),
		TEST(stream_of_a_gone_caller_is_swallowed),
		TEST(stream_is_collected_for_who_wants_it_whole),
		TEST(broken_stream_tells_its_error),
		TEST(result_over_the_limit_is_an_error),
		TEST(model_swap_leaves_what_runs_alone),
		TEST(done_may_invoke_again),
		TEST(destroy_ends_what_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
