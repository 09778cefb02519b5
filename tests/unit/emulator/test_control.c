/* Our own endpoints: which path and method answers what, and what is refused with which words. */
#include "fake_exchange.h"

#include "emulator/control.h"
#include "proxy/base/json.h"

void http_reply_buf(struct http_exchange *x, const struct http_reply *reply, struct buf *body)
{
	struct http_reply whole = *reply;
	whole.body = buf_span(body);
	http_reply(x, &whole);
	buf_fini(body);
}

static struct model_route routes[] = { { .key = "GET /private" }, { .key = "$default" } };
static struct model_api apis[] = { { .key = "Api",
	.id = "abc",
	.endpoint = "http://localhost:4511",
	.routes = routes,
	.n_routes = 2 } };
static struct model_function functions[] = { { .name = "app-dev-f",
	.shown_handler = "src/f.handler" } };
static struct model_oidc_provider oidc = { .url = "https://issuer.example.com",
	.host = "issuer.example.com" };
static const struct model_oidc_provider *oidc_list[] = { &oidc };
static struct model_pool pools[] = {
	{ .id = "us-east-1:pool", .name = "P", .oidc = oidc_list, .n_oidc = 1 }
};
static const struct model MODEL = { .app = "app",
	.stage = "dev",
	.region = "us-east-1",
	.account = "123456789012",
	.functions = functions,
	.n_functions = 1,
	.apis = apis,
	.n_apis = 1,
	.pools = pools,
	.n_pools = 1 };

struct rig {
	struct control control;
	struct history *history;
	char issued[300]; /* what was asked of issue_tokens */
	enum err_code issue_fails;
};

static const char *text_or(const char *text)
{
	return text ? text : "-";
}

static int issue_tokens(void *ctx, const char *provider, const char *user, const char *client_id,
	const char *scope, const char *audience, struct buf *out, struct err *err)
{
	struct rig *rig = ctx;
	snprintf(rig->issued, sizeof rig->issued, "%s %s %s %s %s", *provider ? provider : "any",
		user, text_or(client_id), text_or(scope), text_or(audience));
	if (rig->issue_fails) {
		return err_set(err, rig->issue_fails, "no such thing");
	}
	buf_add_str(out, "{\"id_token\":\"t\"}");
	return 0;
}

static int setup(void **state)
{
	struct rig *rig = xalloc(sizeof *rig);
	rig->history = history_create();
	rig->control = (struct control){
		.model = &MODEL, .history = rig->history, .issue_tokens = issue_tokens, .ctx = rig
	};
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	history_destroy(rig->history);
	free(rig);
	return 0;
}

static struct http_exchange *ask(
	struct rig *rig, const char *method, const char *target, const char *body)
{
	struct http_exchange *x = fake_exchange(method, target, body);
	assert_true(control_handles(x->request.path));
	control_request(&rig->control, x);
	return x;
}

static void expect(struct rig *rig, const char *method, const char *target, const char *body,
	int status, const char *answer)
{
	struct http_exchange *x = ask(rig, method, target, body);
	assert_int_equal(x->status, status);
	assert_true(fake_has_header(x, "content-type: application/json"));
	assert_string_equal(buf_cstr(&x->body), answer);
	fake_exchange_free(x);
}

static void paths_that_are_ours(void **state)
{
	(void)state;
	assert_true(control_handles(SPAN("/_offstage/app")));
	assert_true(control_handles(SPAN("/console")));
	assert_true(control_handles(SPAN("/")));
	assert_false(control_handles(SPAN("/console/x")));
	assert_false(control_handles(SPAN("/_offstage")));
	assert_false(control_handles(SPAN("/2015-03-31/functions")));
}

static void the_app(void **state)
{
	struct rig *rig = *state;
	expect(rig, "GET", "/_offstage/app", "", 200,
		"{\"app\":\"app\",\"stage\":\"dev\",\"region\":\"us-east-1\",\"account\":"
		"\"123456789012\","
		"\"apis\":[{\"key\":\"Api\",\"id\":\"abc\",\"url\":\"http://"
		"localhost:4511\",\"routes\":["
		"\"GET "
		"/private\",\"$default\"]}],\"functions\":[{\"name\":\"app-dev-f\",\"handler\":"
		"\"src/"
		"f.handler\"}],\"pools\":[{\"id\":\"us-east-1:pool\",\"name\":\"P\",\"logins\":[{"
		"\"key\":"
		"\"issuer.example.com\",\"provider\":\"https://issuer.example.com\"}]}]}");
}

static void invocations_are_filtered_by_the_query(void **state)
{
	struct rig *rig = *state;
	static const char *const ids[] = { "1", "2", "3" };
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		history_start(rig->history, &(struct lambda_record){ .request_id = span_of(ids[i]),
						    .function = i ? SPAN("g") : SPAN("f"),
						    .handler = SPAN("src/h.handler"),
						    .source = SPAN("API GET /a b") });
	}
	static const struct {
		const char *query;
		int n;
	} cases[] = { { "", 3 }, { "?function=g", 2 }, { "?function=g&limit=1", 1 },
		{ "?function=src%2Fh.handler", 3 }, { "?route=GET%20/a+b", 3 },
		{ "?route=GET%20/b", 0 }, { "?requestId=2", 1 }, { "?requestId=", 3 },
		{ "?limit=0", 3 }, { "?limit=1000", 3 } };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO_FREE char *target = xasprintf("/_offstage/invocations%s", cases[i].query);
		struct http_exchange *x = ask(rig, "GET", target, "");
		assert_int_equal(x->status, 200);
		assert_true(fake_has_header(x, "cache-control: no-store"));
		AUTO_JSON cJSON *list = json_parse(buf_span(&x->body), NULL);
		assert_int_equal(cJSON_GetArraySize(list), cases[i].n);
		fake_exchange_free(x);
	}
	static const char *const bad[] = { "1001", "-1", "x", "1x" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO_FREE char *target = xasprintf("/_offstage/invocations?limit=%s", bad[i]);
		expect(rig, "GET", target, "", 400,
			"{\"message\":\"limit must be a number from 0 to 1000\"}");
	}
}

static void tokens(void **state)
{
	struct rig *rig = *state;
	expect(rig, "POST", "/_offstage/token", "{\"user\":\"a@example.com\"}", 200,
		"{\"id_token\":\"t\"}");
	assert_string_equal(rig->issued, "any a@example.com - - -");
	expect(rig, "POST", "/_offstage/token",
		"{\"user\":\"a@example.com\",\"provider\":\"https://"
		"i\",\"clientId\":\"c\",\"scope\":\"s\","
		"\"audience\":\"d\"}",
		200, "{\"id_token\":\"t\"}");
	assert_string_equal(rig->issued, "https://i a@example.com c s d");
	expect(rig, "POST", "/_offstage/token", "{\"user\":1}", 400,
		"{\"message\":\"\\\"user\\\" is missing: an e-mail address\"}");
	struct http_exchange *x = ask(rig, "POST", "/_offstage/token", "no JSON");
	assert_int_equal(x->status, 400);
	fake_exchange_free(x);
	rig->issue_fails = ERR_NOT_FOUND;
	expect(rig, "POST", "/_offstage/token", "{\"user\":\"a@example.com\"}", 404,
		"{\"message\":\"no such thing\"}");
	rig->issue_fails = ERR_INVALID;
	expect(rig, "POST", "/_offstage/token", "{\"user\":\"a@example.com\"}", 400,
		"{\"message\":\"no such thing\"}");
}

static void what_is_not_there(void **state)
{
	struct rig *rig = *state;
	expect(rig, "POST", "/_offstage/app", "", 405,
		"{\"message\":\"this path has another method\"}");
	expect(rig, "GET", "/_offstage/token", "", 405,
		"{\"message\":\"this path has another method\"}");
	expect(rig, "GET", "/_offstage/nope", "", 404,
		"{\"message\":\"there is no such path under /_offstage/\"}");
	rig->control.model = NULL;
	expect(rig, "GET", "/_offstage/app", "", 503,
		"{\"message\":\"no app is connected to this emulator yet\"}");
}

static const struct model *two_apps(void *ctx, size_t i)
{
	static const struct model prod = { .app = "app", .stage = "prod" };
	(void)ctx;
	return i == 0 ? &MODEL : i == 1 ? &prod : NULL;
}

/* With several apps the first is no answer to a question about one. */
static void one_of_several_must_be_named(void **state)
{
	(void)state;
	assert_true(control_asks_for_app(SPAN("/_offstage/invocations")));
	assert_false(control_asks_for_app(SPAN("/console")));
	assert_false(control_asks_for_app(SPAN("/")));
	const struct apps apps = { .at = two_apps };
	struct http_exchange *x = fake_exchange("GET", "/_offstage/app", "");
	control_refuse_unnamed(&apps, x);
	assert_int_equal(x->status, 400);
	assert_string_equal(buf_cstr(&x->body), "{\"message\":\"several apps are connected: say "
						"which one with ?app=NAME&stage=NAME\","
						"\"apps\":[{\"app\":\"app\",\"stage\":\"dev\"},{"
						"\"app\":\"app\",\"stage\":\"prod\"}]}");
	fake_exchange_free(x);
}

static void the_console_needs_no_app(void **state)
{
	struct rig *rig = *state;
	rig->control.model = NULL;
	static const char *const paths[] = { "/", "/console" };
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		struct http_exchange *x = ask(rig, "GET", paths[i], "");
		assert_int_equal(x->status, 200);
		assert_true(fake_has_header(x, "content-type: text/html; charset=utf-8"));
		assert_true(fake_has_header(x, "x-content-type-options: nosniff"));
		fake_exchange_free(x);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(paths_that_are_ours),
		TEST(the_app),
		TEST(invocations_are_filtered_by_the_query),
		TEST(tokens),
		TEST(what_is_not_there),
		TEST(one_of_several_must_be_named),
		TEST(the_console_needs_no_app),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
