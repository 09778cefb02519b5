/* The Lambda service API against reference lambda 5: statuses, headers and bodies letter for letter. */
#include "lambda_test.h"

#include "emulator/lambda/event_stream.h"
#include "emulator/lambda/invoke_api.h"
#include "fake_exchange.h"

/* The streaming half of the fake exchange. */
static bool stream_ended, stream_aborted, stream_full;
static void (*stream_drain)(void *ctx);
static void *stream_drain_ctx;

void http_reply_begin(struct http_exchange *x, const struct http_reply *reply, int64_t length)
{
	assert_true(length < 0);
	http_reply(x, reply);
}

bool http_reply_write(struct http_exchange *x, struct span bytes)
{
	buf_add_span(&x->body, bytes);
	return !stream_full;
}

void http_on_drain(struct http_exchange *x, void (*fn)(void *ctx), void *ctx)
{
	(void)x;
	stream_drain = fn;
	stream_drain_ctx = ctx;
}

void http_reply_end(struct http_exchange *x)
{
	(void)x;
	stream_ended = true;
}

void http_abort(struct http_exchange *x)
{
	(void)x;
	stream_aborted = true;
}

struct bench {
	struct rig *rig;
	struct model *second; /* another app's, in some tests */
	struct invoke_api *api;
	bool denied;
	char asked[300]; /* action and resource of the last authorize */
	char dead[400];
};

static bool authorize(void *ctx, const struct http_request *r, const char *action,
	const char *resource, char *reason, size_t size)
{
	struct bench *b = ctx;
	(void)r;
	snprintf(b->asked, sizeof b->asked, "%s %s", action, resource);
	snprintf(reason, size, "User: x is not authorized");
	return !b->denied;
}

static void on_dead(void *ctx, const char *line)
{
	snprintf(((struct bench *)ctx)->dead, sizeof((struct bench *)ctx)->dead, "%s", line);
}

static const struct model *app_at(void *ctx, size_t i)
{
	const struct bench *b = ctx;
	return i == 0 ? b->rig->model : i == 1 ? b->second : NULL;
}

static int bench_setup(void **state)
{
	struct bench *b = xalloc(sizeof *b);
	void *rig;
	rig_setup(&rig);
	b->rig = rig;
	const struct invoke_api_config config = { .loop = &b->rig->loop,
		.lambda = b->rig->lambda,
		.clock = &b->rig->clock,
		.apps = { app_at, b },
		.async_minute_ms = 1,
		.ctx = b,
		.authorize = authorize,
		.on_dead_letter = on_dead };
	b->api = invoke_api_create(&config);
	b->rig->model->since_ms = b->rig->ms;
	invoke_api_set_model(b->api, b->rig->model);
	stream_ended = stream_aborted = stream_full = false;
	*state = b;
	return 0;
}

static int bench_teardown(void **state)
{
	struct bench *b = *state;
	void *rig = b->rig;
	invoke_api_destroy(b->api);
	rig_teardown(&rig);
	model_destroy(b->second);
	free(b);
	return 0;
}

#define F "/2015-03-31/functions/"
#define ARN "arn:aws:lambda:us-east-1:123456789012:function:"

static struct http_exchange *ask(
	struct bench *b, const char *method, const char *target, const char *body)
{
	struct http_exchange *x = fake_exchange(method, target, body);
	assert_true(invoke_api_handles(http_request(x)->path));
	invoke_api_request(b->api, x);
	return x;
}

static void answer_of(struct bench *b, const char *method, const char *target, const char *body,
	int status, const char *type, const char *expected)
{
	struct http_exchange *x = ask(b, method, target, body);
	assert_int_equal(x->status, status);
	assert_string_equal(fake_value(x, "x-amzn-ErrorType"), type);
	assert_string_equal(buf_cstr(&x->body), expected);
	fake_exchange_free(x);
}

static void request_response(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = fake_exchange("POST", F "f/invocations", "{\"k\": 1}");
	/* {"custom":{}} */
	fake_header(x, "X-Amz-Client-Context", "eyJjdXN0b20iOnt9fQ==");
	fake_header(x, "X-Amzn-Trace-Id", "Root=1-abc;Sampled=1");
	invoke_api_request(b->api, x);
	assert_string_equal(b->asked, "lambda:InvokeFunction " ARN "f");
	assert_int_equal(x->status, 0);
	assert_string_equal(b->rig->payload[0], "{\"k\": 1}");
	AUTO_JSON cJSON *meta = json_parse(span_of(b->rig->meta[0]), NULL);
	assert_string_equal(json_str(meta, "clientContext"), "{\"custom\":{}}");
	assert_string_equal(json_str(meta, "traceId"), "Root=1-abc;Sampled=1");
	assert_string_equal(json_str(meta, "source"), "Invoke");
	lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN("{\"hello\":\"x\"}"));
	assert_int_equal(x->status, 200);
	assert_string_equal(buf_cstr(&x->body), "{\"hello\":\"x\"}");
	assert_true(fake_has_header(x, "Content-Type: application/json"));
	assert_true(fake_has_header(x, "X-Amz-Executed-Version: $LATEST"));
	assert_true(fake_has_header(x, "x-amzn-Remapped-Content-Length: 0"));
	assert_true(fake_has_header(x, "X-Amzn-Trace-Id: root=1-abc;sampled=0"));
	assert_string_equal(fake_value(x, "x-amzn-RequestId"), json_str(meta, "requestId"));
	assert_string_equal(fake_value(x, "X-Amz-Function-Error"), "");
	fake_exchange_free(x);
}

static void function_error_with_log(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = fake_exchange("POST", F "f/invocations", "");
	fake_header(x, "X-Amz-Log-Type", "Tail");
	invoke_api_request(b->api, x);
	assert_string_equal(b->rig->payload[0], "{}");
	lambda_on_result(b->rig->lambda, b->rig->wire_id[0],
		SPAN("{\"ok\":false,\"errorType\":\"E\",\"logTail\":\"U1RBUlQ=\"}"),
		SPAN("{\"errorType\":\"E\"}"));
	assert_int_equal(x->status, 200);
	assert_true(fake_has_header(x, "X-Amz-Function-Error: Unhandled"));
	assert_true(fake_has_header(x, "X-Amz-Log-Result: U1RBUlQ="));
	assert_string_equal(buf_cstr(&x->body), "{\"errorType\":\"E\"}");
	fake_exchange_free(x);
}

static void dry_run(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = fake_exchange("POST", F "f/invocations", "{}");
	fake_header(x, "X-Amz-Invocation-Type", "DryRun");
	invoke_api_request(b->api, x);
	assert_int_equal(x->status, 204);
	assert_int_equal(b->rig->n_sent, 0);
	fake_exchange_free(x);
}

/* Each way to name the function reaches it, and the qualifier reaches the handler's ARN. */
static void names(void **state)
{
	struct bench *b = *state;
	static const struct {
		const char *name, *arn;
	} cases[] = {
		{ "f", ARN "f" },
		{ "f:$LATEST", ARN "f:$LATEST" },
		{ "123456789012:function:f", ARN "f" },
		{ "function:f", ARN "f" },
		{ "us-east-1:123456789012:function:f", ARN "f" },
		{ ARN "f", ARN "f" },
		{ "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af%3A%24LATEST",
			ARN "f:$LATEST" },
		{ "f.handler", ARN "f" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO_FREE char *target = xasprintf(F "%s/invocations", cases[i].name);
		struct http_exchange *x = ask(b, "POST", target, "1");
		assert_int_equal(b->rig->n_sent, 1);
		AUTO_JSON cJSON *meta = json_parse(span_of(b->rig->meta[0]), NULL);
		assert_string_equal(json_str(meta, "arn"), cases[i].arn);
		lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN("1"));
		assert_int_equal(x->status, 200);
		fake_exchange_free(x);
		rig_free_sent(b->rig);
	}
}

static void errors(void **state)
{
	struct bench *b = *state;
	answer_of(b, "POST", F "nope/invocations", "{}", 404, "ResourceNotFoundException",
		"{\"Message\":\"Function not found: " ARN "nope:$LATEST\",\"Type\":\"User\"}");
	answer_of(b, "GET", F "nope", "", 404, "ResourceNotFoundException",
		"{\"Message\":\"Function not found: " ARN "nope\",\"Type\":\"User\"}");
	answer_of(b, "POST", F "f:live/invocations", "{}", 404, "ResourceNotFoundException",
		"{\"Message\":\"Cannot find alias arn: " ARN "f:live\",\"Type\":\"User\"}");
	answer_of(b, "POST", F "f:$LATEST/invocations?Qualifier=1", "{}", 400,
		"InvalidParameterValueException",
		"{\"Type\":\"User\",\"message\":\"The derived qualifier from the function name "
		"does not match "
		"the specified qualifier.\"}");
	answer_of(b, "POST", F "arn:aws:lambda:us-west-2:123456789012:function:f/invocations", "{}",
		404, "ResourceNotFoundException",
		"{\"Message\":\"Functions from 'us-west-2' are not reachable in this region "
		"('us-east-1')\",\"Type\":\"User\"}");
	answer_of(b, "POST", F "f/invocations", "x", 400, "InvalidRequestContentException",
		"{\"Type\":\"User\",\"message\":\"Could not parse request body into json: Could "
		"not parse "
		"payload into json: Unexpected character ('x' (code 120)): expected a valid value "
		"(JSON "
		"String, Number, Array, Object or token 'null', 'true' or 'false')\\n at [Source: "
		"REDACTED "
		"(`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: "
		"1]\"}");
	answer_of(b, "DELETE", F "f", "", 404, "UnknownOperationException",
		"{\"Type\":\"User\",\"message\":\"the emulator does not have this operation of "
		"Lambda\"}");
	struct http_exchange *x = ask(b, "POST", F "a%20b/invocations", "{}");
	assert_int_equal(x->status, 400);
	assert_string_equal(fake_value(x, "x-amzn-ErrorType"), "ValidationException");
	assert_non_null(
		strstr(buf_cstr(&x->body), "Value 'a b' at 'functionName' failed to satisfy"));
	fake_exchange_free(x);
	assert_int_equal(b->rig->n_sent, 0);
}

static void denied(void **state)
{
	struct bench *b = *state;
	b->denied = true;
	answer_of(b, "POST", F "f/invocations", "{}", 403, "AccessDeniedException",
		"{\"Message\":\"User: x is not authorized\"}");
	answer_of(b, "GET", F, "", 403, "AccessDeniedException",
		"{\"Message\":\"User: x is not authorized\"}");
	assert_string_equal(b->asked, "lambda:ListFunctions *");
	assert_int_equal(b->rig->n_sent, 0);
}

static void too_large(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = fake_exchange("POST", F "f/invocations", "");
	AUTO_FREE char *body = xalloc(6291457);
	x->request.body = span_n(body, 6291457);
	invoke_api_request(b->api, x);
	assert_int_equal(x->status, 413);
	assert_string_equal(buf_cstr(&x->body), "{\"Type\":\"User\",\"message\":\"Request must be "
						"smaller than 6291456 bytes for the "
						"InvokeFunction operation\"}");
	fake_exchange_free(x);
}

static void throttled_and_unserved(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask(b, "POST", F "none/invocations", "{}");
	rig_turn(b->rig);
	assert_int_equal(x->status, 429);
	assert_string_equal(buf_cstr(&x->body),
		"{\"Reason\":\"ReservedFunctionConcurrentInvocationLimitExceeded\",\"Type\":"
		"\"User\","
		"\"message\":\"Rate Exceeded.\"}");
	fake_exchange_free(x);
	b->rig->no_agent = true;
	x = ask(b, "POST", F "f/invocations", "{}");
	rig_turn(b->rig);
	assert_int_equal(x->status, 500);
	assert_string_equal(buf_cstr(&x->body),
		"{\"Message\":\"no agent serves function 'f' now\",\"Type\":\"Service\"}");
	fake_exchange_free(x);
}

static void client_goes_first(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask(b, "POST", F "f/invocations", "{}");
	x->gone(x->gone_ctx);
	fake_exchange_free(x);
	assert_int_equal(b->rig->cancelled, b->rig->wire_id[0]);
	lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN("1"));
}

static void emulator_goes_first(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask(b, "POST", F "f/invocations", "{}");
	invoke_api_destroy(b->api);
	b->api = NULL;
	assert_int_equal(x->status, 500);
	fake_exchange_free(x);
}

/* Runs the loop until the agent has been sent n events. */
static void until_sent(struct bench *b, size_t n)
{
	while (b->rig->n_sent < n) {
		uv_run(&b->rig->loop, UV_RUN_ONCE);
	}
}

static struct http_exchange *ask_event(struct bench *b, const char *function)
{
	AUTO_FREE char *target = xasprintf(F "%s/invocations", function);
	struct http_exchange *x = fake_exchange("POST", target, "{}");
	fake_header(x, "X-Amz-Invocation-Type", "Event");
	invoke_api_request(b->api, x);
	assert_int_equal(x->status, 202);
	assert_string_equal(buf_cstr(&x->body), "");
	return x;
}

static void event_retries_twice_with_its_id(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask_event(b, "f");
	for (size_t i = 0; i < 3; i++) {
		until_sent(b, i + 1);
		AUTO_JSON cJSON *meta = json_parse(span_of(b->rig->meta[i]), NULL);
		assert_string_equal(json_str(meta, "requestId"), fake_value(x, "x-amzn-RequestId"));
		assert_string_equal(b->dead, "");
		lambda_on_result(b->rig->lambda, b->rig->wire_id[i],
			SPAN("{\"ok\":false,\"errorType\":\"Boom\"}"), SPAN("{}"));
	}
	AUTO_FREE char *line =
		xasprintf("dead letter: f %s: RetriesExhausted after 3 attempts: Boom",
			fake_value(x, "x-amzn-RequestId"));
	assert_string_equal(b->dead, line);
	fake_exchange_free(x);
}

static void event_that_works_is_run_once(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask_event(b, "f");
	lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN("1"));
	rig_turn(b->rig);
	assert_int_equal(b->rig->n_sent, 1);
	assert_string_equal(b->dead, "");
	fake_exchange_free(x);
}

static void event_waits_for_an_agent(void **state)
{
	struct bench *b = *state;
	b->rig->no_agent = true;
	struct http_exchange *x = ask_event(b, "f");
	rig_turn(b->rig);
	b->rig->no_agent = false;
	until_sent(b, 1);
	lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN("1"));
	fake_exchange_free(x);
}

static void event_grows_too_old(void **state)
{
	struct bench *b = *state;
	b->rig->no_agent = true;
	struct http_exchange *x = ask_event(b, "f");
	b->rig->ms += 301;
	lambda_tick(b->rig->lambda);
	assert_non_null(strstr(b->dead, "EventAgeExceeded after 1 attempt: no agent serves"));
	fake_exchange_free(x);
}

static void event_of_a_disabled_function_is_dead_at_once(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask_event(b, "none");
	assert_non_null(strstr(b->dead, "ZeroReservedConcurrency after 0 attempts"));
	fake_exchange_free(x);
}

static void invoke_async_of_old_clients(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask(b, "POST", "/2014-11-13/functions/f/invoke-async/", "{}");
	assert_int_equal(x->status, 202);
	assert_int_equal(b->rig->n_sent, 1);
	fake_exchange_free(x);
}

/* The reference's computed samples. */
static void frames(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(1024), hex = BUF_INIT(2048);
	event_stream_add(&out, "PayloadChunk", "application/octet-stream", SPAN("hello"));
	assert_int_equal(out.len, 111);
	hex_encode(&hex, buf_span(&out));
	assert_memory_equal(hex.ptr, "0000006f0000005af5fe871f0b3a6576656e742d74797065", 48);
	assert_string_equal(buf_cstr(&hex) + 222 - 18, "68656c6c6f29e71260");
	buf_clear(&out);
	buf_clear(&hex);
	event_stream_add(&out, "InvokeComplete", "application/json", SPAN("{\"LogResult\":null}"));
	assert_int_equal(out.len, 118);
	hex_encode(&hex, buf_span(&out));
	assert_memory_equal(hex.ptr, "00000076000000547fb65feb", 24);
	assert_string_equal(buf_cstr(&hex) + 236 - 8, "7d1c4959");
	buf_fini(&out);
	buf_fini(&hex);
}

#define STREAM "/2021-11-15/functions/f/response-streaming-invocations"

static bool body_has(struct http_exchange *x, const char *text)
{
	return memmem(x->body.ptr, x->body.len, text, strlen(text)) != NULL;
}

static void response_stream(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask(b, "POST", STREAM, "{}");
	assert_non_null(strstr(b->rig->meta[0], "\"stream\":true"));
	assert_int_equal(x->status, 0);
	lambda_on_chunk(b->rig->lambda, b->rig->wire_id[0], SPAN("{\"contentType\":\"text/html\"}"),
		SPAN("hello"));
	assert_int_equal(x->status, 200);
	assert_true(fake_has_header(x, "Content-Type: application/vnd.amazon.eventstream"));
	assert_true(fake_has_header(x, "X-Amzn-Remapped-Content-Type: text/html"));
	assert_int_equal(x->body.len, 111);
	stream_full = true;
	lambda_on_chunk(b->rig->lambda, b->rig->wire_id[0], SPAN("{}"), SPAN("slow"));
	assert_int_equal(b->rig->credited, 5);
	stream_drain(stream_drain_ctx);
	assert_int_equal(b->rig->credited, 9);
	lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN(""));
	assert_true(stream_ended);
	assert_true(body_has(x, "{\"LogResult\":null}"));
	fake_exchange_free(x);
}

static void response_stream_of_a_function_that_does_not(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask(b, "POST", STREAM, "{}");
	lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN("hello"));
	assert_int_equal(x->body.len, 111 + 118);
	assert_true(stream_ended);
	fake_exchange_free(x);
}

static void response_stream_that_fails(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask(b, "POST", STREAM, "{}");
	lambda_on_result(b->rig->lambda, b->rig->wire_id[0],
		SPAN("{\"ok\":false,\"errorType\":\"E\"}"), SPAN("{\"a\":1}"));
	assert_int_equal(x->status, 200);
	assert_true(body_has(
		x, "{\"ErrorCode\":\"E\",\"ErrorDetails\":\"{\\\"a\\\":1}\",\"LogResult\":null}"));
	fake_exchange_free(x);
}

static void list_in_pages(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask(b, "GET", "/2015-03-31/functions?MaxItems=3", "");
	AUTO_JSON cJSON *page = json_parse(buf_span(&x->body), NULL);
	assert_int_equal(cJSON_GetArraySize(json_array(page, "Functions")), 3);
	assert_string_equal(json_str(page, "NextMarker"), "3");
	const cJSON *first = json_array(page, "Functions")->child;
	assert_string_equal(json_str(first, "FunctionName"), "f");
	assert_null(json_get(first, "State"));
	fake_exchange_free(x);
	x = ask(b, "GET", "/2015-03-31/functions/?Marker=3", "");
	AUTO_JSON cJSON *rest = json_parse(buf_span(&x->body), NULL);
	assert_int_equal(cJSON_GetArraySize(json_array(rest, "Functions")), 1);
	assert_true(cJSON_IsNull(json_get(rest, "NextMarker")));
	fake_exchange_free(x);
}

/* An account's list holds every app's functions; a page may begin in one and end in the next. */
static void list_of_several_apps(void **state)
{
	struct bench *b = *state;
	b->second = rig_model(RIG_FUNCTION("five", "") "," RIG_FUNCTION("six", ""));
	static const char *const names[] = { "f", "slow", "two", "none", "five", "six" };
	size_t seen = 0;
	char marker[32] = "0";
	while (*marker) {
		AUTO_FREE char *target =
			xasprintf("/2015-03-31/functions?MaxItems=3&Marker=%s", marker);
		struct http_exchange *x = ask(b, "GET", target, "");
		AUTO_JSON cJSON *page = json_parse(buf_span(&x->body), NULL);
		JSON_FOR (f, json_array(page, "Functions")) {
			assert_true(seen < COUNT_OF(names));
			assert_string_equal(json_str(f, "FunctionName"), names[seen++]);
		}
		const char *next = json_str(page, "NextMarker");
		snprintf(marker, sizeof marker, "%s", next ? next : "");
		fake_exchange_free(x);
	}
	assert_int_equal(seen, COUNT_OF(names));
	/* A page holds 50, whatever MaxItems says. */
	answer_of(b, "GET", "/2015-03-31/functions?Marker=6&MaxItems=10000&FunctionVersion=ALL", "",
		200, "", "{\"Functions\":[],\"NextMarker\":null}");
	static const struct {
		const char *query, *says;
	} bad[] = {
		{ "Marker=7", "'7' at 'marker'" },
		{ "Marker=x%0d", "'x\\r' at 'marker'" },
		{ "MaxItems=0", "'0' at 'maxItems'" },
		{ "MaxItems=10001", "'10001' at 'maxItems'" },
		{ "FunctionVersion=all", "'all' at 'functionVersion'" },
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO_FREE char *target = xasprintf("/2015-03-31/functions?%s", bad[i].query);
		struct http_exchange *x = ask(b, "GET", target, "");
		assert_int_equal(x->status, 400);
		assert_string_equal(fake_value(x, "x-amzn-ErrorType"), "ValidationException");
		assert_non_null(strstr(buf_cstr(&x->body), bad[i].says));
		fake_exchange_free(x);
	}
}

static void get_one(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask(b, "GET", F "two", "");
	AUTO_JSON cJSON *all = json_parse(buf_span(&x->body), NULL);
	const cJSON *config = json_get(all, "Configuration");
	assert_string_equal(json_str(config, "FunctionArn"), ARN "two");
	assert_string_equal(json_str(config, "State"), "Active");
	assert_string_equal(json_str(config, "LastModified"), "2023-11-14T22:13:20.000+0000");
	assert_int_equal(json_num(config, "MemorySize", 0), 128);
	assert_int_equal(
		json_num(json_get(all, "Concurrency"), "ReservedConcurrentExecutions", 0), 2);
	fake_exchange_free(x);
	x = ask(b, "GET", F "f/configuration?Qualifier=$LATEST", "");
	AUTO_JSON cJSON *inner = json_parse(buf_span(&x->body), NULL);
	assert_string_equal(json_str(inner, "FunctionArn"), ARN "f:$LATEST");
	fake_exchange_free(x);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(request_response),
		TEST(function_error_with_log),
		TEST(dry_run),
		TEST(names),
		TEST(errors),
		TEST(denied),
		TEST(too_large),
		TEST(throttled_and_unserved),
		TEST(client_goes_first),
		TEST(emulator_goes_first),
		TEST(event_retries_twice_with_its_id),
		TEST(event_that_works_is_run_once),
		TEST(event_waits_for_an_agent),
		TEST(event_grows_too_old),
		TEST(event_of_a_disabled_function_is_dead_at_once),
		TEST(invoke_async_of_old_clients),
		TEST(frames),
		TEST(response_stream),
		TEST(response_stream_of_a_function_that_does_not),
		TEST(response_stream_that_fails),
		TEST(list_in_pages),
		TEST(list_of_several_apps),
		TEST(get_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
