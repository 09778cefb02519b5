/* HTTP integrations: the gateway between a client of bytes and a backend that the test scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proxy_world.h"

enum backend {
	PLAIN,
	NO_CONTENT,
	STREAM,
	BREAKS,
	SILENT
};

static char uri[64], dead_uri[64];
static struct model_integration proxy = {
	.type = MODEL_HTTP_PROXY, .uri = uri, .method = "ANY", .timeout_ms = 30000
};
static struct model_integration dead = {
	.type = MODEL_HTTP_PROXY, .uri = dead_uri, .method = "ANY", .timeout_ms = 30000
};
static struct model_integration hurry = {
	.type = MODEL_HTTP_PROXY, .uri = uri, .method = "ANY", .timeout_ms = 50
};
static struct model_route routes[] = {
	{ .key = "ANY /p", .method = "ANY", .path = "/p", .integration = &proxy },
	{ .key = "GET /dead", .method = "GET", .path = "/dead", .integration = &dead },
	{ .key = "GET /hurry", .method = "GET", .path = "/hurry", .integration = &hurry },
};
static struct model_stage stage = { .name = "$default",
	.access_log_format = "$context.status "
			     "$context.responseLength" };
static struct model_api api = PROXY_API(routes, &stage);
static const struct model app = PROXY_APP(&api);

static struct {
	struct proxy_world base;
	enum backend mode;
	unsigned asked, gone;
	struct buf seen; /* what the backend got */
} world;

static void backend_gone(void *ctx)
{
	(void)ctx;
	world.gone++;
}

#define PIECES 64

static void on_backend_request(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	const struct http_request *r = http_request(x);
	world.asked++;
	buf_clear(&world.seen);
	buf_addf(&world.seen, "%.*s %.*s\n", SPAN_ARG(r->method), SPAN_ARG(r->target));
	for (size_t i = 0; i < r->n_headers; i++) {
		buf_addf(&world.seen, "%.*s: %.*s\n", SPAN_ARG(r->headers[i].name),
			SPAN_ARG(r->headers[i].value));
	}
	buf_addf(&world.seen, "\n%.*s", SPAN_ARG(r->body));
	const struct http_header headers[] = { { SPAN("x-from"), SPAN("backend") },
		{ SPAN("keep-alive"), SPAN("timeout=5") }, { SPAN("set-cookie"), SPAN("a=1") },
		{ SPAN("set-cookie"), SPAN("b=2") } };
	struct http_reply reply = { 418, headers, COUNT_OF(headers), SPAN("teapot") };
	static char piece[16384];
	memset(piece, 'z', sizeof piece);
	switch (world.mode) {
	case PLAIN:
		http_reply(x, &reply);
		break;
	case NO_CONTENT:
		reply.status = 204;
		http_reply(x, &reply);
		break;
	case STREAM:
		http_reply_begin(x, &reply, -1);
		for (int i = 0; i < PIECES; i++) {
			http_reply_write(x, span_n(piece, sizeof piece));
		}
		http_reply_end(x);
		break;
	case BREAKS:
		http_reply_begin(x, &reply, 100);
		http_reply_write(x, SPAN("half"));
		http_reply_end(x);
		break;
	case SILENT:
		http_on_gone(x, backend_gone, NULL);
		break;
	}
}

static int setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof world);
	buf_init(&world.seen, 1 << 20);
	struct http_server_config backend = { .on_request = on_backend_request,
		.half_closed_is_gone = true };
	/* A port that was free a moment ago and that nothing listens on. */
	struct err err = ERR_INIT;
	uv_loop_t *loop = &world.base.loop;
	proxy_world_start(&world.base, &backend, uri, &app);
	struct http_server *brief = http_server_open(loop, "127.0.0.1", 0, &backend, &err);
	snprintf(dead_uri, sizeof dead_uri, "http://127.0.0.1:%u/", http_server_port(brief));
	http_server_close(brief, 0, NULL, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	proxy_world_stop(&world.base);
	buf_fini(&world.seen);
	return 0;
}

static char *ask(const char *line, const char *rest)
{
	char *request = xasprintf(
		"%s HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n%s", line, rest);
	struct client c;
	proxy_connect(&world.base, &c, span_of(request));
	while (!c.ended) {
		uv_run(&world.base.loop, UV_RUN_ONCE);
	}
	char *answer = xstrndup(c.answer.ptr ? c.answer.ptr : "", c.answer.len);
	client_stop(&c);
	free(request);
	return answer;
}

static const char *body_of(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");
	return end ? end + 4 : "";
}

static void answers_come_back(void **state)
{
	(void)state;
	AUTO_FREE char *answer = ask("POST /p?a=%20", "X-A: 1\r\nContent-Length: 4\r\n\r\ndata");
	assert_int_equal(strncmp(answer, "HTTP/1.1 418 ", 13), 0);
	assert_string_equal(body_of(answer), "teapot");
	assert_non_null(strstr(answer, "\r\nX-From: backend\r\n"));
	assert_non_null(strstr(answer, "\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"));
	assert_non_null(strcasestr(answer, "\r\napigw-requestid: "));
	assert_non_null(strcasestr(answer, "\r\ncontent-length: 6\r\n"));
	assert_null(strcasestr(answer, "keep-alive"));
	const char *seen = buf_cstr(&world.seen);
	assert_int_equal(strncmp(seen, "POST /back?a=%20\n", 17), 0);
	assert_non_null(strcasestr(seen, "\nx-a: 1\n"));
	assert_non_null(
		strcasestr(seen, "\nforwarded: by=127.0.0.1;for=127.0.0.1;host=api.example.com;"
				 "proto=https\n"));
	assert_non_null(strstr(seen, "\n\ndata"));
	assert_int_equal(world.base.status, 418);
	assert_string_equal(world.base.log, "418 6");
}

static void head_and_204_have_no_body(void **state)
{
	(void)state;
	AUTO_FREE char *head = ask("HEAD /p", "\r\n");
	assert_int_equal(strncmp(head, "HTTP/1.1 418 ", 13), 0);
	assert_string_equal(body_of(head), "");
	assert_int_equal(strncmp(buf_cstr(&world.seen), "HEAD /back\n", 11), 0);
	world.mode = NO_CONTENT;
	AUTO_FREE char *none = ask("GET /p", "\r\n");
	assert_int_equal(strncmp(none, "HTTP/1.1 204 ", 13), 0);
	assert_string_equal(body_of(none), "");
	assert_null(strcasestr(none, "transfer-encoding"));
}

static void streams_are_passed_piece_by_piece(void **state)
{
	(void)state;
	world.mode = STREAM;
	AUTO_FREE char *answer = ask("GET /p", "\r\n");
	assert_non_null(strcasestr(answer, "\r\ntransfer-encoding: chunked\r\n"));
	size_t n = 0;
	for (const char *p = body_of(answer); *p; p++) {
		n += *p == 'z';
	}
	assert_int_equal(n, PIECES * 16384);
	assert_string_equal(answer + strlen(answer) - 5, "0\r\n\r\n");
	assert_string_equal(world.base.log, "418 1048576");
}

static void check_503(const char *answer, const char *check)
{
	assert_int_equal(strncmp(answer, "HTTP/1.1 503 ", 13), 0);
	assert_string_equal(body_of(answer), "{\"message\":\"Service Unavailable\"}");
	assert_non_null(strcasestr(answer, "\r\napigw-requestid: "));
	assert_string_equal(world.base.check, check);
}

static void an_unreachable_backend_is_503(void **state)
{
	(void)state;
	AUTO_FREE char *answer = ask("GET /dead", "\r\n");
	check_503(answer, "integration");
}

static void a_slow_backend_is_503(void **state)
{
	(void)state;
	world.mode = SILENT;
	AUTO_FREE char *answer = ask("GET /hurry", "\r\n");
	check_503(answer, "timeout");
}

static void a_broken_answer_breaks_the_connection(void **state)
{
	(void)state;
	world.mode = BREAKS;
	AUTO_FREE char *answer = ask("GET /p", "\r\n");
	assert_int_not_equal(strlen(body_of(answer)), 100);
	assert_string_equal(world.base.check, "integration");
}

static void a_client_that_leaves_frees_the_backend(void **state)
{
	(void)state;
	static const char request[] = "GET /p HTTP/1.1\r\nHost: a\r\n\r\n";
	world.mode = SILENT;
	struct client c;
	proxy_connect(&world.base, &c, span_n(request, sizeof request - 1));
	while (!world.asked) {
		uv_run(&world.base.loop, UV_RUN_ONCE);
	}
	client_stop(&c);
	while (!world.gone) {
		uv_run(&world.base.loop, UV_RUN_ONCE);
	}
	assert_int_equal(world.base.status, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_come_back),
		TEST(head_and_204_have_no_body),
		TEST(streams_are_passed_piece_by_piece),
		TEST(an_unreachable_backend_is_503),
		TEST(a_slow_backend_is_503),
		TEST(a_broken_answer_breaks_the_connection),
		TEST(a_client_that_leaves_frees_the_backend),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
