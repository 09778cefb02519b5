/* Bodies on their way to an HTTP integration: passed on as they come, and no faster than the backend takes
 * them (reference api-gateway.md 2.2 and 10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proxy_world.h"

static char uri[64];
static struct model_mapping reads_body = { "append:header.x-name", "$request.body.name" };
static struct model_integration proxy = {
	.type = MODEL_HTTP_PROXY, .uri = uri, .method = "ANY", .timeout_ms = 30000
};
static struct model_integration mapped = { .type = MODEL_HTTP_PROXY,
	.uri = uri,
	.method = "ANY",
	.timeout_ms = 30000,
	.request_mappings = { &reads_body, 1 } };
static struct model_integration hurry = {
	.type = MODEL_HTTP_PROXY, .uri = uri, .method = "ANY", .timeout_ms = 50
};
static struct model_authorizer authorizer = { .id = "auth1", .type = MODEL_AUTH_CUSTOM };
static struct model_route routes[] = {
	{ .key = "ANY /p", .method = "ANY", .path = "/p", .integration = &proxy },
	{ .key = "ANY /mapped", .method = "ANY", .path = "/mapped", .integration = &mapped },
	{ .key = "ANY /hurry", .method = "ANY", .path = "/hurry", .integration = &hurry },
	{ .key = "ANY /auth",
		.method = "ANY",
		.path = "/auth",
		.authorization = MODEL_AUTH_CUSTOM,
		.authorizer = &authorizer,
		.integration = &proxy },
	{ .key = "ANY /iam",
		.method = "ANY",
		.path = "/iam",
		.authorization = MODEL_AUTH_IAM,
		.integration = &proxy },
};
static struct model_stage stage = { .name = "$default", .access_log_format = "" };
static struct model_api api = PROXY_API(routes, &stage);
static const struct model app = PROXY_APP(&api);

enum backend {
	TAKES, /* answers with what it got */
	HOLDS, /* reads nothing until told */
	ANSWERS_AT_ONCE,
	BREAKS /* with the first bytes of the body */
};

static struct {
	struct proxy_world base;
	enum backend mode;
	struct http_exchange *x; /* at the backend */
	struct client client;
	char head[1024]; /* that the backend got */
	size_t got; /* bytes of the body */
	bool ended, gone;
} world;

/* --- the backend -------------------------------------------------------------------------------- */

static void answer(struct http_exchange *x)
{
	char text[32];
	snprintf(text, sizeof text, "%zu", world.got);
	http_reply(x, &(struct http_reply){ .status = 201, .body = span_of(text) });
	world.x = NULL;
}

static void on_data(void *ctx, struct span piece)
{
	(void)ctx;
	world.got += piece.len;
	if (world.mode == BREAKS) {
		http_abort(world.x);
		world.x = NULL;
	}
}

static void on_end(void *ctx, const struct http_header *trailers, size_t n)
{
	(void)ctx;
	(void)trailers;
	(void)n;
	world.ended = true;
	answer(world.x);
}

static void on_gone(void *ctx)
{
	(void)ctx;
	world.gone = true;
	world.x = NULL;
}

static bool on_head(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	const struct http_request *r = http_request(x);
	struct buf head = BUF_INIT(sizeof world.head - 1);
	for (size_t i = 0; i < r->n_headers; i++) {
		buf_addf(&head, "%.*s: %.*s\n", SPAN_ARG(r->headers[i].name),
			SPAN_ARG(r->headers[i].value));
	}
	snprintf(world.head, sizeof world.head, "%s", buf_cstr(&head));
	buf_fini(&head);
	if (world.mode == ANSWERS_AT_ONCE) {
		http_reply(x, &(struct http_reply){ .status = 418, .body = SPAN("enough") });
		return true;
	}
	world.x = x;
	http_on_gone(x, on_gone, NULL);
	http_stream_body(x, &(struct http_body_events){ on_data, on_end, NULL });
	if (world.mode == HOLDS) {
		http_body_pause(x);
	}
	return true;
}

static void on_bodiless(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	answer(x);
}

/* --- the world ---------------------------------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof world);
	memset(&fake_auth, 0, sizeof fake_auth);
	fake_auth.loop = &world.base.loop;
	fake_auth.verdict = (struct auth_verdict){ .outcome = AUTH_ALLOW,
		.kind = MODEL_AUTH_CUSTOM,
		.principal_id = "",
		.context = SPAN(""),
		.www_authenticate = "",
		.check = "",
		.reason = "the test says so",
		.log_error = "" };
	buf_init(&fake_auth.event, 1 << 20);
	list_init(&fake_auth.running);
	struct http_server_config backend = { .on_request = on_bodiless,
		.on_head = on_head,
		.max_body = 1 << 30,
		.half_closed_is_gone = true };
	proxy_world_start(&world.base, &backend, uri, &app);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	proxy_world_stop(&world.base);
	buf_fini(&fake_auth.event);
	return 0;
}

#define UNTIL(condition)                                       \
	do {                                                   \
		while (!(condition)) {                         \
			uv_run(&world.base.loop, UV_RUN_ONCE); \
		}                                              \
	} while (0)

static void begin(const char *request)
{
	proxy_connect(&world.base, &world.client, span_of(request));
}

struct more {
	uv_write_t write;
	bool done;
};

static void on_more(uv_write_t *w, int status)
{
	(void)status;
	((struct more *)w->data)->done = true;
}

/* The bytes and `more` must stay until it is done. */
static void send_more(struct more *more, struct span bytes)
{
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes.ptr, (unsigned)bytes.len);
	*more = (struct more){ 0 };
	more->write.data = more;
	uv_write(&more->write, (uv_stream_t *)&world.client.tcp, &buf, 1, on_more);
}

static const char *answered(void)
{
	UNTIL(world.client.ended);
	return buf_cstr(&world.client.answer);
}

#define POST(path, headers) \
	"POST " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" headers "\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

static void check_answer(const char *status, const char *body)
{
	const char *got = answered();
	if (strncmp(got + strlen("HTTP/1.1 "), status, 3) != 0 ||
		strcmp(strstr(got, "\r\n\r\n") + 4, body) != 0) {
		fail_msg("want %s '%s', got %s", status, body, got);
	}
}

/* --- what is tested ----------------------------------------------------------------------------- */

static void a_body_is_passed_on_as_it_comes(void **state)
{
	(void)state;
	begin(POST("/p", "Content-Length: 8\r\n") "half");
	UNTIL(world.got == 4);
	assert_false(world.ended);
	assert_non_null(strcasestr(world.head, "content-length: 8\n"));
	assert_null(strcasestr(world.head, "transfer-encoding"));
	struct more more;
	send_more(&more, SPAN("half"));
	check_answer("201", "8");
	assert_true(world.ended);
	assert_int_equal(world.base.status, 201);
	client_stop(&world.client);
}

static void chunks_are_passed_on_as_they_come(void **state)
{
	(void)state;
	begin(POST("/p", CHUNKED) "3\r\nabc\r\n");
	UNTIL(world.got == 3);
	assert_non_null(strcasestr(world.head, "transfer-encoding: chunked\n"));
	assert_null(strcasestr(world.head, "content-length"));
	struct more more;
	send_more(&more, SPAN("2\r\nde\r\n0\r\n\r\n"));
	check_answer("201", "5");
	client_stop(&world.client);
}

static void a_slow_backend_slows_the_client(void **state)
{
	(void)state;
	size_t length = 9 << 20;
	char *body = xalloc(length);
	world.mode = HOLDS;
	begin(POST("/p", "Content-Length: 9437184\r\n"));
	UNTIL(world.x);
	struct more more;
	send_more(&more, span_n(body, length));
	/* Until nothing moves any more: the sockets and the buffers between are full. */
	uv_stream_t *tcp = (uv_stream_t *)&world.client.tcp;
	for (size_t before = 0, still = 0; still < 200; still++) {
		uv_run(&world.base.loop, UV_RUN_NOWAIT);
		if (uv_stream_get_write_queue_size(tcp) != before) {
			before = uv_stream_get_write_queue_size(tcp);
			still = 0;
		}
	}
	assert_false(more.done);
	assert_int_equal(world.got, 0);
	http_body_resume(world.x);
	check_answer("201", "9437184");
	client_stop(&world.client);
	free(body);
}

static void a_body_waits_for_the_authorizer(void **state)
{
	(void)state;
	fake_auth.later = true;
	begin(POST("/auth", "Content-Length: 4\r\n") "data");
	check_answer("201", "4");
	client_stop(&world.client);
}

static void a_refused_body_reaches_no_backend(void **state)
{
	(void)state;
	fake_auth.verdict.outcome = AUTH_FORBIDDEN;
	begin(POST("/auth", "Content-Length: 400\r\n") "data");
	check_answer("403", "{\"message\":\"Forbidden\"}");
	assert_string_equal(world.head, "");
	client_stop(&world.client);
}

/* The signature covers the body, and the mapping reads it: both see it whole. */
static void some_bodies_are_kept_until_they_are_whole(void **state)
{
	(void)state;
	static const char *const requests[] = {
		POST("/iam", "Content-Length: 14\r\n") "{\"name\":\"joe\"",
		POST("/mapped", "Content-Length: 14\r\n") "{\"name\":\"joe\"",
	};
	for (size_t i = 0; i < COUNT_OF(requests); i++) {
		world.got = 0;
		world.head[0] = '\0';
		begin(requests[i]);
		for (int turns = 0; turns < 50; turns++) {
			uv_run(&world.base.loop, UV_RUN_NOWAIT);
		}
		assert_string_equal(world.head, "");
		struct more more;
		send_more(&more, SPAN("}"));
		check_answer("201", "14");
		client_stop(&world.client);
	}
	assert_non_null(strcasestr(world.head, "x-name: joe\n"));
}

static void a_client_that_leaves_within_its_body_frees_the_backend(void **state)
{
	(void)state;
	begin(POST("/p", "Content-Length: 8\r\n") "half");
	UNTIL(world.got == 4);
	client_stop(&world.client);
	UNTIL(world.gone);
	assert_false(world.ended);
	assert_int_equal(world.base.status, 0);
}

static void an_answer_may_come_before_the_body_is_whole(void **state)
{
	(void)state;
	world.mode = ANSWERS_AT_ONCE;
	begin(POST("/p", "Content-Length: 8\r\n") "half");
	check_answer("418", "enough");
	assert_non_null(strcasestr(buf_cstr(&world.client.answer), "\r\nconnection: close\r\n"));
	client_stop(&world.client);
}

static void a_backend_that_breaks_within_the_body_is_503(void **state)
{
	(void)state;
	world.mode = BREAKS;
	begin(POST("/p", "Content-Length: 8\r\n") "half");
	UNTIL(world.got);
	struct more more;
	send_more(&more, SPAN("half"));
	check_answer("503", "{\"message\":\"Service Unavailable\"}");
	assert_string_equal(world.base.check, "integration");
	client_stop(&world.client);
}

static void a_body_that_does_not_end_in_time_is_503(void **state)
{
	(void)state;
	begin(POST("/hurry", "Content-Length: 8\r\n") "half");
	check_answer("503", "{\"message\":\"Service Unavailable\"}");
	assert_string_equal(world.base.check, "timeout");
	UNTIL(world.gone);
	client_stop(&world.client);
}

static void a_streamed_body_has_the_limit_of_all(void **state)
{
	(void)state;
	size_t length = 11 << 20;
	struct buf body = BUF_INIT(length + 64);
	buf_addf(&body, "%zx\r\n", (size_t)5 << 20);
	memset(buf_reserve(&body, 5 << 20), 'x', 5 << 20);
	buf_commit(&body, 5 << 20);
	buf_addf(&body, "\r\n%zx\r\n", (size_t)5 << 20 | 1);
	begin(POST("/p", CHUNKED));
	UNTIL(world.x);
	struct more more;
	send_more(&more, buf_span(&body));
	check_answer("413", "{\"message\":\"Request Entity Too Large\"}");
	UNTIL(world.gone);
	assert_false(world.ended);
	client_stop(&world.client);
	buf_fini(&body);
}

/* Whatever the turn of the loop at which all ends, nothing is left and nothing is touched again. */
static void all_may_end_after_any_number_of_turns(void **state)
{
	for (int way = 0; way < 3; way++) {
		for (int turns = 0; turns < 40; turns++) {
			setup(state);
			world.mode = way == 1 ? HOLDS : way == 2 ? ANSWERS_AT_ONCE : TAKES;
			begin(POST("/p", CHUNKED) "3\r\nabc\r\n");
			struct more more = { .done = true };
			for (int i = 0; i < turns; i++) {
				uv_run(&world.base.loop, UV_RUN_NOWAIT);
				if (i == 8 && !world.client.ended) {
					send_more(&more, SPAN("2\r\nde\r\n0\r\n\r\n"));
				}
			}
			if (turns % 2) {
				client_stop(&world.client);
				teardown(state);
			} else {
				gateway_close(world.base.gateway, 0, NULL, NULL);
				client_stop(&world.client);
				world.base.gateway = NULL;
				teardown(state);
			}
		}
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_body_is_passed_on_as_it_comes),
		TEST(chunks_are_passed_on_as_they_come),
		TEST(a_slow_backend_slows_the_client),
		TEST(a_body_waits_for_the_authorizer),
		TEST(a_refused_body_reaches_no_backend),
		TEST(some_bodies_are_kept_until_they_are_whole),
		TEST(a_client_that_leaves_within_its_body_frees_the_backend),
		TEST(an_answer_may_come_before_the_body_is_whole),
		TEST(a_backend_that_breaks_within_the_body_is_503),
		TEST(a_body_that_does_not_end_in_time_is_503),
		TEST(a_streamed_body_has_the_limit_of_all),
		cmocka_unit_test(all_may_end_after_any_number_of_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
