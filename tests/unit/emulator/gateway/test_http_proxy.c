/* What an HTTP integration is sent: reference api-gateway.md 2.2 (Forwarded) and 4.4 (mappings). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "emulator/gateway/http_proxy.h"
#include "emulator/gateway/mapping.h"
#include "gateway_request.h"
#include "proxy/base/alloc.h"

static const struct route_param params[] = { { "id", { "a%20b", 5 } },
	{ "proxy", { "x/y%2Fz", 7 } } };
static const struct model_pair variables[] = { { "who", "jane" } };

/* The backend request as "METHOD URL\nName: value\n...". */
static void show(struct buf *out, const char *method, const char *target, const char *head,
	const char *body, const struct model_integration *in)
{
	struct arena *a = arena_create();
	struct event_input event = { .http = make_request(a, method, target, head, body),
		.account = "123456789012",
		.api_id = "aaaaaaaaaa",
		.route_key = "ANY /{proxy+}",
		.params = params,
		.n_params = 2,
		.stage = "dev",
		.variables = variables,
		.n_variables = 1,
		.request_id = "LV7fzho-PHcEJPw=",
		.trace_id = "Root=1-x" };
	struct context context = { .event = &event };
	struct http_proxy_config config = {
		.integration = in, .context = &context, .path = event.http->path
	};
	struct reply r;
	const char *url, *verb;
	http_proxy_request(&config, &r, &url, &verb);
	buf_addf(out, "%s %s\n", verb, url);
	for (size_t i = 0; i < r.n_headers; i++) {
		buf_addf(out, "%.*s: %.*s\n", SPAN_ARG(r.headers[i].name),
			SPAN_ARG(r.headers[i].value));
	}
	arena_destroy(a);
}

#define FORWARDED "Forwarded: by=127.0.0.1;for=203.0.113.9;host=api.example.com;proto=https\n"
#define TRACE "X-Amzn-Trace-Id: Root=1-x\n"

static void requests_are_passed_on(void **state)
{
	(void)state;
	static const struct {
		const char *uri, *verb, *method, *target, *head, *want;
	} rows[] = {
		{ "http://b", "ANY", "PUT", "/x", "", "PUT http://b\n" FORWARDED TRACE },
		{ "http://b/p", "", "GET", "/x?a=1&b&c=%20", "",
			"GET http://b/p?a=1&b&c=%20\n" FORWARDED TRACE },
		{ "http://b/p?k=v", "POST", "GET", "/x?a=1", "",
			"POST http://b/p?k=v&a=1\n" FORWARDED TRACE },
		{ "http://b/{proxy}/{id}?n={id}", "ANY", "GET", "/x", "",
			"GET http://b/x/y%2Fz/a%20b?n=a%20b\n" FORWARDED TRACE },
		{ "http://b/{none}", "ANY", "GET", "/x", "", "GET http://b/\n" FORWARDED TRACE },
		{ "http://b", "ANY", "GET", "/x",
			"Connection: close\nTE: x\nContent-Length: 3\nExpect: x\nCookie: a=1\n"
			"Authorization: s\n",
			"GET http://b\nCookie: a=1\nAuthorization: s\n" FORWARDED TRACE },
		{ "http://b", "ANY", "GET", "/x",
			"X-Forwarded-For: 10.0.0.1, 2001:db8::1\nX-Forwarded-Proto: http\n"
			"X-Forwarded-Host: evil\nX-Forwarded-Port: 1\n",
			"GET http://b\nForwarded: for=10.0.0.1, for=\"[2001:db8::1]\", "
			"by=127.0.0.1;for=203.0.113.9;host=api.example.com;proto=https\n" TRACE },
		{ "http://b", "ANY", "GET", "/x", "Forwarded: for=10.0.0.1\n",
			"GET http://b\nForwarded: for=10.0.0.1, "
			"by=127.0.0.1;for=203.0.113.9;host=api.example.com;proto=https\n" TRACE },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct model_integration in = {
			.type = MODEL_HTTP_PROXY, .uri = rows[i].uri, .method = rows[i].verb
		};
		struct buf got = BUF_INIT(1 << 16);
		char *head = xasprintf("Host: api.example.com\n%s", rows[i].head);
		show(&got, rows[i].method, rows[i].target, head, "", &in);
		if (strcmp(buf_cstr(&got), rows[i].want) != 0) {
			fail_msg("row %zu\nwant %s\ngot  %s", i, rows[i].want, buf_cstr(&got));
		}
		free(head);
		buf_fini(&got);
	}
}

static void parameters_are_mapped(void **state)
{
	(void)state;
	static const struct {
		struct model_mapping mapping;
		const char *want; /* a line of the request */
	} rows[] = {
		{ { "append:header.x-new", "static" }, "\nx-new: static\n" },
		{ { "append:header.x-a", "2" }, "\nX-A: 1\n" },
		{ { "append:header.x-a", "2" }, "\nx-a: 2\n" },
		{ { "overwrite:header.x-a", "$request.header.x-b" }, "\nx-a: b1,b2\n" },
		{ { "overwrite:header.y", "$request.querystring.q" }, "\ny: 1 2,3\n" },
		{ { "overwrite:header.y", "$request.path" }, "\ny: /dev/x\n" },
		{ { "overwrite:header.y", "$request.path.id" }, "\ny: a b\n" },
		{ { "overwrite:header.y", "$request.body.user.name" }, "\ny: joe\n" },
		{ { "overwrite:header.y", "$request.body.n" }, "\ny: 7\n" },
		{ { "overwrite:header.y", "$context.requestId" }, "\ny: LV7fzho-PHcEJPw=\n" },
		{ { "overwrite:header.y", "$stageVariables.who" }, "\ny: jane\n" },
		{ { "overwrite:header.y", "a ${context.stage}/${stageVariables.who}!" },
			"\ny: a dev/jane!\n" },
		{ { "overwrite:header.y", "cost $5 ${x" }, "\ny: cost $5 ${x\n" },
		{ { "append:querystring.q", "n w" }, "GET http://b/p?q=1+2&q=3&q=n%20w\n" },
		{ { "overwrite:querystring.q", "9" }, "GET http://b/p?q=9\n" },
		{ { "remove:querystring.q", "''" }, "GET http://b/p\n" },
		{ { "overwrite:path", "/other/$request.path.id" },
			"GET http://b/other/a%20b?q=1+2&q=3\n" },
		{ { "overwrite:path", "other" }, "GET http://b/other?q=1+2&q=3\n" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct model_mapping mapping = rows[i].mapping;
		struct model_integration in = { .type = MODEL_HTTP_PROXY,
			.uri = "http://b/p",
			.method = "ANY",
			.request_mappings = { &mapping, 1 } };
		struct buf got = BUF_INIT(1 << 16);
		show(&got, "GET", "/dev/x?q=1+2&q=3",
			"Host: api.example.com\nX-A: 1\nX-B: b1\nX-B: b2\n",
			"{\"user\":{\"name\":\"joe\"},\"n\":7}", &in);
		if (!strstr(buf_cstr(&got), rows[i].want)) {
			fail_msg("%s = %s: no '%s' in %s", mapping.key, mapping.value, rows[i].want,
				buf_cstr(&got));
		}
		buf_fini(&got);
	}
	struct model_mapping removal = { "remove:header.x-a", "''" };
	struct model_integration in = {
		.uri = "http://b", .method = "ANY", .request_mappings = { &removal, 1 }
	};
	struct buf got = BUF_INIT(1 << 16);
	show(&got, "GET", "/", "X-A: 1\nx-a: 2\nX-AB: 3\n", "", &in);
	assert_null(strstr(buf_cstr(&got), "X-A:"));
	assert_null(strstr(buf_cstr(&got), "x-a:"));
	assert_non_null(strstr(buf_cstr(&got), "X-AB: 3"));
	buf_fini(&got);
}

static void a_body_is_read_up_to_100_kilobytes(void **state)
{
	(void)state;
	/* The member stands before or behind the limit; what is cut is no JSON any more. */
	static const struct {
		size_t fill;
		const char *want;
	} rows[] = { { 1000, "\ny: joe\n" }, { 102400, NULL } };
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct model_mapping mapping = { "overwrite:header.y", "$request.body.name" };
		struct model_integration in = {
			.uri = "http://b", .method = "ANY", .request_mappings = { &mapping, 1 }
		};
		struct buf got = BUF_INIT(1 << 20), body = BUF_INIT(1 << 20);
		buf_addf(&body, "{\"name\":\"joe\",\"fill\":\"%0*d\"}", (int)rows[i].fill, 0);
		show(&got, "POST", "/", "", buf_cstr(&body), &in);
		assert_int_equal(strstr(buf_cstr(&got), "\ny: ") != NULL, rows[i].want != NULL);
		buf_fini(&body);
		buf_fini(&got);
	}
}

/* The answer as "STATUS\nName: value\n...", after the mappings. */
static void show_answer(struct buf *out, const struct model_mappings *mappings)
{
	struct arena *a = arena_create();
	struct event_input event = { .http = make_request(a, "GET", "/", "X-Req: r\n", ""),
		.stage = "dev",
		.variables = variables,
		.n_variables = 1,
		.request_id = "LV7fzho-PHcEJPw=" };
	struct context context = { .event = &event };
	struct reply r;
	reply_init(&r, a);
	r.status = 201;
	reply_header(&r, SPAN("X-A"), SPAN("1"));
	reply_header(&r, SPAN("X-B"), SPAN("b1"));
	reply_header(&r, SPAN("x-b"), SPAN("b2"));
	reply_header(&r, SPAN("X-Status"), SPAN("404"));
	r.body = SPAN("{\"user\":{\"name\":\"joe\"},\"code\":409}");
	mapping_apply_response(mappings, &context, &r);
	buf_addf(out, "%d\n", r.status);
	for (size_t i = 0; i < r.n_headers; i++) {
		buf_addf(out, "%.*s: %.*s\n", SPAN_ARG(r.headers[i].name),
			SPAN_ARG(r.headers[i].value));
	}
	arena_destroy(a);
}

#define B "X-B: b1\nx-b: b2\n"
#define S "X-Status: 404\n"

static void answers_are_mapped(void **state)
{
	(void)state;
	static const struct {
		struct model_mapping mapping;
		const char *want;
	} rows[] = {
		{ { "append:header.x-a", "2" }, "201\nX-A: 1\n" B S "X-A: 2\n" },
		{ { "overwrite:header.x-a", "2" }, "201\n" B S "X-A: 2\n" },
		{ { "remove:header.x-b", "''" }, "201\nX-A: 1\n" S },
		{ { "append:header.y", "$response.header.x-b" }, "201\nX-A: 1\n" B S "Y: b1,b2\n" },
		{ { "append:header.y", "<${response.body.user.name}>" },
			"201\nX-A: 1\n" B S "Y: <joe>\n" },
		{ { "append:header.y", "$context.stage/$stageVariables.who" },
			"201\nX-A: 1\n" B S "Y: dev/jane\n" },
		{ { "append:header.y", "$request.header.x-req" },
			"201\nX-A: 1\n" B S "Y: $request.header.x-req\n" },
		{ { "append:header.y", "$response.header.none" }, "201\nX-A: 1\n" B S },
		{ { "overwrite:statuscode", "404" }, "404\nX-A: 1\n" B S },
		{ { "overwrite:statuscode", "$response.header.x-status" }, "404\nX-A: 1\n" B S },
		{ { "overwrite:statuscode", "$response.body.code" }, "409\nX-A: 1\n" B S },
		{ { "overwrite:statuscode", "$response.body.user.name" }, "201\nX-A: 1\n" B S },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct model_mapping mapping = rows[i].mapping;
		struct buf got = BUF_INIT(1 << 16);
		show_answer(&got, &(struct model_mappings){ &mapping, 1 });
		if (strcmp(buf_cstr(&got), rows[i].want) != 0) {
			fail_msg("%s = %s\nwant %s\ngot  %s", mapping.key, mapping.value,
				rows[i].want, buf_cstr(&got));
		}
		buf_fini(&got);
	}
	/* Values are those of the answer as it came, whatever was mapped before. */
	struct model_mapping two[] = { { "remove:header.x-a", "''" },
		{ "append:header.y", "$response.header.x-a" } };
	struct buf got = BUF_INIT(1 << 16);
	show_answer(&got, &(struct model_mappings){ two, 2 });
	assert_string_equal(buf_cstr(&got), "201\n" B S "Y: 1\n");
	buf_fini(&got);
}

static void some_answers_cannot_be_mapped(void **state)
{
	(void)state;
	static const struct model_mapping bad[] = { { "append:header.apigw-requestid", "v" },
		{ "overwrite:header.Content-Length", "1" },
		{ "append:header.access-control-allow-origin", "*" },
		{ "append:querystring.a", "v" }, { "overwrite:path", "/" },
		{ "append:statuscode", "200" }, { "remove:statuscode", "''" },
		{ "overwrite:statuscode", "99" }, { "overwrite:statuscode", "600" },
		{ "overwrite:statuscode", "x" }, { "status", "200" } };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err err = ERR_INIT;
		if (!mapping_check_response(&bad[i], &err)) {
			fail_msg("'%s' = '%s' was taken", bad[i].key, bad[i].value);
		}
		assert_non_null(strstr(err.msg, bad[i].key));
	}
	static const struct model_mapping good[] = { { "overwrite:statuscode", "200" },
		{ "overwrite:statuscode", "$response.header.s" }, { "append:header.x", "v" } };
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_int_equal(mapping_check_response(&good[i], NULL), 0);
	}
	/* A status is mapped on the way back only. */
	struct err err = ERR_INIT;
	assert_int_not_equal(mapping_check_request(&good[0], &err), 0);
}

static void a_mapping_cannot_forge_a_header(void **state)
{
	(void)state;
	struct model_mapping mapping = { "overwrite:header.y", "$request.querystring.q" };
	struct model_integration in = {
		.uri = "http://b", .method = "ANY", .request_mappings = { &mapping, 1 }
	};
	struct buf got = BUF_INIT(1 << 16);
	show(&got, "GET", "/?q=a%0D%0AEvil:%201", "", "", &in);
	assert_null(strstr(buf_cstr(&got), "\ny:"));
	buf_fini(&got);
}

static void some_headers_cannot_be_mapped(void **state)
{
	(void)state;
	static const char *const bad[] = { "append:header.Authorization",
		"overwrite:header.x-amz-date", "append:header.X-Amzn-Trace-Id",
		"remove:header.access-control-allow-origin", "append:header.apigw-x",
		"append:header.Via", "append:header.Connection", "append:header.X-Forwarded-For",
		"append:header.a b", "append:header.", "append:path", "replace:header.a",
		"header.a", "append:body.a", "append", "" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct model_mapping m = { bad[i], "v" };
		struct err err = ERR_INIT;
		if (!mapping_check_request(&m, &err)) {
			fail_msg("'%s' was taken", bad[i]);
		}
		assert_non_null(strstr(err.msg, bad[i]));
	}
	struct model_mapping good = { "overwrite:path", "/x" };
	assert_int_equal(mapping_check_request(&good, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_passed_on),
		cmocka_unit_test(parameters_are_mapped),
		cmocka_unit_test(a_body_is_read_up_to_100_kilobytes),
		cmocka_unit_test(answers_are_mapped),
		cmocka_unit_test(some_answers_cannot_be_mapped),
		cmocka_unit_test(a_mapping_cannot_forge_a_header),
		cmocka_unit_test(some_headers_cannot_be_mapped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
