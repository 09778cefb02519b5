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
#define STREAM "/2021-11-15/functions/f/response-streaming-invocations"
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
		{ "arn:aws-us-gov:lambda:us-east-1:123456789012:function:f", ARN "f" },
		{ "arn:aws:lambda:us-east-1:999999999999:function:f", ARN "f" },
		{ "f:live", ARN "f:live" },
		{ "f:1", ARN "f:1" },
		{ "f?Qualifier=live", ARN "f:live" },
		{ "f:live?Qualifier=live", ARN "f:live" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int n = (int)strcspn(cases[i].name, "?");
		AUTO_FREE char *target =
			xasprintf(F "%.*s/invocations%s", n, cases[i].name, cases[i].name + n);
		struct http_exchange *x = ask(b, "POST", target, "1");
		assert_int_equal(b->rig->n_sent, 1);
		AUTO_JSON cJSON *meta = json_parse(span_of(b->rig->meta[0]), NULL);
		/* Without a qualifier it is the function's own, which the agent knows. */
		const char *arn = json_str(meta, "arn");
		assert_string_equal(arn ? arn : ARN "f", cases[i].arn);
		lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN("1"));
		assert_int_equal(x->status, 200);
		/* The version, never an alias (5.1). */
		assert_string_equal(fake_value(x, "X-Amz-Executed-Version"),
			strcmp(cases[i].arn, ARN "f:1") == 0 ? "1" : "$LATEST");
		fake_exchange_free(x);
		rig_free_sent(b->rig);
	}
}

/* Texts that are no name, and names of what is not there (5.2, 5.3). */
static void names_refused(void **state)
{
	struct bench *b = *state;
	const struct {
		const char *method, *name, *query;
		int status;
		const char *type, *says;
	} cases[] = {
		{ "POST", "a%20b", "", 400, "ValidationException",
			"Value 'a b' at 'functionName' failed to satisfy constraint: Member must "
			"satisfy "
			"regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?" },
		{ "POST", "arn:aws:s3:us-east-1:123456789012:function:f", "", 400,
			"ValidationException", "at 'functionName'" },
		{ "POST", "arn:azure:lambda:us-east-1:123456789012:function:f", "", 400,
			"ValidationException", "at 'functionName'" },
		{ "POST", "f:a:b", "", 400, "ValidationException", "at 'functionName'" },
		{ "POST", "f:", "", 400, "ValidationException", "at 'functionName'" },
		{ "POST", "f%00", "", 400, "ValidationException", "at 'functionName'" },
		{ "POST", "f.handler%00", "", 400, "ValidationException", "at 'functionName'" },
		{ "POST", "f", "?Qualifier=a%20b", 400, "ValidationException",
			"Value 'a b' at 'qualifier'" },
		{ "POST", "f", "?Qualifier=%24LATEST%24x", 404, "ResourceNotFoundException",
			"Cannot find alias arn: " ARN "f:$LATEST$x" },
		{ "POST", "f:2", "", 404, "ResourceNotFoundException",
			"Function not found: " ARN "f:2" },
		{ "GET", "f:2", "", 404, "ResourceNotFoundException",
			"Function not found: " ARN "f:2" },
		{ "GET", "nope", "?Qualifier=live", 404, "ResourceNotFoundException",
			"Function not found: " ARN "nope:live" },
		{ "POST", "twin.handler", "", 400, "InvalidParameterValueException",
			"'twin.handler' is the handler of several functions, among them slow and "
			"two" },
	};
	b->rig->model->functions[1].shown_handler = b->rig->model->functions[2].shown_handler =
		"twin.handler";
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO_FREE char *target = xasprintf(F "%s%s%s", cases[i].name,
			*cases[i].method == 'P' ? "/invocations" : "", cases[i].query);
		struct http_exchange *x = ask(b, cases[i].method, target, "1");
		assert_int_equal(x->status, cases[i].status);
		assert_string_equal(fake_value(x, "x-amzn-ErrorType"), cases[i].type);
		if (!strstr(buf_cstr(&x->body), cases[i].says)) {
			fail_msg("%s: %s", cases[i].name, buf_cstr(&x->body));
		}
		fake_exchange_free(x);
	}
	assert_int_equal(b->rig->n_sent, 0);
}

/* 140 characters, but 256 for Invoke (5.2). */
static void long_names(void **state)
{
	struct bench *b = *state;
	char longest[260];
	memset(longest, 'x', sizeof longest);
	static const struct {
		const char *method;
		int length, status;
	} cases[] = { { "GET", 140, 404 }, { "GET", 141, 400 }, { "POST", 256, 404 },
		{ "POST", 257, 400 } };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO_FREE char *target = xasprintf(F "%.*s%s", cases[i].length, longest,
			*cases[i].method == 'P' ? "/invocations" : "");
		struct http_exchange *x = ask(b, cases[i].method, target, "");
		assert_int_equal(x->status, cases[i].status);
		fake_exchange_free(x);
	}
}

/* Base64 of at most 3583 characters, JSON within; an event has none (5.1). */
static void client_contexts(void **state)
{
	struct bench *b = *state;
	struct buf text = BUF_INIT(8192), encoded = BUF_INIT(8192);
	/* 2685 bytes are 3580 of base64, and three more make it 3584. */
	buf_addf(&text, "{\"custom\":{\"a\":\"%02666d\"}}", 0);
	assert_int_equal(text.len, 2685);
	base64_encode(&encoded, buf_span(&text));
	struct http_exchange *x = fake_exchange("POST", F "f/invocations", "{}");
	fake_header(x, "X-Amz-Client-Context", buf_cstr(&encoded));
	invoke_api_request(b->api, x);
	assert_int_equal(b->rig->n_sent, 1);
	assert_non_null(strstr(b->rig->meta[0], "0000"));
	lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN("1"));
	fake_exchange_free(x);
	buf_add_str(&text, "   ");
	buf_clear(&encoded);
	base64_encode(&encoded, buf_span(&text));
	const char *bad[] = { buf_cstr(&encoded), "e30", "not base64!", "W10=", "e30gew==" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		x = fake_exchange("POST", F "f/invocations", "{}");
		fake_header(x, "X-Amz-Client-Context", bad[i]);
		invoke_api_request(b->api, x);
		assert_int_equal(x->status, 400);
		assert_string_equal(
			fake_value(x, "x-amzn-ErrorType"), "InvalidRequestContentException");
		assert_non_null(strstr(buf_cstr(&x->body),
			i ? "Client context must be a valid Base64" : "no more than 3583 bytes"));
		fake_exchange_free(x);
	}
	x = fake_exchange("POST", F "f/invocations", "{}");
	fake_header(x, "X-Amz-Invocation-Type", "Event");
	fake_header(x, "X-Amz-Client-Context", "not base64!");
	invoke_api_request(b->api, x);
	assert_int_equal(x->status, 202);
	assert_int_equal(b->rig->n_sent, 2);
	assert_null(strstr(b->rig->meta[1], "clientContext"));
	lambda_on_result(b->rig->lambda, b->rig->wire_id[1], OK_META, SPAN("1"));
	fake_exchange_free(x);
	buf_fini(&text);
	buf_fini(&encoded);
}

/* The bytes go on as they came, also those that a parser would write otherwise (5.1); so do results, JSON
 * or not (10.17). */
static void payloads_are_passed_on(void **state)
{
	struct bench *b = *state;
	static const char *const good[] = { "null", " { \"b\" : 1.0,\n\"a\":[ ] } \n",
		"\"\\u0041\\/\"", "1e2", "true", "{\"a\":1,\"a\":2}" };
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct http_exchange *x = ask(b, "POST", F "f/invocations", good[i]);
		assert_int_equal(b->rig->n_sent, 1);
		assert_string_equal(b->rig->payload[0], good[i]);
		lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN("{ \"a\": x"));
		assert_string_equal(buf_cstr(&x->body), "{ \"a\": x");
		fake_exchange_free(x);
		rig_free_sent(b->rig);
	}
	static const struct {
		const char *body, *where;
	} bad[] = {
		{ "{\"a\":1}\n x", "('x' (code 120))" },
		{ "{\"a\":1}\n x", "line: 2, column: 2]" },
		{ "{} {}", "('{' (code 123))" },
		{ "{\"a\":\xc5\xbd}", "('\xc5\xbd' (code 381))" },
		{ "\"\xff\"", "Could not parse request body into json" },
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct http_exchange *x = ask(b, "POST", F "f/invocations", bad[i].body);
		assert_int_equal(x->status, 400);
		assert_string_equal(
			fake_value(x, "x-amzn-ErrorType"), "InvalidRequestContentException");
		if (!strstr(buf_cstr(&x->body), bad[i].where)) {
			fail_msg("%s", buf_cstr(&x->body));
		}
		fake_exchange_free(x);
	}
	assert_int_equal(b->rig->n_sent, 0);
}

/* A version, a log and an error are for who waits (5.1). */
static void headers_of_202_and_204(void **state)
{
	struct bench *b = *state;
	static const char *const types[] = { "Event", "DryRun" };
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		struct http_exchange *x = fake_exchange("POST", F "f/invocations", "{}");
		fake_header(x, "X-Amz-Invocation-Type", types[i]);
		fake_header(x, "X-Amz-Log-Type", "Tail");
		invoke_api_request(b->api, x);
		assert_int_equal(x->status, i ? 204 : 202);
		assert_int_equal(strlen(fake_value(x, "x-amzn-RequestId")), 36);
		static const char *const absent[] = { "X-Amz-Executed-Version", "X-Amz-Log-Result",
			"X-Amz-Function-Error", "Content-Type" };
		for (size_t k = 0; k < COUNT_OF(absent); k++) {
			assert_string_equal(fake_value(x, absent[k]), "");
		}
		assert_int_equal(x->body.len, 0);
		fake_exchange_free(x);
	}
	assert_int_equal(b->rig->n_sent, 1);
	lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN("1"));
}

static void values_refused(void **state)
{
	struct bench *b = *state;
	static const struct {
		const char *target, *header, *value, *says;
	} cases[] = {
		{ F "f/invocations", "X-Amz-Invocation-Type", "event",
			"Value 'event' at 'invocationType' failed to satisfy constraint: Member "
			"must "
			"satisfy enum value set: [RequestResponse, DryRun, Event]" },
		{ F "f/invocations", "X-Amz-Log-Type", "All",
			"Value 'All' at 'logType' failed to satisfy constraint: Member must "
			"satisfy enum "
			"value set: [Tail, None]" },
		{ STREAM, "X-Amz-Invocation-Type", "Event",
			"Value 'Event' at 'invocationType' failed to satisfy constraint: Member "
			"must "
			"satisfy enum value set: [RequestResponse, DryRun]" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct http_exchange *x = fake_exchange("POST", cases[i].target, "{}");
		fake_header(x, cases[i].header, cases[i].value);
		invoke_api_request(b->api, x);
		assert_int_equal(x->status, 400);
		assert_string_equal(fake_value(x, "x-amzn-ErrorType"), "ValidationException");
		assert_non_null(strstr(buf_cstr(&x->body), cases[i].says));
		fake_exchange_free(x);
	}
	struct http_exchange *x = fake_exchange("POST", STREAM, "{}");
	fake_header(x, "X-Amz-Invocation-Type", "DryRun");
	invoke_api_request(b->api, x);
	assert_int_equal(x->status, 204);
	fake_exchange_free(x);
	assert_int_equal(b->rig->n_sent, 0);
}

static void errors(void **state)
{
	struct bench *b = *state;
	answer_of(b, "POST", F "nope/invocations", "{}", 404, "ResourceNotFoundException",
		"{\"Message\":\"Function not found: " ARN "nope:$LATEST\",\"Type\":\"User\"}");
	answer_of(b, "GET", F "nope", "", 404, "ResourceNotFoundException",
		"{\"Message\":\"Function not found: " ARN "nope\",\"Type\":\"User\"}");
	answer_of(b, "POST", F "f:gone/invocations", "{}", 404, "ResourceNotFoundException",
		"{\"Message\":\"Cannot find alias arn: " ARN "f:gone\",\"Type\":\"User\"}");
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

/* 6291456 bytes when somebody waits, 1 MiB when nobody does; one more is too large (5.1, 5.3). */
static void sizes(void **state)
{
	struct bench *b = *state;
	AUTO_FREE char *body = xalloc(6291457);
	memset(body, '1', 6291457);
	static const struct {
		const char *type;
		size_t length;
		int status; /* 0 = it runs */
	} cases[] = { { "RequestResponse", 6291456, 0 }, { "RequestResponse", 6291457, 413 },
		{ "Event", 1048576, 202 }, { "Event", 1048577, 413 } };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct http_exchange *x = fake_exchange("POST", F "f/invocations", "");
		fake_header(x, "X-Amz-Invocation-Type", cases[i].type);
		x->request.body = span_n(body, cases[i].length);
		invoke_api_request(b->api, x);
		assert_int_equal(x->status, cases[i].status);
		if (cases[i].status == 413) {
			AUTO_FREE char *text = xasprintf(
				"{\"Type\":\"User\",\"message\":\"Request must be smaller than %zu "
				"bytes for the InvokeFunction operation\"}",
				cases[i].length - 1);
			assert_string_equal(buf_cstr(&x->body), text);
			assert_string_equal(fake_value(x, "x-amzn-ErrorType"),
				"RequestEntityTooLargeException");
		} else {
			assert_int_equal(b->rig->n_sent, 1);
			assert_int_equal(strlen(b->rig->payload[0]), cases[i].length);
			lambda_on_result(b->rig->lambda, b->rig->wire_id[0], OK_META, SPAN("1"));
			rig_free_sent(b->rig);
		}
		fake_exchange_free(x);
	}
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

static bool body_has(struct http_exchange *x, const char *text)
{
	return memmem(x->body.ptr, x->body.len, text, strlen(text)) != NULL;
}

static void response_stream(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x = ask(b, "POST", STREAM, "{}");
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
	/* Functions may have gone since the last page. */
	answer_of(b, "GET", "/2015-03-31/functions?Marker=7&MaxItems=10000", "", 200, "",
		"{\"Functions\":[],\"NextMarker\":null}");
	static const struct {
		const char *query, *says;
	} bad[] = {
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

static void list_of_versions(void **state)
{
	struct bench *b = *state;
	struct http_exchange *x =
		ask(b, "GET", "/2015-03-31/functions?FunctionVersion=ALL&MaxItems=3", "");
	AUTO_JSON cJSON *page = json_parse(buf_span(&x->body), NULL);
	static const struct {
		const char *arn, *version;
	} expected[] = { { ARN "f:$LATEST", "$LATEST" }, { ARN "f:1", "1" },
		{ ARN "slow:$LATEST", "$LATEST" } };
	const cJSON *list = json_array(page, "Functions");
	assert_int_equal(cJSON_GetArraySize(list), COUNT_OF(expected));
	for (int i = 0; i < (int)COUNT_OF(expected); i++) {
		const cJSON *f = cJSON_GetArrayItem(list, i);
		assert_string_equal(json_str(f, "FunctionArn"), expected[i].arn);
		assert_string_equal(json_str(f, "Version"), expected[i].version);
	}
	assert_string_equal(json_str(page, "NextMarker"), "3");
	fake_exchange_free(x);
}

/* Whatever MaxItems says (5.5). */
static void a_page_holds_50(void **state)
{
	struct bench *b = *state;
	struct buf functions = BUF_INIT(65536);
	for (int i = 0; i < 60; i++) {
		buf_addf(&functions,
			"%s'F%d':{'Type':'AWS::Lambda::Function','Properties':{'Runtime':'nodejs20."
			"x',"
			"'Handler':'f.handler'}}",
			i ? "," : "", i);
	}
	b->second = rig_model(buf_cstr(&functions));
	buf_fini(&functions);
	struct http_exchange *x = ask(b, "GET", "/2015-03-31/functions?MaxItems=10000", "");
	AUTO_JSON cJSON *page = json_parse(buf_span(&x->body), NULL);
	assert_int_equal(cJSON_GetArraySize(json_array(page, "Functions")), 50);
	assert_string_equal(json_str(page, "NextMarker"), "50");
	fake_exchange_free(x);
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
		TEST(names_refused),
		TEST(long_names),
		TEST(client_contexts),
		TEST(payloads_are_passed_on),
		TEST(headers_of_202_and_204),
		TEST(values_refused),
		TEST(errors),
		TEST(denied),
		TEST(sizes),
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
		TEST(list_of_versions),
		TEST(a_page_holds_50),
		TEST(get_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
