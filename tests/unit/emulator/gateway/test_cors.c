/* Reference api-gateway.md section 9, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "emulator/gateway/cors.h"
#include "gateway_request.h"
#include "proxy/base/alloc.h"

static const char *one[] = { "https://app.example.com" };
static const char *two[] = { "https://app.example.com", "http://localhost:3000" };
static const char *any[] = { "*" };
static const char *secure[] = { "https://*" };
static const char *methods[] = { "GET", "POST" };
static const char *headers[] = { "authorization", "x-a" };
static const char *exposed[] = { "x-total", "date" };

#define LIST(array)                    \
	{                              \
		array, COUNT_OF(array) \
	}

#define ORIGIN "Origin: https://app.example.com\n"
#define EVIL "Origin: https://evil.example.com\n"
#define ASKS "Access-Control-Request-Method: POST\n"
#define ALLOW "access-control-allow-origin: https://app.example.com|"
#define VARY "vary: origin|"

enum config {
	ONE,
	TWO,
	ANY,
	SECURE,
	FULL
};

static const struct model_cors configs[] = {
	[ONE] = { .allow_origins = LIST(one), .max_age = -1 },
	[TWO] = { .allow_origins = LIST(two), .max_age = -1 },
	[ANY] = { .allow_origins = LIST(any), .allow_methods = LIST(any), .max_age = -1 },
	[SECURE] = { .allow_origins = LIST(secure), .max_age = -1 },
	[FULL] = { LIST(two), LIST(methods), LIST(headers), LIST(exposed), true, 300 },
};

static const struct {
	enum config config;
	const char *method, *head, *want;
} rows[] = {
	/* actual requests; the integration said access-control-allow-origin and x-a */
	{ ONE, "GET", "", "X-A: 1|" },
	{ ONE, "GET", ORIGIN, "X-A: 1|" VARY ALLOW },
	{ ONE, "GET", EVIL, "X-A: 1|" VARY },
	{ ONE, "GET", "Origin: https://APP.example.com\n", "X-A: 1|" VARY },
	{ ONE, "GET", "Origin: https://app.example.com.evil.org\n", "X-A: 1|" VARY },
	{ TWO, "GET", "Origin: http://localhost:3000\n",
		"X-A: 1|" VARY "access-control-allow-origin: http://localhost:3000|" },
	{ ANY, "GET", EVIL, "X-A: 1|access-control-allow-origin: *|" },
	{ SECURE, "GET", ORIGIN, "X-A: 1|" VARY ALLOW },
	{ SECURE, "GET", "Origin: http://app.example.com\n", "X-A: 1|" VARY },
	{ SECURE, "GET", "Origin: https://\n", "X-A: 1|" VARY },
	{ FULL, "GET", ORIGIN,
		"X-A: 1|" VARY ALLOW "access-control-allow-credentials: true|"
		"access-control-expose-headers: x-total,date|" },
	{ FULL, "OPTIONS", ORIGIN,
		"X-A: 1|" VARY ALLOW "access-control-allow-credentials: true|"
		"access-control-expose-headers: x-total,date|" },
	/* preflights */
	{ FULL, "OPTIONS", ORIGIN ASKS,
		"X-A: 1|" VARY ALLOW "access-control-allow-credentials: true|"
		"access-control-allow-methods: GET,POST|"
		"access-control-allow-headers: authorization,x-a|access-control-max-age: 300|" },
	{ FULL, "OPTIONS", EVIL ASKS, "X-A: 1|" VARY },
	{ ANY, "OPTIONS", EVIL ASKS,
		"X-A: 1|access-control-allow-origin: *|access-control-allow-methods: *|" },
};

static void headers_follow_the_configuration(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena *a = arena_create();
		struct reply r;
		reply_init(&r, a);
		reply_header(&r, SPAN("Access-Control-Allow-Origin"), SPAN("https://mine"));
		reply_header(&r, SPAN("X-A"), SPAN("1"));
		reply_header(&r, SPAN("Access-Control-Allow-Methods"), SPAN("PUT"));
		cors_apply(&configs[rows[i].config],
			make_request(a, rows[i].method, "/", rows[i].head, ""), &r);
		struct buf got = BUF_INIT(4096);
		for (size_t k = 0; k < r.n_headers; k++) {
			buf_addf(&got, "%.*s: %.*s|", SPAN_ARG(r.headers[k].name),
				SPAN_ARG(r.headers[k].value));
		}
		if (strcmp(buf_cstr(&got), rows[i].want) != 0) {
			fail_msg("row %zu\nwant %s\ngot  %s", i, rows[i].want, buf_cstr(&got));
		}
		buf_fini(&got);
		arena_destroy(a);
	}
}

static void a_preflight_has_both_headers(void **state)
{
	(void)state;
	struct arena *a = arena_create();
	assert_true(cors_is_preflight(make_request(a, "OPTIONS", "/", ORIGIN ASKS, "")));
	assert_false(cors_is_preflight(make_request(a, "OPTIONS", "/", ORIGIN, "")));
	assert_false(cors_is_preflight(make_request(a, "OPTIONS", "/", ASKS, "")));
	assert_false(cors_is_preflight(make_request(a, "POST", "/", ORIGIN ASKS, "")));
	arena_destroy(a);
}

static void credentials_with_any_origin_are_refused(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct model_cors bad = configs[ANY];
	bad.allow_credentials = true;
	assert_int_not_equal(cors_check(&bad, &err), 0);
	assert_string_equal(err.msg, "allow-credentials is not supported if 'allow-origin' is *");
	assert_int_equal(cors_check(&configs[FULL], &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_follow_the_configuration),
		cmocka_unit_test(a_preflight_has_both_headers),
		cmocka_unit_test(credentials_with_any_origin_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
