/* Golden events (fixtures/events), compared key for key, and the tables of reference api-gateway.md
 * sections 1.4 and 2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "emulator/gateway/event.h"
#include "gateway_request.h"
#include "proxy/base/alloc.h"
#include "proxy/base/file.h"
#include "proxy/base/json.h"

#define HOST "Host: aaaaaaaaaa.execute-api.us-east-1.amazonaws.com\n"
#define HOST_WEST "Host: aaaaaaaaaa.execute-api.us-west-2.amazonaws.com\n"
#define AGENT "User-Agent: curl/8.7.1\nAccept: */*\n"
#define TRACE "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c"
#define COGNITO_ARN "arn:aws:sts::123456789012:assumed-role/authRole/CognitoIdentityCredentials"

static const char *const user_pool_amr[] = { "authenticated",
	"cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE",
	"cognito-idp.us-east-1.amazonaws.com/"
	"us-east-1_EXAMPLE:CognitoSignIn:f498e498-f051-705f-e684-"
	"d15444d72ae5",
	NULL };
static const char *const oidc_amr[] = { "authenticated", "login.example.com",
	"arn:aws:iam::123456789012:oidc-provider/login.example.com:OIDC:auth0|1", NULL };

#define COGNITO(list)                                                                             \
	{                                                                                         \
		.kind = MODEL_AUTH_IAM,                                                           \
		.iam = { "ASIAEXAMPLE", "123456789012", "AROAEXAMPLE:CognitoIdentityCredentials", \
			COGNITO_ARN, "AROAEXAMPLE:CognitoIdentityCredentials", NULL,              \
			"us-east-1:3f291106-8703-466b-8f2b-3ecee1ca56ce",                         \
			"us-east-1:4f291106-8703-466b-8f2b-3ecee1ca56ce", list },                 \
	}

static const struct auth_verdict iam_cognito = COGNITO(user_pool_amr);
static const struct auth_verdict iam_oidc = COGNITO(oidc_amr);
static const struct auth_verdict iam_user = { .kind = MODEL_AUTH_IAM,
	.iam = { "AKIAEXAMPLE", "123456789012", "AIDAEXAMPLE",
		"arn:aws:iam::123456789012:user/jane", "AIDAEXAMPLE", NULL, NULL, NULL, NULL } };

#define JSON(text)                        \
	{                                 \
		"" text, sizeof(text) - 1 \
	}
static const struct auth_verdict jwt = { .kind = MODEL_AUTH_JWT,
	.claims = JSON("{\"aud\":\"1example23456789\",\"auth_time\":\"1635015339\","
		       "\"cognito:groups\":\"[USERS ADMINS]\",\"cognito:username\":\"jane\","
		       "\"email\":\"jane@example.com\",\"email_verified\":\"true\","
		       "\"exp\":\"1635018939\",\"iat\":\"1635015339\","
		       "\"iss\":\"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE\","
		       "\"sub\":\"f498e498-f051-705f-e684-d15444d72ae5\",\"token_use\":\"id\"}"),
	.scopes = JSON("null") };
static const struct auth_verdict jwt_scopes = { .kind = MODEL_AUTH_JWT,
	.claims = JSON("{\"sub\":\"jane\",\"exp\":\"1635018939\"}"),
	.scopes = JSON("[\"a\",\"b\"]") };
static const struct auth_verdict custom = { .kind = MODEL_AUTH_CUSTOM,
	.principal_id = "",
	.context =
		JSON("{\"stringKey\":\"value\",\"numberKey\":1,\"booleanKey\":true,"
		     "\"arrayKey\":[\"value1\",\"value2\"],\"mapKey\":{\"value1\":\"value2\"}}") };
static const struct auth_verdict custom_principal = { .kind = MODEL_AUTH_CUSTOM,
	.principal_id = "user-1",
	.context = JSON("{\"stringKey\":\"value\",\"numberKey\":1}") };
static const struct model_pair table_pets = { "table", "pets" };
static const struct model_pair table_users = { "table", "users" };

struct golden {
	const char *file;
	bool v1;
	const char *method, *target, *head, *body, *route_key, *resource;
	struct route_param param;
	const char *stage;
	const struct model_pair *variable;
	const char *request_id, *trace;
	int64_t now_ms;
	const struct auth_verdict *verdict;
};

static const struct golden goldens[] = {
	{ "http-2.0-no-auth", false, "GET", "/pets/7", HOST AGENT, "", "GET /pets/{id}", "",
		{ "id", JSON("7") }, "$default", NULL, "LV7fzho-PHcEJPw=", TRACE, 1587481701067,
		NULL },
	{ "http-2.0-stage-variables", false, "GET", "/dev/pets/a%20b", HOST AGENT, "",
		"GET /pets/{id}", "", { "id", JSON("a%20b") }, "dev", &table_pets,
		"LV7fzho-PHcEJPw=", TRACE, 1587481701067, NULL },
	{ "http-2.0-post-cookies-query", false, "POST",
		"/capture/"
		"space%20value?repeat=one&repeat=two&redirect=https%3A%2F%2Fexample.com%2Fa%2Fb"
		"&literalPlus=a+b&encodedPlus=a%2Bb&empty=",
		HOST_WEST AGENT "Content-Type: application/json\nX-Voker-Probe: first\n"
				"Cookie: session=abc123; theme=dark\nX-Voker-Probe: second\n"
				"Connection: keep-alive\nTransfer-Encoding: chunked\n",
		"{\"message\":\"hello from the public internet\",\"unicode\":\"lambda-\xce\xbb\"}",
		"$default", "", { NULL, { NULL, 0 } }, "$default", NULL, "ATfSmjLgPHcESJw=",
		"Root=1-6a5145a9-1bae89e2512ec92d5d9438a0", 1783711145766, NULL },
	{ "http-2.0-jwt", false, "GET", "/me", HOST AGENT "Authorization: Bearer eyJraWQiOiJ...\n",
		"", "GET /me", "", { NULL, { NULL, 0 } }, "$default", NULL, "HqYtWhZ6IAMEM8g=",
		"Root=1-61746bfb-3a2f1c9e5b7d8e0f1a2b3c4d", 1635015339000, &jwt },
	{ "http-2.0-iam-cognito", false, "GET", "/hello",
		HOST "User-Agent: curl/8.7.1\nAuthorization: AWS4-HMAC-SHA256 "
		     "Credential=ASIAEXAMPLE/20230101/us-east-1/execute-api/aws4_request, "
		     "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=...\n"
		     "X-Amz-Date: 20230101T120000Z\nX-Amz-Security-Token: IQoJb3JpZ2luX2Vj...\n",
		"", "GET /hello", "", { NULL, { NULL, 0 } }, "$default", NULL, "RiUSghrWvHcEMVA=",
		"Root=1-63b17540-00000000aaaaaaaabbbbbbbb", 1672574400000, &iam_cognito },
	{ "http-2.0-iam-user", false, "POST", "/hello",
		HOST "User-Agent: curl/8.7.1\nAuthorization: AWS4-HMAC-SHA256 "
		     "Credential=AKIAEXAMPLE/20230101/us-east-1/execute-api/aws4_request, "
		     "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, "
		     "Signature=...\nX-Amz-Date: 20230101T120000Z\nX-Amz-Content-Sha256: "
		     "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862\n"
		     "Content-Type: application/json\n",
		"{\"a\":1}", "POST /hello", "", { NULL, { NULL, 0 } }, "$default", NULL,
		"RiUSghrWvHcEMVA=", "Root=1-63b17540-00000000aaaaaaaabbbbbbbb", 1672574400000,
		&iam_user },
	{ "http-2.0-lambda-authorizer", false, "GET", "/items",
		HOST "User-Agent: curl/8.7.1\nAuthorization: secretToken\n", "", "GET /items", "",
		{ NULL, { NULL, 0 } }, "$default", NULL, "aWPwLgOaIAMEb5Q=",
		"Root=1-66859384-0f1e2d3c4b5a697887960504", 1720030004004, &custom },
	{ "http-1.0-post", true, "POST", "/users/jane%20doe/orders?tag=important&tag=urgent",
		HOST_WEST "user-AGENT: curl/8.7.1\nContent-Type: application/json\n", "{\"a\":1}",
		"POST /users/{userId}/orders", "/users/{userId}/orders",
		{ "userId", JSON("jane%20doe") }, "$default", NULL, "JCJJxhz4PHcEJgQ=", TRACE,
		1744765323000, NULL },
	{ "http-1.0-get-nulls-stage", true, "GET", "/dev/users",
		HOST_WEST "User-Agent: curl/8.7.1\nCookie: a=1\nCookie: b=2\n", "", "$default",
		"$default", { NULL, { NULL, 0 } }, "dev", &table_users, "JCJJxhz4PHcEJgQ=", TRACE,
		1744765323000, NULL },
	{ "http-1.0-jwt", true, "GET", "/users", HOST_WEST "User-Agent: curl/8.7.1\n", "",
		"GET /users", "/users", { NULL, { NULL, 0 } }, "$default", NULL,
		"JCJJxhz4PHcEJgQ=", TRACE, 1744765323000, &jwt_scopes },
	{ "http-1.0-lambda-authorizer", true, "GET", "/users", HOST_WEST "User-Agent: curl/8.7.1\n",
		"", "GET /users", "/users", { NULL, { NULL, 0 } }, "$default", NULL,
		"JCJJxhz4PHcEJgQ=", TRACE, 1744765323000, &custom_principal },
	{ "http-1.0-iam-cognito", true, "GET", "/users", HOST_WEST "User-Agent: curl/8.7.1\n", "",
		"GET /users", "/users", { NULL, { NULL, 0 } }, "$default", NULL,
		"JCJJxhz4PHcEJgQ=", TRACE, 1744765323000, &iam_oidc },
};

static struct event_input input_of(struct arena *a, const struct golden *g)
{
	return (struct event_input){ .http = make_request(
					     a, g->method, g->target, g->head, g->body),
		.account = "123456789012",
		.api_id = "aaaaaaaaaa",
		.route_key = g->route_key,
		.resource = g->resource,
		.params = &g->param,
		.n_params = g->param.name != NULL,
		.stage = g->stage,
		.variables = g->variable,
		.n_variables = g->variable != NULL,
		.request_id = g->request_id,
		.trace_id = g->trace,
		.now_ms = g->now_ms,
		.verdict = g->verdict };
}

/* Fails with both texts if the event differs from the golden file, whatever the order of keys. */
static void compare(const char *file, struct buf *event)
{
	char *path = xasprintf(OFFSTAGE_SOURCE_DIR "/fixtures/events/%s.json", file);
	struct buf text = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;
	if (file_read(path, &text, &err)) {
		fail_msg("%s", err.msg);
	}
	cJSON *want = json_parse(buf_span(&text), &err);
	assert_non_null(want);
	cJSON *got = json_parse_unique(buf_span(event), &err);
	if (!got) {
		fail_msg("%s: %s: %s", file, err.msg, buf_cstr(event));
	}
	if (!cJSON_Compare(want, got, true)) {
		char *wanted = cJSON_PrintUnformatted(want);
		fail_msg("%s\nwant %s\ngot  %s", file, wanted, buf_cstr(event));
	}
	cJSON_Delete(want);
	cJSON_Delete(got);
	buf_fini(&text);
	free(path);
}

static void events_are_golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(goldens); i++) {
		struct arena *a = arena_create();
		struct buf out = BUF_INIT(1 << 20);
		struct event_input in = input_of(a, &goldens[i]);
		event_write(&in, !goldens[i].v1, &out);
		compare(goldens[i].file, &out);
		buf_fini(&out);
		arena_destroy(a);
	}
}

static void function_url_event_is_golden(void **state)
{
	(void)state;
	struct golden g = goldens[0];
	g.target = "/a%20b";
	g.route_key = "$default";
	g.param.name = NULL;
	g.request_id = "7f3a0c1e-5b7d-4c5e-9a5e-2d1f3b6c8e90";
	g.head = HOST AGENT "Cookie: a=1\n";
	struct arena *a = arena_create();
	struct buf out = BUF_INIT(1 << 20);
	struct event_input in = input_of(a, &g);
	in.account = "anonymous";
	in.function_url = true;
	event_write(&in, true, &out);
	compare("function-url", &out);
	buf_fini(&out);
	arena_destroy(a);
}

#define ARN "arn:aws:execute-api:us-east-1:123456789012:aaaaaaaaaa/test/GET/request"

static void authorizer_events_are_golden(void **state)
{
	(void)state;
	static const struct model_pair variable = { "stageVariable1", "value1" };
	const struct span sources[] = { SPAN("user1"), SPAN("123") };
	struct golden g = { NULL, false, "GET", "/test/request/7?q=123",
		HOST "User-Agent: curl/8.7.1\nAuthorization: user1\nCookie: c=1\n", "",
		"GET /request/{id}", "", { "id", JSON("7") }, "test", &variable,
		"LV7fzho-PHcEJPw=", TRACE, 1587501101067, &jwt };
	struct arena *a = arena_create();
	struct buf out = BUF_INIT(1 << 20);
	struct event_input in = input_of(a, &g);
	event_write_authorizer(&in, true, SPAN(ARN "/7"), sources, 2, &out);
	compare("authorizer-2.0", &out);
	g.target = "/test/request";
	g.head = HOST "User-Agent: curl/8.7.1\nAuthorization: user1\n";
	g.route_key = "GET /request";
	g.resource = "/request";
	g.param.name = NULL;
	g.variable = NULL;
	in = input_of(a, &g);
	buf_clear(&out);
	event_write_authorizer(&in, false, SPAN(ARN), sources, 2, &out);
	compare("authorizer-1.0", &out);
	buf_fini(&out);
	arena_destroy(a);
}

/* The event's member at a dotted path, as compact JSON; "(absent)" if it is not there. */
static const char *member(struct arena *a, const char *event, const char *path)
{
	cJSON *tree = json_parse(span_of(event), NULL);
	assert_non_null(tree);
	const cJSON *at = tree;
	struct span rest = span_of(path);
	while (rest.ptr && at) {
		struct span name = span_cut(&rest, '.');
		at = json_get(at, arena_strndup(a, name.ptr, name.len));
	}
	char *text = at ? cJSON_PrintUnformatted(at) : NULL;
	const char *kept = arena_strdup(a, text ? text : "(absent)");
	free(text);
	cJSON_Delete(tree);
	return kept;
}

static void fields_follow_the_tables(void **state)
{
	(void)state;
	static const struct {
		bool v1;
		const char *method, *target, *head, *body, *member, *want;
	} rows[] = {
		/* 1.4: encoding per field */
		{ false, "GET", "/a%2Fb", "", "", "rawPath", "\"/a/b\"" },
		{ false, "GET", "/%CE%BB", "", "", "rawPath", "\"/\xce\xbb\"" },
		{ false, "GET", "/%CE%BB", "", "", "requestContext.http.path", "\"/\xce\xbb\"" },
		{ true, "GET", "/%CE%BB", "", "", "path", "\"/%CE%BB\"" },
		{ true, "GET", "/%CE%BB", "", "", "requestContext.path", "\"/\xce\xbb\"" },
		{ false, "GET", "/a%3Fb", "", "", "rawPath", "\"/a\"" },
		{ false, "GET", "/a+b", "", "", "rawPath", "\"/a+b\"" },
		{ false, "GET", "/a/", "", "", "rawPath", "\"/a/\"" },
		{ false, "GET", "//a//b", "", "", "rawPath", "\"//a//b\"" },
		{ false, "GET", "/?a", "", "", "queryStringParameters", "{\"a\":\"\"}" },
		{ false, "GET", "/?a=", "", "", "queryStringParameters", "{\"a\":\"\"}" },
		{ false, "GET", "/?a=1=2", "", "", "queryStringParameters", "{\"a\":\"1=2\"}" },
		{ false, "GET", "/?", "", "", "queryStringParameters", "(absent)" },
		{ false, "GET", "/?", "", "", "rawQueryString", "\"\"" },
		{ false, "GET", "/?x+y=%2B%zz", "", "", "queryStringParameters",
			"{\"x y\":\"+%zz\"}" },
		{ false, "GET", "/?%ff=1&%fe=2&%C3%A9=3", "", "", "queryStringParameters",
			"{\"\xc3\xa9\":\"3\",\"\xef\xbf\xbd\":\"1,2\"}" },
		{ false, "GET", "/?b=2&a=1&b=1,3", "", "", "queryStringParameters",
			"{\"a\":\"1\",\"b\":\"2,1,3\"}" },
		{ true, "GET", "/?b=2&b=1", "", "", "queryStringParameters", "{\"b\":\"1\"}" },
		{ true, "GET", "/?b=2&b=1", "", "", "multiValueQueryStringParameters",
			"{\"b\":[\"2\",\"1\"]}" },
		/* 2.1: absent in 2.0, null in 1.0 */
		{ false, "GET", "/", "", "", "cookies", "(absent)" },
		{ false, "GET", "/", "", "", "pathParameters", "(absent)" },
		{ false, "GET", "/", "", "", "stageVariables", "(absent)" },
		{ false, "GET", "/", "", "", "body", "(absent)" },
		{ false, "GET", "/", "", "", "requestContext.authorizer", "(absent)" },
		{ false, "GET", "/", "", "", "requestContext.http.userAgent", "\"\"" },
		{ true, "GET", "/", "", "", "body", "null" },
		{ true, "GET", "/", "", "", "queryStringParameters", "null" },
		{ true, "GET", "/", "", "", "multiValueQueryStringParameters", "null" },
		{ true, "GET", "/", "", "", "pathParameters", "null" },
		{ true, "GET", "/", "", "", "stageVariables", "null" },
		{ true, "GET", "/", "", "", "requestContext.authorizer", "(absent)" },
		{ false, "GET", "/", "Cookie: a=1;b=%20;  c\n", "", "cookies",
			"[\"a=1\",\"b=%20\",\"c\"]" },
		{ false, "GET", "/", "Cookie: a=1\n", "", "headers.cookie", "(absent)" },
		{ true, "GET", "/", "cookie: a=1\n", "", "headers.Cookie", "\"a=1\"" },
		{ true, "GET", "/", "cookie: a=1\n", "", "cookies", "(absent)" },
		/* 2.2: headers */
		{ false, "GET", "/", "X-A: 1\nx-b: 2\nx-a: 3, 4\n", "", "headers.x-a",
			"\"1,3, 4\"" },
		{ true, "GET", "/", "X-A: 1\nx-a: 3\n", "", "headers.X-A", "\"3\"" },
		{ true, "GET", "/", "X-A: 1\nx-a: 3\n", "", "multiValueHeaders.X-A",
			"[\"1\",\"3\"]" },
		{ false, "GET", "/", "Connection: close\n", "", "headers.connection", "(absent)" },
		{ false, "GET", "/", "X-Forwarded-Proto: http\n", "", "headers.x-forwarded-proto",
			"\"https\"" },
		{ false, "GET", "/", "X-Forwarded-For: 10.0.0.1\n", "", "headers.x-forwarded-for",
			"\"10.0.0.1, 203.0.113.9\"" },
		{ false, "GET", "/", "X-Forwarded-For: 10.0.0.1\n", "",
			"requestContext.http.sourceIp", "\"203.0.113.9\"" },
		{ false, "GET", "/", "", "", "headers.content-length", "\"0\"" },
		{ false, "GET", "/", "", "", "headers.content-type", "(absent)" },
		{ false, "POST", "/", "", "", "headers.content-type",
			"\"text/plain; charset=utf-8\"" },
		{ false, "POST", "/", "Content-Type: a/b\n", "", "headers.content-type",
			"\"a/b\"" },
		{ false, "POST", "/", "Content-Length: 9\n", "abc", "headers.content-length",
			"\"3\"" },
		{ false, "GET", "/", "Host: api.example.com:4511\n", "",
			"requestContext.domainName", "\"api.example.com:4511\"" },
		{ false, "GET", "/", "Host: localhost:4511\n", "", "requestContext.domainPrefix",
			"\"localhost\"" },
		{ false, "GET", "/", "X-Bin: \xff\"\\\t\n", "", "headers.x-bin",
			"\"\xef\xbf\xbd\\\"\\\\\"" },
		/* 2.3: body */
		{ false, "POST", "/", "Content-Type: application/json\n", "{\"a\" : 1}", "body",
			"\"{\\\"a\\\" : 1}\"" },
		{ false, "POST", "/", "", "hi", "body", "\"aGk=\"" },
		{ false, "POST", "/", "", "hi", "isBase64Encoded", "true" },
		{ true, "POST", "/", "", "hi", "body", "\"aGk=\"" },
		{ false, "POST", "/", "Content-Type: text/plain\n", "", "isBase64Encoded",
			"false" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena *a = arena_create();
		struct buf out = BUF_INIT(1 << 20);
		struct golden g = { NULL, rows[i].v1, rows[i].method, rows[i].target, rows[i].head,
			rows[i].body, "$default", "$default", { NULL, { NULL, 0 } }, "$default",
			NULL, "id", TRACE, 0, NULL };
		struct event_input in = input_of(a, &g);
		event_write(&in, !rows[i].v1, &out);
		const char *got = member(a, buf_cstr(&out), rows[i].member);
		if (strcmp(got, rows[i].want) != 0) {
			fail_msg("%s %s, %s of payload %s: want %s, got %s", rows[i].method,
				rows[i].target, rows[i].member, rows[i].v1 ? "1.0" : "2.0",
				rows[i].want, got);
		}
		buf_fini(&out);
		arena_destroy(a);
	}
}

static void body_is_text_by_type_only(void **state)
{
	(void)state;
	static const struct {
		const char *type;
		bool text;
	} rows[] = {
		{ "text/plain", true },
		{ "text/html", true },
		{ "text/csv", true },
		{ "text/xml", true },
		{ "TEXT/Plain", true },
		{ "text/plain; charset=utf-8", true },
		{ "text/plain;charset=\"UTF-8\"", true },
		{ "text/plain; charset=iso-8859-1", false },
		{ "application/json", true },
		{ "application/json; charset=utf-8", true },
		{ "Application/JSON", true },
		{ "application/xml", true },
		{ "application/javascript", true },
		{ "application/graphql", true },
		{ NULL, false },
		{ "application/x-www-form-urlencoded", false },
		{ "multipart/form-data; boundary=x", false },
		{ "application/octet-stream", false },
		{ "application/x-protobuf", false },
		{ "application/zip", false },
		{ "application/pdf", false },
		{ "image/png", false },
		{ "audio/ogg", false },
		{ "video/mp4", false },
		{ "idk", false },
		{ "", false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (event_body_is_text(span_of(rows[i].type)) != rows[i].text) {
			fail_msg("%s", rows[i].type ? rows[i].type : "(none)");
		}
	}
}

/* A head of 10 KB can hold thousands of headers of one name: all arrive, in order. */
static void many_repeats_keep_their_order(void **state)
{
	(void)state;
	struct arena *a = arena_create();
	struct buf head = BUF_INIT(1 << 20), want = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
	for (int i = 0; i < 2000; i++) {
		buf_addf(&head, "%c: %d\n", i % 2 ? 'b' : 'a', i);
		if (i % 2) {
			buf_addf(&want, i > 1 ? ",%d" : "%d", i);
		}
	}
	struct golden g = goldens[0];
	g.head = buf_cstr(&head);
	struct event_input in = input_of(a, &g);
	event_write(&in, true, &out);
	const char *got = member(a, buf_cstr(&out), "headers.b");
	assert_true(span_eq(span_n(got + 1, strlen(got) - 2), buf_span(&want)));
	buf_fini(&head);
	buf_fini(&want);
	buf_fini(&out);
	arena_destroy(a);
}

/* identity of a trace: the second it began, eight hex digits, and 24 random ones (reference 2.2). */
static void a_request_has_its_own_trace_or_the_clients(void **state)
{
	(void)state;
	char id[EVENT_TRACE_LEN];
	struct http_request none = { .n_headers = 0 };
	event_trace_id(&none, 0x0badcafe * INT64_C(1000) + 999, id);
	assert_int_equal(strlen(id), strlen(TRACE));
	assert_memory_equal(id, "Root=1-0badcafe-", 16);
	assert_int_equal(strspn(id + 16, "0123456789abcdef"), 24);
	struct http_header given = { SPAN("X-Amzn-Trace-Id"), SPAN(TRACE) };
	struct http_request traced = { .headers = &given, .n_headers = 1 };
	event_trace_id(&traced, 0, id);
	assert_string_equal(id, TRACE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_golden),
		cmocka_unit_test(function_url_event_is_golden),
		cmocka_unit_test(authorizer_events_are_golden),
		cmocka_unit_test(fields_follow_the_tables),
		cmocka_unit_test(body_is_text_by_type_only),
		cmocka_unit_test(a_request_has_its_own_trace_or_the_clients),
		cmocka_unit_test(many_repeats_keep_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
