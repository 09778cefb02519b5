/* Reference api-gateway.md 4.1, 4.2 and 4.4, row by row, and what a handler must not be able to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "emulator/gateway/reply.h"
#include "proxy/base/alloc.h"

/* The answer as text: "200|Name: value|...||body", or "500" with the reason in err. */
static void show(struct buf *out, struct span payload, bool v2, struct err *err)
{
	struct arena *a = arena_create();
	struct buf scratch = BUF_INIT(1 << 20);
	struct reply r;
	reply_init(&r, a);
	if (reply_from_lambda(&r, payload, v2, &scratch, err)) {
		buf_add_str(out, "500");
	} else {
		buf_addf(out, "%d|", r.status);
		for (size_t i = 0; i < r.n_headers; i++) {
			buf_addf(out, "%.*s: %.*s|", SPAN_ARG(r.headers[i].name),
				SPAN_ARG(r.headers[i].value));
		}
		buf_add_char(out, '|');
		buf_add_span(out, r.body);
	}
	buf_fini(&scratch);
	arena_destroy(a);
}

#define AS_JSON "200|Content-Type: application/json||"
#define AS_TEXT "200|Content-Type: text/plain; charset=utf-8||"

static const struct {
	bool v1;
	const char *payload, *want;
} rows[] = {
	/* 4.1: inferred */
	{ false, "{\"a\":1}", AS_JSON "{\"a\":1}" },
	{ false, "\"Hello, World!\"", AS_JSON "Hello, World!" },
	{ false, "\"a\\\"b\\n\\u00e9\\ud83d\\ude00\\ud800\"",
		AS_JSON "a\"b\n\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd" },
	{ false, "\"\"", AS_JSON "" },
	{ false, "42", AS_JSON "42" },
	{ false, "true", AS_JSON "true" },
	{ false, "[1,2]", AS_JSON "[1,2]" },
	{ false, "null", AS_JSON "null" },
	{ false, "", AS_JSON "" },
	{ false, "not JSON", AS_JSON "not JSON" },
	{ false, "{\"statusCode\":200", AS_JSON "{\"statusCode\":200" },
	{ false, "{\"statusCode\":200}x", AS_JSON "{\"statusCode\":200}x" },
	{ false, "{\"body\":\"x\",\"headers\":{}}", AS_JSON "{\"body\":\"x\",\"headers\":{}}" },
	{ false, "[{\"statusCode\":200}]", AS_JSON "[{\"statusCode\":200}]" },
	/* 4.1: structured */
	{ false, "{\"statusCode\":200}", AS_TEXT "" },
	{ false, " {\"body\":\"x\",\n\"statusCode\" : 201 , \"other\":{\"body\":[]}} ",
		"201|Content-Type: text/plain; charset=utf-8||x" },
	{ false, "{\"statusCode\":\"200\",\"body\":\"x\"}", AS_TEXT "x" },
	{ false, "{\"statusCode\":200.0}", AS_TEXT "" },
	{ false, "{\"statusCode\":0}", "500" },
	{ false, "{\"statusCode\":200.5}", "500" },
	{ false, "{\"statusCode\":-200}", "500" },
	{ false, "{\"statusCode\":100}", "500" },
	{ false, "{\"statusCode\":199}", "500" },
	{ false, "{\"statusCode\":600}", "500" },
	{ false, "{\"statusCode\":599}", "599|Content-Type: text/plain; charset=utf-8||" },
	{ false, "{\"statusCode\":\"abc\"}", "500" },
	{ false, "{\"statusCode\":\"\"}", "500" },
	{ false, "{\"statusCode\":null}", "500" },
	{ false, "{\"statusCode\":1e400}", "500" },
	{ false, "{\"statusCode\":204}", "204||" },
	{ false, "{\"statusCode\":204,\"body\":\"x\"}", "204||" },
	{ false, "{\"statusCode\":304}", "304||" },
	{ false, "{\"statusCode\":200,\"body\":null}", AS_TEXT "" },
	{ false, "{\"statusCode\":200,\"body\":{\"a\":1}}", "500" },
	{ false, "{\"statusCode\":200,\"body\":[1]}", "500" },
	{ false, "{\"statusCode\":200,\"body\":1}", "500" },
	{ false, "{\"statusCode\":200,\"body\":\"aGk=\",\"isBase64Encoded\":true}", AS_TEXT "hi" },
	{ false, "{\"statusCode\":200,\"body\":\"aGk=\",\"isBase64Encoded\":\"true\"}",
		AS_TEXT "hi" },
	{ false, "{\"statusCode\":200,\"body\":\"Pz8\\/\",\"isBase64Encoded\":true}",
		AS_TEXT "???" },
	{ false, "{\"statusCode\":200,\"body\":\"aGk=\",\"isBase64Encoded\":false}",
		AS_TEXT "aGk=" },
	{ false, "{\"statusCode\":200,\"body\":\"!\",\"isBase64Encoded\":true}", "500" },
	{ false, "{\"statusCode\":200,\"body\":\"\",\"isBase64Encoded\":true}", AS_TEXT "" },
	/* headers */
	{ false, "{\"statusCode\":200,\"headers\":{\"content-type\":\"text/html\"},\"body\":\"x\"}",
		"200|Content-Type: text/html||x" },
	{ false, "{\"statusCode\":204,\"headers\":{\"myheader\":\"v\",\"x-API-key\":\" a, b \"}}",
		"204|Myheader: v|X-Api-Key: a, b||" },
	{ false, "{\"statusCode\":204,\"headers\":{\"a\":1.5,\"b\":true,\"c\":false}}",
		"204|A: 1.5|B: true|C: false||" },
	{ false, "{\"statusCode\":204,\"headers\":{\"a\":null}}", "204||" },
	{ false, "{\"statusCode\":204,\"headers\":null}", "204||" },
	{ false, "{\"statusCode\":204,\"headers\":{\"a\":[\"b\"]}}", "500" },
	{ false, "{\"statusCode\":204,\"headers\":{\"a\":{}}}", "500" },
	{ false, "{\"statusCode\":204,\"headers\":[]}", "500" },
	{ false, "{\"statusCode\":204,\"headers\":\"a: b\"}", "500" },
	{ false, "{\"statusCode\":204,\"multiValueHeaders\":{\"a\":[\"b\"]}}", "204||" },
	{ false,
		"{\"statusCode\":204,\"cookies\":[\"a=1; Path=/\",\"b=2\"],"
		"\"headers\":{\"set-cookie\":\"c=3\"}}",
		"204|Set-Cookie: a=1; Path=/|Set-Cookie: b=2|Set-Cookie: c=3||" },
	{ false, "{\"statusCode\":204,\"headers\":{\"set-cookie\":\"c=3\"},\"cookies\":[\"a=1\"]}",
		"204|Set-Cookie: a=1|Set-Cookie: c=3||" },
	{ false, "{\"statusCode\":204,\"cookies\":null}", "204||" },
	{ false, "{\"statusCode\":204,\"cookies\":\"a=1\"}", "500" },
	{ false, "{\"statusCode\":204,\"cookies\":[1]}", "500" },
	/* 4.4: what belongs to the connection or to the gateway */
	{ false,
		"{\"statusCode\":204,\"headers\":{\"Connection\":\"x\",\"transfer-encoding\":\"x\","
		"\"Keep-Alive\":\"x\",\"content-length\":9,\"Date\":\"x\",\"Apigw-Requestid\":"
		"\"x\","
		"\"Upgrade\":\"x\",\"TE\":\"x\",\"Trailer\":\"x\",\"a\":\"b\"}}",
		"204|A: b||" },
	{ false,
		"{\"statusCode\":204,\"headers\":{\"Proxy-Connection\":\"x\",\"Trailers\":\"x\","
		"\"Expect\":\"x\",\"Tee\":\"b\"}}",
		"204|Tee: b||" },
	/* no header can be forged */
	{ false, "{\"statusCode\":204,\"headers\":{\"a\":\"b\\r\\nEvil: 1\"}}", "500" },
	{ false, "{\"statusCode\":204,\"headers\":{\"a\":\"b\\nEvil: 1\"}}", "500" },
	{ false, "{\"statusCode\":204,\"headers\":{\"a\":\"b\\u0000\"}}", "500" },
	{ false, "{\"statusCode\":204,\"headers\":{\"a\\r\\nEvil\":\"1\"}}", "500" },
	{ false, "{\"statusCode\":204,\"headers\":{\"a b\":\"1\"}}", "500" },
	{ false, "{\"statusCode\":204,\"headers\":{\"a:\":\"1\"}}", "500" },
	{ false, "{\"statusCode\":204,\"headers\":{\"\":\"1\"}}", "500" },
	{ false, "{\"statusCode\":204,\"cookies\":[\"a=1\\r\\nEvil: 1\"]}", "500" },
	{ false, "{\"statusCode\":204,\"headers\":{\"a\":\"b\\tc\"}}", "204|A: b\tc||" },
	/* of repeated members the last one counts; escaped names are names */
	{ false, "{\"statusCode\":500,\"statusCode\":200,\"b\\u006fdy\":\"x\"}", AS_TEXT "x" },
	/* 4.2: payload 1.0 */
	{ true, "{\"statusCode\":200,\"body\":\"x\"}", AS_TEXT "x" },
	{ true, "\"Hello\"", "500" },
	{ true, "[1]", "500" },
	{ true, "{\"a\":1}", "500" },
	{ true, "{\"body\":\"x\"}", "500" },
	{ true, "not JSON", "500" },
	{ true, "null", "500" },
	{ true,
		"{\"statusCode\":204,\"multiValueHeaders\":{\"a\":[\"m1\",2]},\"headers\":{\"a\":"
		"\"s\"}}",
		"204|A: s|A: m1|A: 2||" },
	{ true, "{\"statusCode\":204,\"multiValueHeaders\":{\"a\":\"m1\"}}", "500" },
	{ true, "{\"statusCode\":204,\"multiValueHeaders\":{\"a\":[\"x\\ny\"]}}", "500" },
	{ true, "{\"statusCode\":204,\"multiValueHeaders\":null}", "204||" },
	{ true, "{\"statusCode\":204,\"cookies\":[\"a=1\"]}", "204||" },
};

static void results_are_mapped(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = ERR_INIT;
		struct buf got = BUF_INIT(1 << 20);
		show(&got, span_of(rows[i].payload), !rows[i].v1, &err);
		if (strcmp(buf_cstr(&got), rows[i].want) != 0) {
			fail_msg("%s (payload %s)\nwant %s\ngot  %s", rows[i].payload,
				rows[i].v1 ? "1.0" : "2.0", rows[i].want, buf_cstr(&got));
		}
		assert_int_equal(strcmp(rows[i].want, "500") == 0, err.code != ERR_NONE);
		buf_fini(&got);
	}
}

static void bodies_may_hold_nul(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct buf got = BUF_INIT(1 << 20);
	show(&got, SPAN("{\"statusCode\":200,\"body\":\"a\\u0000b\"}"), true, &err);
	assert_true(span_eq(buf_span(&got), SPAN(AS_TEXT "a\0b")));
	buf_fini(&got);
}

static void a_body_that_is_too_large_is_no_answer(void **state)
{
	(void)state;
	static const char *const payloads[] = { "\"abc\\n\"",
		"{\"statusCode\":200,\"body\":\"abc\\n\"}",
		"{\"statusCode\":200,\"body\":\"YWJjZA==\",\"isBase64Encoded\":true}" };
	for (size_t i = 0; i < COUNT_OF(payloads); i++) {
		struct arena *a = arena_create();
		struct buf scratch = BUF_INIT(3);
		struct reply r;
		struct err err = ERR_INIT;
		reply_init(&r, a);
		assert_int_not_equal(
			reply_from_lambda(&r, span_of(payloads[i]), true, &scratch, &err), 0);
		buf_fini(&scratch);
		arena_destroy(a);
	}
}

static void deep_nesting_is_no_recursion(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct buf payload = BUF_INIT(1 << 20), got = BUF_INIT(1 << 21);
	buf_add_str(&payload, "{\"statusCode\":200,\"x\":");
	for (int i = 0; i < 100000; i++) {
		buf_add_char(&payload, '[');
	}
	show(&got, buf_span(&payload), false, &err);
	assert_string_equal(buf_cstr(&got), "500");
	buf_fini(&payload);
	buf_fini(&got);
}

static void errors_have_the_services_bodies(void **state)
{
	(void)state;
	static const struct {
		int status;
		const char *body;
	} errors[] = {
		{ 400, "{\"message\":\"Bad Request\"}" },
		{ 401, "{\"message\":\"Unauthorized\"}" },
		{ 403, "{\"message\":\"Forbidden\"}" },
		{ 404, "{\"message\":\"Not Found\"}" },
		{ 413, "{\"message\":\"Request Entity Too Large\"}" },
		{ 414, "{\"message\":\"Request URI too long\"}" },
		{ 429, "{\"message\":\"Too Many Requests\"}" },
		{ 431, "{\"message\":\"Request Header Fields Too Large\"}" },
		{ 500, "{\"message\":\"Internal Server Error\"}" },
		{ 503, "{\"message\":\"Service Unavailable\"}" },
	};
	struct arena *a = arena_create();
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		struct reply r;
		reply_init(&r, a);
		reply_header(&r, SPAN("Half"), SPAN("made"));
		reply_error(&r, errors[i].status);
		assert_int_equal(r.status, errors[i].status);
		assert_int_equal(r.n_headers, 1);
		assert_true(span_iis(r.headers[0].name, "content-type"));
		assert_true(span_is(r.headers[0].value, "application/json"));
		assert_true(span_is(r.body, errors[i].body));
	}
	assert_int_equal(reply_error_body(404).len, 23);
	assert_int_equal(reply_error_body(401).len, 26);
	assert_int_equal(reply_error_body(500).len, 35);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_are_mapped),
		cmocka_unit_test(bodies_may_hold_nul),
		cmocka_unit_test(a_body_that_is_too_large_is_no_answer),
		cmocka_unit_test(deep_nesting_is_no_recursion),
		cmocka_unit_test(errors_have_the_services_bodies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
