/* The gateway over real sockets, with stand-ins for auth and lambda: every way in which an exchange can
 * end, and what the client, the terminal and the access log get to see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway_fakes.h"
#include "proxy/base/json.h"

/* --- the app ------------------------------------------------------------------------------------ */

static const char *any_origin_list[] = { "https://app.example.com" };
static const char *methods_list[] = { "GET", "POST" };
static struct model_cors cors = {
	.allow_origins = { any_origin_list, 1 }, .allow_methods = { methods_list, 2 }, .max_age = 60
};
static struct model_integration hello = { .type = MODEL_LAMBDA_PROXY,
	.function = "hello-fn",
	.payload_v2 = true,
	.timeout_ms = 30000,
	.may_invoke = true };
static struct model_integration old = {
	.type = MODEL_LAMBDA_PROXY, .function = "old-fn", .timeout_ms = 30000, .may_invoke = true
};
static struct model_integration slow = { .type = MODEL_LAMBDA_PROXY,
	.function = "slow-fn",
	.payload_v2 = true,
	.timeout_ms = 50,
	.may_invoke = true };
static struct model_integration locked = {
	.type = MODEL_LAMBDA_PROXY, .function = "locked-fn", .payload_v2 = true, .timeout_ms = 30000
};
static struct model_integration queue = { .type = MODEL_UNSUPPORTED };
static struct model_pair table = { "table", "pets" };
static struct model_route_settings limited[] = { { "GET /limited", { 0.001, 1, true, true } } };

#define LOG_FORMAT \
	"$context.requestId $context.routeKey $context.status $context.integration.status"

static struct model_stage stages[] = {
	{ .name = "$default",
		.access_log_format = LOG_FORMAT,
		.route_settings = limited,
		.n_route_settings = 1 },
	{ .name = "dev", .access_log_format = "", .variables = &table, .n_variables = 1 },
};
static struct model_authorizer authorizer = { .id = "auth1", .type = MODEL_AUTH_CUSTOM };
static struct model_route routes[] = {
	{ .key = "GET /hello", .method = "GET", .path = "/hello", .integration = &hello },
	{ .key = "ANY /any", .method = "ANY", .path = "/any", .integration = &hello },
	{ .key = "GET /old", .method = "GET", .path = "/old", .integration = &old },
	{ .key = "GET /slow", .method = "GET", .path = "/slow", .integration = &slow },
	{ .key = "GET /locked", .method = "GET", .path = "/locked", .integration = &locked },
	{ .key = "GET /queue", .method = "GET", .path = "/queue", .integration = &queue },
	{ .key = "GET /nothing", .method = "GET", .path = "/nothing" },
	{ .key = "GET /limited", .method = "GET", .path = "/limited", .integration = &hello },
	{ .key = "GET /pets/{id}",
		.method = "GET",
		.path = "/pets/{id}",
		.authorization = MODEL_AUTH_CUSTOM,
		.authorizer = &authorizer,
		.integration = &hello },
	{ .key = "OPTIONS /own", .method = "OPTIONS", .path = "/own", .integration = &hello },
	{ .key = "POST /own", .method = "POST", .path = "/own", .integration = &hello },
};
static struct model_api apis[] = {
	{ .logical_id = "Api",
		.key = "Api",
		.id = "aaaaaaaaaa",
		.cors = &cors,
		.routes = routes,
		.n_routes = COUNT_OF(routes),
		.stages = stages,
		.n_stages = 2 },
	/* The second API has a named stage only. */
	{ .logical_id = "Named",
		.key = "Named",
		.id = "bbbbbbbbbb",
		.routes = routes,
		.n_routes = 1,
		.stages = &stages[1],
		.n_stages = 1 },
};
static const struct model app = {
	.region = "us-east-1", .account = "123456789012", .apis = apis, .n_apis = 2
};
static const struct model empty_app = { .region = "us-east-1", .account = "123456789012" };

/* --- the world ------------------------------------------------------------------------------------ */

static struct {
	uv_loop_t loop;
	struct gateway *gateway;
	unsigned requests, refusals, released;
	const struct model *last_released;
	int status; /* of the last response; 0 = the client went away; -1 = none yet */
	char route_key[64], function[64], check[64], reason[512], log[512];
	bool closed;
} world;

static void saw_request(void *ctx, const struct gateway_request *r)
{
	(void)ctx;
	world.requests++;
	snprintf(world.route_key, sizeof world.route_key, "%s", r->route_key);
	snprintf(world.function, sizeof world.function, "%s", r->function);
}

static void saw_response(void *ctx, const struct gateway_request *r, int status, double duration_ms)
{
	(void)ctx;
	assert_int_equal(strlen(r->request_id), 16);
	assert_true(duration_ms >= 0);
	world.status = status;
}

static void saw_refusal(void *ctx, const struct gateway_request *r, int status, const char *check,
	const char *reason)
{
	(void)ctx;
	(void)r;
	(void)status;
	world.refusals++;
	snprintf(world.check, sizeof world.check, "%s", check);
	snprintf(world.reason, sizeof world.reason, "%s", reason);
}

static void saw_log(void *ctx, const char *api, struct span line)
{
	(void)ctx;
	snprintf(world.log, sizeof world.log, "%s: %.*s", api, SPAN_ARG(line));
}

static void saw_release(void *ctx, const struct model *model)
{
	(void)ctx;
	world.released++;
	world.last_released = model;
}

static int setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof world);
	memset(&fake_auth, 0, sizeof fake_auth);
	memset(&fake_lambda, 0, sizeof fake_lambda);
	world.status = -1;
	uv_loop_init(&world.loop);
	fake_auth.loop = fake_lambda.loop = &world.loop;
	fake_auth.verdict = (struct auth_verdict){ .outcome = AUTH_ALLOW,
		.kind = MODEL_AUTH_CUSTOM,
		.principal_id = "",
		.context = SPAN("{\"who\":\"jane\"}"),
		.www_authenticate = "",
		.check = "",
		.reason = "",
		.log_error = "" };
	buf_init(&fake_auth.event, 1 << 20);
	buf_init(&fake_lambda.event, 8 << 20);
	list_init(&fake_lambda.running);
	list_init(&fake_auth.running);
	fake_lambda.result = SPAN("{\"ok\":true}");
	struct gateway_config config = { .loop = &world.loop,
		.clock = &clock_system,
		.host = "127.0.0.1",
		.events = { saw_request, saw_response, saw_refusal, saw_log },
		.released = saw_release };
	world.gateway = gateway_create(&config);
	struct err err = ERR_INIT;
	assert_int_equal(gateway_listen(world.gateway, "Api", 0, &err), 0);
	assert_int_equal(gateway_listen(world.gateway, "Named", 0, &err), 0);
	assert_int_equal(gateway_set_model(world.gateway, &app, &err), 0);
	return 0;
}

static void saw_closed(void *ctx)
{
	(void)ctx;
	world.closed = true;
}

/* The loop runs dry: nothing is left open. */
static int teardown(void **state)
{
	(void)state;
	gateway_close(world.gateway, 0, saw_closed, NULL);
	uv_run(&world.loop, UV_RUN_DEFAULT);
	assert_true(world.closed);
	assert_true(world.released > 0);
	assert_int_equal(uv_loop_close(&world.loop), 0);
	buf_fini(&fake_auth.event);
	buf_fini(&fake_lambda.event);
	return 0;
}

/* Sends the bytes and reads until the server closes; the caller frees. */
static char *talk_bytes(const char *api, struct span request)
{
	struct client c;
	client_start(&c, &world.loop, gateway_port(world.gateway, api), request);
	while (!c.ended) {
		uv_run(&world.loop, UV_RUN_ONCE);
	}
	char *answer = xstrndup(c.answer.ptr ? c.answer.ptr : "", c.answer.len);
	client_stop(&c);
	return answer;
}

static char *ask(const char *line, const char *headers)
{
	char *request =
		xasprintf("%s HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n%s\r\n",
			line, headers);
	char *answer = talk_bytes("Api", span_of(request));
	free(request);
	return answer;
}

static bool has_line(const char *answer, const char *line)
{
	const char *end = strstr(answer, "\r\n\r\n");
	size_t n = strlen(line);
	for (const char *p = answer; p && p < end; p = strstr(p, "\r\n"), p = p ? p + 2 : NULL) {
		if (strncasecmp(p, line, n) == 0 && p[n] == '\r') {
			return true;
		}
	}
	return false;
}

static bool has_header(const char *answer, const char *name)
{
	char *find = xasprintf("\r\n%s:", name);
	const char *at = strcasestr(answer, find);
	free(find);
	return at && at < strstr(answer, "\r\n\r\n");
}

static const char *body_of(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");
	return end ? end + 4 : "";
}

static int status_of(const char *answer)
{
	return strlen(answer) > 12 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

/* The gateway's own answer: exact body, JSON, a request id, and nothing of the reason. */
static void check_error(const char *answer, int status, const char *message)
{
	char *body = xasprintf("{\"message\":\"%s\"}", message);
	if (status_of(answer) != status || strcmp(body_of(answer), body) != 0) {
		fail_msg("want %d %s, got %s", status, body, answer);
	}
	free(body);
	assert_true(has_line(answer, "content-type: application/json"));
	assert_true(has_header(answer, "apigw-requestid"));
}

/* The member of the last event at a dotted path; the caller frees; NULL if it is not there. */
static char *event_member(const struct buf *event, const char *path)
{
	AUTO_JSON cJSON *tree = json_parse(buf_span(event), NULL);
	const cJSON *at = tree;
	struct span rest = span_of(path);
	while (rest.ptr && at) {
		struct span name = span_cut(&rest, '.');
		AUTO_FREE char *text = xstrndup(name.ptr, name.len);
		at = json_get(at, text);
	}
	return at ? cJSON_PrintUnformatted(at) : NULL;
}

static void check_event(const char *path, const char *want)
{
	AUTO_FREE char *got = event_member(&fake_lambda.event, path);
	assert_string_equal(got ? got : "(absent)", want);
}

/* --- answers ---------------------------------------------------------------------------------------- */

static void a_function_answers(void **state)
{
	(void)state;
	fake_lambda.result = SPAN("{\"statusCode\":201,\"headers\":{\"x-mine\":\"1\"},"
				  "\"cookies\":[\"a=1\",\"b=2\"],\"body\":\"made\"}");
	AUTO_FREE char *answer = ask("GET /hello?a=1", "");
	assert_int_equal(status_of(answer), 201);
	assert_string_equal(body_of(answer), "made");
	assert_true(has_line(answer, "Content-Type: text/plain; charset=utf-8"));
	assert_true(has_line(answer, "X-Mine: 1"));
	assert_true(has_line(answer, "Set-Cookie: a=1"));
	assert_true(has_line(answer, "Set-Cookie: b=2"));
	assert_true(has_line(answer, "Content-Length: 4"));
	assert_true(has_header(answer, "date"));
	AUTO_FREE char *id = event_member(&fake_lambda.event, "requestContext.requestId");
	char *line = xasprintf("Apigw-Requestid: %.16s", id + 1);
	assert_true(has_line(answer, line));
	free(line);
	check_event("routeKey", "\"GET /hello\"");
	check_event("headers.host", "\"api.example.com\"");
	AUTO_FREE char *trace = event_member(&fake_lambda.event, "headers.x-amzn-trace-id");
	assert_true(strncmp(trace + 1, fake_lambda.trace, strlen(fake_lambda.trace)) == 0);
	assert_int_equal(strlen(fake_lambda.trace), 40);
	assert_string_equal(fake_lambda.function, "hello-fn");
	assert_string_equal(fake_lambda.source, "API GET /hello");
	assert_string_equal(world.route_key, "GET /hello");
	assert_string_equal(world.function, "hello-fn");
	assert_int_equal(world.status, 201);
	assert_int_equal(world.refusals, 0);
	assert_non_null(strstr(world.log, "= GET /hello 201 201"));
}

static void payload_1_0_is_the_integrations_choice(void **state)
{
	(void)state;
	fake_lambda.result = SPAN("{\"statusCode\":200,\"body\":\"x\"}");
	AUTO_FREE char *answer = ask("GET /old", "");
	assert_int_equal(status_of(answer), 200);
	check_event("version", "\"1.0\"");
	check_event("resource", "\"/old\"");
	fake_lambda.result = SPAN("\"x\"");
	AUTO_FREE char *bad = ask("GET /old", "");
	check_error(bad, 500, "Internal Server Error");
}

static void a_named_stage_is_consumed_for_matching_only(void **state)
{
	(void)state;
	AUTO_FREE char *answer = ask("GET /dev/hello", "");
	assert_int_equal(status_of(answer), 200);
	check_event("rawPath", "\"/dev/hello\"");
	check_event("requestContext.stage", "\"dev\"");
	check_event("stageVariables", "{\"table\":\"pets\"}");
}

static void the_clients_trace_goes_on(void **state)
{
	(void)state;
	AUTO_FREE char *answer =
		ask("GET /hello", "X-Amzn-Trace-Id: Root=1-5e9f0c65-1de4d666d4dd26aced652b6c\r\n");
	assert_int_equal(status_of(answer), 200);
	check_event("headers.x-amzn-trace-id", "\"Root=1-5e9f0c65-1de4d666d4dd26aced652b6c\"");
}

static void head_and_204_have_no_body(void **state)
{
	(void)state;
	fake_lambda.result = SPAN("{\"statusCode\":200,\"body\":\"12345\"}");
	AUTO_FREE char *head = ask("HEAD /any", "");
	assert_int_equal(status_of(head), 200);
	assert_string_equal(body_of(head), "");
	check_event("requestContext.http.method", "\"HEAD\"");
	AUTO_FREE char *none = ask("HEAD /hello", "");
	assert_int_equal(status_of(none), 404);
	fake_lambda.result = SPAN("{\"statusCode\":204,\"body\":\"12345\"}");
	AUTO_FREE char *empty = ask("GET /any", "");
	assert_int_equal(status_of(empty), 204);
	assert_string_equal(body_of(empty), "");
	assert_false(has_header(empty, "content-length"));
	assert_false(has_header(empty, "content-type"));
}

static void large_bodies_are_whole(void **state)
{
	(void)state;
	struct buf result = BUF_INIT(8 << 20);
	buf_add_str(&result, "{\"statusCode\":200,\"body\":\"");
	for (int i = 0; i < 300000; i++) {
		buf_add_str(&result, "0123456\\n");
	}
	buf_add_str(&result, "\"}");
	fake_lambda.result = buf_span(&result);
	for (int i = 0; i < 2; i++) {
		AUTO_FREE char *answer = ask("GET /hello", "");
		assert_int_equal(strlen(body_of(answer)), 300000 * 8);
		assert_int_equal(strncmp(body_of(answer), "0123456\n0", 9), 0);
	}
	buf_fini(&result);
}

static void connections_are_kept(void **state)
{
	(void)state;
	AUTO_FREE char *answer = talk_bytes("Api", SPAN("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
							"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
							"GET /hello HTTP/1.0\r\nHost: a\r\n\r\n"));
	const char *second = strstr(body_of(answer), "HTTP/1.1 404");
	assert_non_null(second);
	assert_non_null(strstr(second, "HTTP/1.1 200"));
	assert_int_equal(fake_lambda.invoked, 2);
}

/* --- refusals ---------------------------------------------------------------------------------------- */

static void the_gateway_answers_by_itself(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		int status;
		const char *message, *check, *reason;
	} rows[] = {
		{ "GET /nowhere", 404, "Not Found", "route", "no route matches GET /nowhere" },
		{ "POST /hello", 404, "Not Found", "route", "no route matches POST /hello" },
		{ "GET /hello/", 404, "Not Found", "route", "no route matches GET /hello/" },
		{ "GET /nothing", 500, "Internal Server Error", "integration",
			"the route has no integration (Target)" },
		{ "GET /queue", 500, "Internal Server Error", "integration",
			"the route's integration type is not emulated" },
		{ "GET /locked", 500, "Internal Server Error", "permission",
			"no AWS::Lambda::Permission lets this API invoke function 'locked-fn'" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_FREE char *answer = ask(rows[i].line, "");
		check_error(answer, rows[i].status, rows[i].message);
		assert_string_equal(world.check, rows[i].check);
		assert_string_equal(world.reason, rows[i].reason);
		assert_int_equal(world.status, rows[i].status);
	}
	assert_int_equal(fake_lambda.invoked, 0);
	AUTO_FREE char *stageless = talk_bytes(
		"Named", SPAN("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
	check_error(stageless, 404, "Not Found");
	assert_string_equal(
		world.reason, "the path names no stage, and there is no $default stage");
}

static void what_lambda_says_is_mapped(void **state)
{
	(void)state;
	static const struct {
		enum lambda_outcome outcome;
		const char *error_type, *detail, *check, *reason;
	} rows[] = {
		{ LAMBDA_FUNCTION_ERROR, "TypeError", "", "function error", "TypeError: boom" },
		{ LAMBDA_THROTTLED, "", "", "concurrency",
			"the function's reserved concurrency is used up" },
		{ LAMBDA_UNAVAILABLE, "", "no agent is connected", "function",
			"no agent is connected" },
	};
	fake_lambda.result = SPAN("{\"errorMessage\":\"boom\"}");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		fake_lambda.outcome = rows[i].outcome;
		fake_lambda.error_type = rows[i].error_type;
		fake_lambda.detail = rows[i].detail;
		AUTO_FREE char *answer = ask("GET /hello", "");
		check_error(answer, 500, "Internal Server Error");
		assert_string_equal(world.check, rows[i].check);
		assert_string_equal(world.reason, rows[i].reason);
	}
	fake_lambda.outcome = LAMBDA_OK;
	fake_lambda.result = SPAN("{\"statusCode\":\"teapot\"}");
	AUTO_FREE char *answer = ask("GET /hello", "");
	check_error(answer, 500, "Internal Server Error");
	assert_string_equal(world.check, "result");
	assert_non_null(strstr(world.reason, "\"teapot\""));
}

static void throttled_requests_get_429(void **state)
{
	(void)state;
	AUTO_FREE char *first = ask("GET /limited", "");
	assert_int_equal(status_of(first), 200);
	AUTO_FREE char *second = ask("GET /limited", "");
	check_error(second, 429, "Too Many Requests");
	assert_string_equal(world.check, "throttle");
	AUTO_FREE char *other = ask("GET /hello", "");
	assert_int_equal(status_of(other), 200);
}

static void a_slow_function_gets_503(void **state)
{
	(void)state;
	fake_lambda.never = true;
	AUTO_FREE char *answer = ask("GET /slow", "");
	check_error(answer, 503, "Service Unavailable");
	assert_int_equal(fake_lambda.cancelled, 1);
	assert_string_equal(world.check, "timeout");
	assert_non_null(strstr(world.reason, "'slow-fn' did not answer within 50 ms"));
}

static void limits_are_the_services(void **state)
{
	(void)state;
	struct buf request = BUF_INIT(16 << 20);
	buf_addf(&request, "GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
	for (int i = 0; i < 10240; i++) {
		buf_add_char(&request, 'x');
	}
	buf_add_str(&request, "\r\n\r\n");
	AUTO_FREE char *head = talk_bytes("Api", buf_span(&request));
	check_error(head, 431, "Request Header Fields Too Large");
	AUTO_FREE char *body = talk_bytes(
		"Api", SPAN("POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 10485761\r\n\r\n"));
	check_error(body, 413, "Request Entity Too Large");
	buf_clear(&request);
	buf_addf(&request,
		"POST /any HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
		6 << 20);
	for (int i = 0; i < 6 << 20; i++) {
		buf_add_char(&request, 'x');
	}
	AUTO_FREE char *event = talk_bytes("Api", buf_span(&request));
	check_error(event, 413, "Request Entity Too Large");
	assert_string_equal(world.check, "limit");
	assert_int_equal(fake_lambda.invoked, 0);
	buf_fini(&request);
}

static void malformed_requests_look_alike(void **state)
{
	(void)state;
	AUTO_FREE char *answer =
		talk_bytes("Api", SPAN("POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
				       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
	check_error(answer, 400, "Bad Request");
	assert_string_equal(world.check, "HTTP");
	assert_int_equal(fake_lambda.invoked, 0);
}

/* --- auth ---------------------------------------------------------------------------------------------- */

static void auth_decides(void **state)
{
	(void)state;
	static const struct {
		enum auth_outcome outcome;
		int status;
		const char *message;
	} rows[] = {
		{ AUTH_UNAUTHORIZED, 401, "Unauthorized" },
		{ AUTH_FORBIDDEN, 403, "Forbidden" },
		{ AUTH_FAILED, 500, "Internal Server Error" },
		{ AUTH_URI_TOO_LONG, 414, "Request URI too long" },
	};
	fake_auth.verdict.check = "signature";
	fake_auth.verdict.reason = "the secret reason";
	for (size_t i = 0; i < COUNT_OF(rows) * 2; i++) {
		fake_auth.later = i % 2;
		fake_auth.verdict.outcome = rows[i / 2].outcome;
		fake_auth.verdict.www_authenticate =
			rows[i / 2].status == 401 ? "Bearer scope=\"\"" : "";
		AUTO_FREE char *answer = ask("GET /pets/7", "Origin: https://app.example.com\r\n");
		check_error(answer, rows[i / 2].status, rows[i / 2].message);
		assert_int_equal(has_line(answer, "www-authenticate: Bearer scope=\"\""),
			rows[i / 2].status == 401);
		assert_true(
			has_line(answer, "access-control-allow-origin: https://app.example.com"));
		assert_null(strstr(answer, "secret reason"));
		assert_string_equal(world.check, "signature");
		assert_string_equal(world.reason, "the secret reason");
	}
	assert_int_equal(fake_lambda.invoked, 0);
}

static void whom_auth_lets_pass_is_in_the_event(void **state)
{
	(void)state;
	for (int later = 0; later < 2; later++) {
		fake_auth.later = later;
		AUTO_FREE char *answer = ask("GET /pets/7", "");
		assert_int_equal(status_of(answer), 200);
		check_event("requestContext.authorizer", "{\"lambda\":{\"who\":\"jane\"}}");
	}
	assert_int_equal(fake_auth.asked, 2);
	AUTO_FREE char *open = ask("GET /hello", "");
	assert_int_equal(status_of(open), 200);
	assert_int_equal(fake_auth.asked, 2);
	check_event("requestContext.http.path", "\"/hello\"");
}

static void auth_is_given_what_it_asks_for(void **state)
{
	(void)state;
	fake_auth.want_event = true;
	AUTO_FREE char *answer = ask("GET /dev/pets/7", "");
	assert_int_equal(status_of(answer), 200);
	AUTO_FREE char *arn = event_member(&fake_auth.event, "routeArn");
	assert_string_equal(arn, "\"arn:aws:execute-api:us-east-1:123456789012:aaaaaaaaaa/dev/GET/"
				 "pets/7\"");
	AUTO_FREE char *sources = event_member(&fake_auth.event, "identitySource");
	assert_string_equal(sources, "[\"s1\",\"s2\"]");
	assert_string_equal(fake_auth.context, "GET /pets/{id} pets 1 /pets/7");
}

/* --- CORS ------------------------------------------------------------------------------------------------ */

#define PREFLIGHT(origin) "Origin: " origin "\r\nAccess-Control-Request-Method: POST\r\n"

static void preflights_are_answered_before_auth(void **state)
{
	(void)state;
	static const char *const lines[] = { "OPTIONS /pets/7", "OPTIONS /nowhere",
		"OPTIONS /any" };
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		AUTO_FREE char *answer = ask(lines[i], PREFLIGHT("https://app.example.com"));
		assert_int_equal(status_of(answer), 204);
		assert_string_equal(body_of(answer), "");
		assert_true(
			has_line(answer, "access-control-allow-origin: https://app.example.com"));
		assert_true(has_line(answer, "access-control-allow-methods: GET,POST"));
		assert_true(has_line(answer, "access-control-max-age: 60"));
		assert_true(has_header(answer, "apigw-requestid"));
		assert_false(has_header(answer, "content-length"));
	}
	assert_int_equal(world.refusals, 0);
	AUTO_FREE char *refused = ask("OPTIONS /pets/7", PREFLIGHT("https://evil.example.com"));
	assert_int_equal(status_of(refused), 204);
	assert_false(has_header(refused, "access-control-allow-origin"));
	assert_false(has_header(refused, "access-control-allow-methods"));
	assert_string_equal(world.check, "CORS");
	assert_int_equal(fake_auth.asked, 0);
	assert_int_equal(fake_lambda.invoked, 0);
}

static void an_options_route_takes_its_preflights(void **state)
{
	(void)state;
	AUTO_FREE char *own = ask("OPTIONS /own", PREFLIGHT("https://app.example.com"));
	assert_int_equal(status_of(own), 200);
	assert_int_equal(fake_lambda.invoked, 1);
	AUTO_FREE char *plain = ask("OPTIONS /pets/7", "Origin: https://app.example.com\r\n");
	check_error(plain, 404, "Not Found");
	AUTO_FREE char *unconfigured = talk_bytes(
		"Named", SPAN("OPTIONS /dev/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
			      "Origin: https://x\r\nAccess-Control-Request-Method: GET\r\n\r\n"));
	check_error(unconfigured, 404, "Not Found");
}

/* --- the client leaves --------------------------------------------------------------------------------- */

static void run_turns(unsigned n)
{
	while (n--) {
		uv_run(&world.loop, UV_RUN_NOWAIT);
	}
}

/* Closes after 0, 1, 2 ... turns: whatever the exchange waits for is cancelled, and only that. */
static void clients_may_leave_at_any_turn(void **state)
{
	(void)state;
	static const char request[] = "GET /pets/7 HTTP/1.1\r\nHost: a\r\n\r\n";
	for (int part = 0; part < 3; part++) {
		for (unsigned turns = 0; turns < 12; turns++) {
			fake_auth.never = part == 0;
			fake_auth.later = part == 1;
			fake_lambda.never = part != 2;
			unsigned requests = world.requests;
			world.status = -1;
			struct client c;
			client_start(&c, &world.loop, gateway_port(world.gateway, "Api"),
				span_n(request, sizeof request - 1));
			run_turns(turns);
			client_stop(&c);
			run_turns(50);
			/* libuv may report a reset right behind the request as the end of input;
			 * then the answer finds nobody. */
			while (world.requests > requests && world.status < 0) {
				fake_auth_release();
				fake_lambda_release();
				run_turns(1);
			}
			if (world.requests > requests) {
				assert_true(world.status == 0 || world.status == 200);
			}
		}
	}
	assert_true(fake_auth.cancelled > 0);
	assert_true(fake_lambda.cancelled > 0);
}

/* --- models -------------------------------------------------------------------------------------------- */

static void requests_keep_the_model_they_began_with(void **state)
{
	(void)state;
	static const char request[] = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	fake_lambda.never = true;
	struct client c;
	client_start(&c, &world.loop, gateway_port(world.gateway, "Api"),
		span_n(request, sizeof request - 1));
	while (!fake_lambda.invoked) {
		uv_run(&world.loop, UV_RUN_ONCE);
	}
	struct err err = ERR_INIT;
	unsigned port = gateway_port(world.gateway, "Api");
	assert_int_equal(gateway_set_model(world.gateway, &empty_app, &err), 0);
	assert_int_equal(world.released, 0);
	assert_int_equal(gateway_port(world.gateway, "Api"), port);
	AUTO_FREE char *gone = ask("GET /hello", "");
	check_error(gone, 404, "Not Found");
	assert_string_equal(world.check, "API");
	fake_lambda_release();
	while (!c.ended) {
		uv_run(&world.loop, UV_RUN_ONCE);
	}
	assert_int_equal(status_of(buf_cstr(&c.answer)), 200);
	client_stop(&c);
	assert_int_equal(world.released, 1);
	assert_ptr_equal(world.last_released, &app);
	assert_int_equal(gateway_set_model(world.gateway, &app, &err), 0);
	assert_int_equal(world.released, 2);
	fake_lambda.never = false;
	AUTO_FREE char *back = talk_bytes("Api", span_n(request, sizeof request - 1));
	assert_int_equal(status_of(back), 200);
}

static void a_bad_model_leaves_the_old_one(void **state)
{
	(void)state;
	static struct model_route bad[] = {
		{ .key = "GET hello", .method = "GET", .path = "hello" }
	};
	static struct model_api api = {
		.logical_id = "Api", .key = "Api", .routes = bad, .n_routes = 1
	};
	const struct model model = { .apis = &api, .n_apis = 1 };
	struct err err = ERR_INIT;
	assert_int_not_equal(gateway_set_model(world.gateway, &model, &err), 0);
	assert_string_equal(err.msg, "API 'Api': route 'GET hello': the path must begin with '/'");
	assert_int_equal(world.released, 0);
	AUTO_FREE char *answer = ask("GET /hello", "");
	assert_int_equal(status_of(answer), 200);
}

static void before_the_first_model_it_answers_503(void **state)
{
	(void)state;
	struct gateway_config config = { .loop = &world.loop,
		.clock = &clock_system,
		.host = "127.0.0.1",
		.events = { NULL, saw_response, saw_refusal, NULL } };
	struct gateway *g = gateway_create(&config);
	struct err err = ERR_INIT;
	assert_int_equal(gateway_listen(g, "Api", 0, &err), 0);
	assert_int_not_equal(gateway_listen(g, "Api", 0, &err), 0);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_int_not_equal(gateway_listen(g, "Other", gateway_port(g, "Api"), &err), 0);
	assert_int_equal(err.code, ERR_BUSY);
	assert_int_equal(gateway_port(g, "Other"), 0);
	struct client c;
	client_start(&c, &world.loop, gateway_port(g, "Api"),
		SPAN("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
	while (!c.ended) {
		uv_run(&world.loop, UV_RUN_ONCE);
	}
	check_error(buf_cstr(&c.answer), 503, "Service Unavailable");
	client_stop(&c);
	gateway_close(g, 0, NULL, NULL);
}

/* A gateway of its own is closed after 0, 1, 2 ... turns of a request: it closes, once, whatever runs. */
static void it_closes_at_any_turn(void **state)
{
	(void)state;
	static const char request[] = "GET /pets/7 HTTP/1.1\r\nHost: a\r\n\r\n";
	fake_lambda.never = true;
	fake_auth.later = true;
	for (unsigned turns = 0; turns < 12; turns++) {
		struct gateway_config config = { .loop = &world.loop,
			.clock = &clock_system,
			.host = "127.0.0.1",
			.released = saw_release };
		struct gateway *g = gateway_create(&config);
		struct err err = ERR_INIT;
		assert_int_equal(gateway_listen(g, "Api", 0, &err), 0);
		assert_int_equal(gateway_set_model(g, &app, &err), 0);
		struct client c;
		client_start(&c, &world.loop, gateway_port(g, "Api"),
			span_n(request, sizeof request - 1));
		run_turns(turns);
		unsigned released = world.released;
		world.closed = false;
		gateway_close(g, 0, saw_closed, NULL);
		while (!world.closed) {
			uv_run(&world.loop, UV_RUN_ONCE);
		}
		assert_int_equal(world.released, released + 1);
		client_stop(&c);
		assert_true(list_empty(&fake_lambda.running));
	}
	assert_true(fake_lambda.cancelled > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_function_answers),
		TEST(payload_1_0_is_the_integrations_choice),
		TEST(a_named_stage_is_consumed_for_matching_only),
		TEST(the_clients_trace_goes_on),
		TEST(head_and_204_have_no_body),
		TEST(large_bodies_are_whole),
		TEST(connections_are_kept),
		TEST(the_gateway_answers_by_itself),
		TEST(what_lambda_says_is_mapped),
		TEST(throttled_requests_get_429),
		TEST(a_slow_function_gets_503),
		TEST(limits_are_the_services),
		TEST(malformed_requests_look_alike),
		TEST(auth_decides),
		TEST(whom_auth_lets_pass_is_in_the_event),
		TEST(auth_is_given_what_it_asks_for),
		TEST(preflights_are_answered_before_auth),
		TEST(an_options_route_takes_its_preflights),
		TEST(clients_may_leave_at_any_turn),
		TEST(requests_keep_the_model_they_began_with),
		TEST(a_bad_model_leaves_the_old_one),
		TEST(before_the_first_model_it_answers_503),
		TEST(it_closes_at_any_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
