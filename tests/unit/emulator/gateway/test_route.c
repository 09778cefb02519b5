/* Reference api-gateway.md section 1, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "emulator/gateway/route.h"
#include "emulator/gateway/route_key.h"
#include "proxy/base/alloc.h"

#define MAX_KEYS 8

static struct model_api api_of(struct arena *a, const char *const *keys, size_t n)
{
	struct model_api api = { .logical_id = "Api", .n_routes = n };
	api.routes = arena_alloc(a, (n + 1) * sizeof *api.routes);
	for (size_t i = 0; i < n; i++) {
		struct span rest = span_of(keys[i]);
		struct span method = span_cut(&rest, ' ');
		bool plain = rest.ptr;
		api.routes[i].key = keys[i];
		api.routes[i].method = plain ? arena_strndup(a, method.ptr, method.len) : "";
		api.routes[i].path = plain ? rest.ptr : "";
	}
	return api;
}

static size_t count(const char *const *keys)
{
	size_t n = 0;
	while (n < MAX_KEYS && keys[n]) {
		n++;
	}
	return n;
}

static void check(const char *const *keys, const char *method, const char *path, const char *want)
{
	struct arena *a = arena_create();
	struct model_api api = api_of(a, keys, count(keys));
	struct err err = ERR_INIT;
	struct route_table *t = route_table_create(&api, &err);
	assert_non_null(t);
	struct route_match m;
	bool found = route_match(t, span_of(method), span_of(path), &m);
	if (want && (!found || strcmp(m.route->key, want) != 0)) {
		fail_msg("%s %s: want '%s', got '%s'", method, path, want,
			found ? m.route->key : "no match");
	} else if (!want && found) {
		fail_msg("%s %s: want no match, got '%s'", method, path, m.route->key);
	}
	route_table_destroy(t);
	arena_destroy(a);
}

struct row {
	const char *keys[MAX_KEYS];
	const char *method, *path, *want;
};

#define PETS                                                                                    \
	{                                                                                       \
		"GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", \
			"$default"                                                              \
	}

static const struct row rows[] = {
	/* 1.3, the documented example */
	{ PETS, "GET", "/pets/dog/1", "GET /pets/dog/1" },
	{ PETS, "GET", "/pets/dog/2", "GET /pets/dog/{id}" },
	{ PETS, "GET", "/pets/cat/1", "GET /pets/{proxy+}" },
	{ PETS, "POST", "/test/5", "ANY /{proxy+}" },
	{ PETS, "POST", "/pets/dog/1", "ANY /{proxy+}" },
	{ { "GET /a", "$default" }, "POST", "/b", "$default" },
	{ { "GET /a", "$default" }, "POST", "/a", "$default" },
	{ { "GET /a" }, "POST", "/a", NULL },
	{ { "GET /a" }, "GET", "/b", NULL },
	/* 1.3, special cases */
	{ { "ANY /{proxy+}" }, "GET", "/", "ANY /{proxy+}" },
	{ { "GET /pe/{proxy+}", "ANY /{proxy+}" }, "GET", "/pe", "ANY /{proxy+}" },
	{ { "GET /pe/{proxy+}", "ANY /{proxy+}" }, "GET", "/pe/", "GET /pe/{proxy+}" },
	{ { "GET /resource/{id}/{proxy+}" }, "GET", "/resource/123", NULL },
	{ { "GET /hello" }, "GET", "/hello/", NULL },
	{ { "GET /hello", "$default" }, "GET", "/hello/", "$default" },
	{ { "GET /hello" }, "GET", "//hello", NULL },
	{ { "GET /" }, "GET", "/", "GET /" },
	{ { "GET /" }, "GET", "/x", NULL },
	/* tie-breaks: literal segments, later greedy, method before ANY, path before method */
	{ { "GET /a/{x}/{y}", "GET /{z}/b/c" }, "GET", "/a/b/c", "GET /{z}/b/c" },
	{ { "GET /{z}/b/{y}", "GET /a/{x}/c" }, "GET", "/a/b/c", "GET /a/{x}/c" },
	{ { "GET /a/{p+}", "GET /{x}/{y}/{p+}" }, "GET", "/a/b/c", "GET /a/{p+}" },
	{ { "GET /{p+}", "GET /{x}/{p+}" }, "GET", "/a/b", "GET /{x}/{p+}" },
	{ { "GET /a/{x}/{y}/{p+}", "GET /{z}/b/{p+}" }, "GET", "/a/b/c/d", "GET /a/{x}/{y}/{p+}" },
	{ { "GET /a/{p+}", "GET /{x}/{y}" }, "GET", "/a/b", "GET /{x}/{y}" },
	{ { "ANY /a", "GET /a" }, "GET", "/a", "GET /a" },
	{ { "ANY /a", "GET /a" }, "PUT", "/a", "ANY /a" },
	{ { "ANY /pets/dog", "GET /pets/{x}" }, "GET", "/pets/dog", "ANY /pets/dog" },
	{ { "POST /pets/dog", "GET /pets/{x}" }, "GET", "/pets/dog", "GET /pets/{x}" },
	{ { "GET /a/{p+}", "ANY /{p+}" }, "POST", "/a/b", "ANY /{p+}" },
	/* methods and case */
	{ { "GET /a" }, "HEAD", "/a", NULL },
	{ { "HEAD /a", "GET /a" }, "HEAD", "/a", "HEAD /a" },
	{ { "OPTIONS /a" }, "OPTIONS", "/a", "OPTIONS /a" },
	{ { "ANY /a" }, "OPTIONS", "/a", "ANY /a" },
	{ { "ANY /a" }, "TRACE", "/a", "ANY /a" },
	{ { "GET /a" }, "GET", "/A", NULL },
	{ { "GET /a" }, "get", "/a", NULL },
	/* parameters are whole, non-empty segments; encoding */
	{ { "GET /a/{x}" }, "GET", "/a/", NULL },
	{ { "GET /a/{x}/b" }, "GET", "/a//b", NULL },
	{ { "GET /a/{x}" }, "GET", "/a/b%2Fc", "GET /a/{x}" },
	{ { "GET /a/b" }, "GET", "/a%2Fb", NULL },
	{ { "GET /caf\xc3\xa9" }, "GET", "/caf%C3%A9", "GET /caf\xc3\xa9" },
	{ { "GET /a/.." }, "GET", "/a/..", "GET /a/.." },
	{ { "GET /a" }, "GET", "/x/../a", NULL },
	{ { "GET /a" }, "OPTIONS", "*", NULL },
};

static void selects_by_priority(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check(rows[i].keys, rows[i].method, rows[i].path, rows[i].want);
	}
}

static void captures_parameters(void **state)
{
	(void)state;
	static const char *const keys[] = { "GET /u/{user}/o/{order}", "POST /u/{id}/o/{n}",
		"GET /f/{proxy+}" };
	static const struct {
		const char *method, *path, *names, *values;
	} cases[] = {
		{ "GET", "/u/jane%20doe/o/7", "user,order,", "jane%20doe,7," },
		{ "POST", "/u/1/o/2", "id,n,", "1,2," },
		{ "GET", "/f/a/b//c/", "proxy,", "a/b//c/," },
		{ "GET", "/f/", "proxy,", "," },
	};
	struct arena *a = arena_create();
	struct model_api api = api_of(a, keys, COUNT_OF(keys));
	struct route_table *t = route_table_create(&api, NULL);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct route_match m;
		assert_true(route_match(t, span_of(cases[i].method), span_of(cases[i].path), &m));
		struct buf names = BUF_INIT(1024), values = BUF_INIT(1024);
		for (size_t k = 0; k < m.n_params; k++) {
			buf_addf(&names, "%s,", m.params[k].name);
			buf_addf(&values, "%.*s,", SPAN_ARG(m.params[k].value));
		}
		assert_string_equal(buf_cstr(&names), cases[i].names);
		assert_string_equal(buf_cstr(&values), cases[i].values);
		buf_fini(&names);
		buf_fini(&values);
	}
	route_table_destroy(t);
	arena_destroy(a);
}

static void refuses_bad_keys(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "GET", "GET ", "GET a", "FETCH /a", "get /a",
		"GET /a/", "GET /a{x}", "GET /{x", "GET /{}", "GET /{+}", "GET /{a+}/b",
		"GET /{a}{b}", "$other", "GET  /a" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct span method, path;
		struct err err = ERR_INIT;
		if (!route_key_parse(span_of(bad[i]), &method, &path, &err)) {
			fail_msg("'%s' was taken", bad[i]);
		}
		assert_non_null(strstr(err.msg, bad[i]));
	}
	static const char *const twice[] = { "GET /a", "GET /b", "GET /a" };
	struct arena *a = arena_create();
	struct model_api api = api_of(a, twice, COUNT_OF(twice));
	struct err err = ERR_INIT;
	assert_null(route_table_create(&api, &err));
	assert_string_equal(err.msg, "API 'Api': route 'GET /a' is declared twice");
	arena_destroy(a);
}

static void selects_the_stage_first(void **state)
{
	(void)state;
	struct model_stage stages[] = { { .name = "dev" }, { .name = "$default" } };
	struct model_api api = { .stages = stages, .n_stages = 2 };
	static const struct {
		const char *path, *stage, *rest;
	} cases[] = {
		{ "/dev/a/b", "dev", "/a/b" },
		{ "/dev/", "dev", "/" },
		{ "/dev", "dev", "/" },
		{ "/devx/a", "$default", "/devx/a" },
		{ "/Dev/a", "$default", "/Dev/a" },
		{ "/$default/a", "$default", "/$default/a" },
		{ "/", "$default", "/" },
		{ "*", "$default", "*" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct span rest;
		const struct model_stage *s = route_stage(&api, span_of(cases[i].path), &rest);
		assert_string_equal(s->name, cases[i].stage);
		assert_true(span_is(rest, cases[i].rest));
	}
	struct span rest;
	api.n_stages = 1;
	assert_null(route_stage(&api, SPAN("/a"), &rest));
}

static unsigned steps_among(size_t n, const char *path)
{
	struct arena *a = arena_create();
	const char **keys = arena_alloc(a, n * sizeof *keys);
	for (size_t i = 0; i < n; i++) {
		keys[i] = arena_printf(a, "GET /things/t%zu/parts/{id}", i);
	}
	struct model_api api = api_of(a, keys, n);
	struct route_table *t = route_table_create(&api, NULL);
	struct route_match m;
	assert_true(route_match(t, SPAN("GET"), span_of(path), &m));
	route_table_destroy(t);
	arena_destroy(a);
	return m.steps;
}

static void thousand_routes_cost_as_ten(void **state)
{
	(void)state;
	unsigned ten = steps_among(10, "/things/t7/parts/x");
	assert_int_equal(steps_among(1000, "/things/t7/parts/x"), ten);
	assert_int_equal(steps_among(1000, "/things/t999/parts/x"), ten);
	assert_true(ten <= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selects_by_priority),
		cmocka_unit_test(captures_parameters),
		cmocka_unit_test(refuses_bad_keys),
		cmocka_unit_test(selects_the_stage_first),
		cmocka_unit_test(thousand_routes_cost_as_ten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
