/* The room as a whole: auth_check for each kind of authorization, with a store, a Lambda and an
 * HTTP client that are ours. */
#include <unistd.h>

#include "tokens.h"

#include "emulator/auth/auth.h"
#include "emulator/auth/sigv4.h"
#include "proxy/base/file.h"
#include "proxy/net/timer.h"

#define NOW_MS INT64_C(1735787045000) /* 2025-01-02T03:04:05Z */
#define ROLE "arn:aws:iam::123456789012:role/app/Auth"
#define SUB "us-east-1:7f3a0c1e-5b7d-4c5e-9a5e-2d1f3b6c8e90"
#define ISSUER "https://x.auth0.com/"

/* --- what stands in for other rooms ------------------------------------------------------- */

static struct store_credentials credentials;

const struct store_credentials *store_credentials_find(struct store *s, const char *access_key)
{
	(void)s;
	return strcmp(access_key, credentials.access_key) == 0 ? &credentials : NULL;
}

static struct model model;

const struct model_role *model_role(const struct model *m, const char *arn)
{
	for (size_t i = 0; i < m->n_roles; i++) {
		if (strcmp(m->roles[i].arn, arn) == 0) {
			return &m->roles[i];
		}
	}
	return NULL;
}

struct invocation {
	lambda_done_fn done;
	void *ctx;
	char payload[256];
	bool open;
};
static struct invocation invocation;
static int invocations;

struct invocation *lambda_invoke(struct lambda *l, const struct lambda_call *call)
{
	(void)l;
	assert_string_equal(call->function, "authorizer-fn");
	invocation = (struct invocation){ call->done, call->ctx, "", true };
	(void)snprintf(
		invocation.payload, sizeof invocation.payload, "%.*s", SPAN_ARG(call->payload));
	invocations++;
	return &invocation;
}

void lambda_cancel(struct invocation *inv)
{
	inv->open = false;
}

static void finish(enum lambda_outcome outcome, const char *payload)
{
	assert_true(invocation.open);
	invocation.open = false;
	struct lambda_result r = {
		.outcome = outcome, .payload = span_of(payload), .error_type = "Error", .detail = ""
	};
	invocation.done(invocation.ctx, &r);
}

struct http_call *http_client_send(struct http_client *c, const struct http_client_request *r)
{
	(void)c;
	fail_msg("nothing may be fetched, but %s was", r->url);
	return NULL;
}

void http_call_cancel(struct http_call *call)
{
	(void)call;
}

/* Timers that fire when told to. */
struct timer {
	timer_fn fn;
	void *ctx;
	uint64_t armed_ms;
};
static struct timer the_timer;

struct timer *timer_open(uv_loop_t *l, timer_fn fn, void *ctx)
{
	(void)l;
	the_timer = (struct timer){ fn, ctx, 0 };
	return &the_timer;
}

void timer_arm(struct timer *t, uint64_t ms)
{
	t->armed_ms = ms;
}

void timer_close(struct timer *t)
{
	if (t) {
		t->armed_ms = 0;
	}
}

/* --- fixture ----------------------------------------------------------------------------- */

static int64_t now_ms;

static int64_t read_now(void *ctx)
{
	(void)ctx;
	return now_ms;
}

static const struct clock test_clock = { .now_ms = read_now };
static uv_loop_t loop;
static struct arena *arena;
static struct auth *auth;
static struct signing_key *key;
static struct model_role role;
static cJSON *policies[2];
static const char *sources[] = { "$request.header.Authorization" };
static const char *scopes[] = { "notes/read", "notes/write" };
static const char *audience[] = { "api" };
static const char *client_ids[] = { "api" };
static struct model_authorizer jwt_authorizer, lambda_authorizer;
static struct model_route route;
static struct model_stage stage = { .name = "$default" };
static struct model_api api = { .id = "abc123" };

struct outcome {
	int calls;
	enum auth_outcome outcome;
	char check[64], reason[16384], www[512], claims[1024], scopes[256], context[256],
		principal[64];
	char user_arn[256], user_id[128], identity[64], amr[128], log_error[256];
};

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "(null)");
}

static void on_verdict(void *ctx, const struct auth_verdict *v)
{
	struct outcome *o = ctx;
	o->calls++;
	o->outcome = v->outcome;
	copy(o->check, sizeof o->check, v->check);
	copy(o->reason, sizeof o->reason, v->reason);
	copy(o->www, sizeof o->www, v->www_authenticate);
	copy(o->principal, sizeof o->principal, v->principal_id);
	copy(o->log_error, sizeof o->log_error, v->log_error);
	(void)snprintf(o->claims, sizeof o->claims, "%.*s", SPAN_ARG(v->claims));
	(void)snprintf(o->scopes, sizeof o->scopes, "%.*s", SPAN_ARG(v->scopes));
	(void)snprintf(o->context, sizeof o->context, "%.*s", SPAN_ARG(v->context));
	copy(o->user_arn, sizeof o->user_arn, v->iam.user_arn);
	copy(o->user_id, sizeof o->user_id, v->iam.user_id);
	copy(o->identity, sizeof o->identity, v->iam.identity_id);
	copy(o->amr, sizeof o->amr, v->iam.amr ? v->iam.amr[1] : NULL);
}

static void write_event(void *ctx, bool v2, const struct span *values, size_t n, struct buf *out)
{
	(void)ctx;
	buf_addf(out, "v%d", v2 ? 2 : 1);
	for (size_t i = 0; i < n; i++) {
		buf_addf(out, " %.*s", SPAN_ARG(values[i]));
	}
}

static struct span context_value(void *ctx, struct span expression)
{
	(void)ctx;
	return span_is(expression, "$context.routeKey") ? SPAN("GET /x") : (struct span){ NULL, 0 };
}

static struct auth_job *start(struct http_request *r, struct outcome *o)
{
	memset(o, 0, sizeof *o);
	const struct auth_request request = { .api = &api,
		.stage = &stage,
		.route = &route,
		.http = r,
		.route_path = r->path,
		.write_event = write_event,
		.context_value = context_value };
	return auth_check(auth, &request, on_verdict, o);
}

/* For what must be decided at once. */
static struct outcome check(struct http_request *r)
{
	struct outcome o;
	assert_null(start(r, &o));
	assert_int_equal(o.calls, 1);
	return o;
}

static struct http_request *request(const char *line, const char *headers)
{
	return request_parse(
		arena, span_of(arena_printf(
			       arena, "%s HTTP/1.1\nHost: localhost:4511\n%s", line, headers)));
}

/* As a client with these credentials would. */
static struct http_request *signed_by(
	const char *line, const char *access_key, const char *secret, const char *token)
{
	struct http_request *r = request(line, "X-Amz-Date: 20250102T030405Z\n");
	if (token) {
		request_add(r, "X-Amz-Security-Token", token);
	}
	struct sigv4_claim c = { .access_key = span_of(access_key),
		.date = SPAN("20250102"),
		.region = SPAN("us-east-1"),
		.service = SPAN("execute-api"),
		.terminator = SPAN("aws4_request"),
		.signed_headers = SPAN("host;x-amz-date"),
		.stamp = "20250102T030405Z" };
	unsigned char signing[SIGV4_KEY_LEN];
	char hex[SIGV4_HEX_LEN];
	sigv4_key(signing, &c, secret);
	assert_true(sigv4_sign(hex, r, &c, (struct sigv4_way){ 0 }, signing));
	request_add(r, "Authorization",
		arena_printf(arena,
			"AWS4-HMAC-SHA256 Credential=%s/20250102/"
			"us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, "
			"Signature=%.64s",
			access_key, hex));
	return r;
}

static struct http_request *signed_temporary(const char *line)
{
	return signed_by(line, "ASIAEXAMPLE", "temporary", "SessionTokenOfMany");
}

static void set_policies(const char *first, const char *second)
{
	const char *texts[] = { first, second };
	role.n_policies = 0;
	for (size_t i = 0; i < 2; i++) {
		cJSON_Delete(policies[i]);
		policies[i] = texts[i] ? cJSON_Parse(texts[i]) : NULL;
		role.n_policies += policies[i] != NULL;
	}
	role.policies = (const cJSON **)(void *)policies;
	auth_set_model(auth, &model);
}

#define API_ARN "arn:aws:execute-api:us-east-1:123456789012:abc123"
#define ALLOW(resource)                                                                \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":" \
	"\"execute-api:Invoke\",\"Resource\":\"" resource "\"}]}"

static int set_up(void **state)
{
	(void)state;
	now_ms = NOW_MS;
	arena = arena_create();
	assert_int_equal(uv_loop_init(&loop), 0);
	struct err err = ERR_INIT;
	const char *file = arena_printf(arena, "/tmp/offstage-test-auth-%d", (int)getpid());
	assert_int_equal(file_replace(file,
				 SPAN("[ci]\naws_access_key_id=AKIAEXAMPLE\n"
				      "aws_secret_access_key=static\n"),
				 0600, &err),
		0);
	auth = auth_create(
		&(struct auth_config){
			.loop = &loop, .clock = &test_clock, .credentials_file = file },
		&err);
	(void)unlink(file);
	if (!auth) {
		fail_msg("%s", err.msg);
	}
	role = (struct model_role){ .arn = ROLE, .name = "Auth", .id = "AROAEXAMPLEEXAMPLEEX" };
	model = (struct model){
		.region = "us-east-1", .account = "123456789012", .roles = &role, .n_roles = 1
	};
	credentials = (struct store_credentials){ .access_key = "ASIAEXAMPLE",
		.secret = "temporary",
		.session_token = "SessionTokenOfMany",
		.expires_ms = NOW_MS + 3600000,
		.role_arn = ROLE,
		.session_name = "CognitoIdentityCredentials",
		.identity_id = SUB,
		.pool_id = "us-east-1:pool",
		.amr = "[\"authenticated\",\"x.auth0.com\"]",
		.session_policy = "" };
	jwt_authorizer = (struct model_authorizer){ .id = "jwt1",
		.name = "jwt",
		.type = MODEL_AUTH_JWT,
		.identity_sources = { sources, 1 },
		.issuer = ISSUER,
		.audience = { audience, 1 } };
	lambda_authorizer = (struct model_authorizer){ .id = "fn1",
		.name = "fn",
		.type = MODEL_AUTH_CUSTOM,
		.identity_sources = { sources, 1 },
		.function = "authorizer-fn",
		.payload_v2 = true,
		.simple_responses = true,
		.ttl_s = 300,
		.may_invoke = true };
	invocations = 0;
	set_policies(ALLOW(API_ARN "/$default/GET/notes/*"), NULL);
	auth_add_local_keys(auth, ISSUER, token_jwks(arena, key, "k"));
	route = (struct model_route){ .key = "GET /x", .authorization = MODEL_AUTH_IAM };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	auth_destroy(auth);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	for (size_t i = 0; i < 2; i++) {
		cJSON_Delete(policies[i]);
		policies[i] = NULL;
	}
	arena_destroy(arena);
	return 0;
}

static int make_key(void **state)
{
	(void)state;
	key = token_key();
	return 0;
}

static int drop_key(void **state)
{
	(void)state;
	signing_key_destroy(key);
	return 0;
}

static void assert_forbidden(struct http_request *r, const char *check_name, const char *words)
{
	struct outcome o = check(r);
	assert_int_equal(o.outcome, AUTH_FORBIDDEN);
	assert_string_equal(o.check, check_name);
	if (!strstr(o.reason, words)) {
		fail_msg("'%s' is not in: %s", words, o.reason);
	}
}

/* --- AWS_IAM ----------------------------------------------------------------------------- */

static void routes_without_authorization_pass(void **state)
{
	(void)state;
	route.authorization = MODEL_AUTH_NONE;
	assert_int_equal(check(request("GET /x", "")).outcome, AUTH_ALLOW);
}

static void a_cognito_caller_is_known_to_the_handler(void **state)
{
	(void)state;
	struct outcome o = check(signed_temporary("GET /notes/1"));
	if (o.outcome != AUTH_ALLOW) {
		fail_msg("%s", o.reason);
	}
	assert_string_equal(o.user_arn,
		"arn:aws:sts::123456789012:assumed-role/Auth/CognitoIdentityCredentials");
	assert_string_equal(o.user_id, "AROAEXAMPLEEXAMPLEEX:CognitoIdentityCredentials");
	assert_string_equal(o.identity, SUB);
	assert_string_equal(o.amr, "x.auth0.com");
}

/* Lists that are not plain are read as the JSON they are; what is none names nobody. */
static void authentication_methods_are_read_from_json(void **state)
{
	(void)state;
	const struct {
		const char *amr, *second;
	} rows[] = {
		{ "[\"authenticated\",\"x.auth0.com\"]", "x.auth0.com" },
		{ "[\"unauthenticated\"]", "(null)" },
		{ "[\"authenticated\",\"a\\\"b\"]", "a\"b" },
		{ "[\"authenticated\", \"spaced\" ]", "spaced" },
		{ "[\"authenticated\",7,[\"n\"],\"x\"]", "x" },
		{ "[\"a\",\"b\"", "(null)" },
		{ "[\"a\",\"b\"]]", "(null)" },
		{ "", "(null)" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		credentials.amr = rows[i].amr;
		struct outcome o = check(signed_temporary("GET /notes/1"));
		assert_int_equal(o.outcome, AUTH_ALLOW);
		assert_string_equal(o.amr, rows[i].second);
	}
}

static void a_static_user_may_do_everything(void **state)
{
	(void)state;
	struct outcome o = check(signed_by("DELETE /all", "AKIAEXAMPLE", "static", NULL));
	assert_int_equal(o.outcome, AUTH_ALLOW);
	assert_string_equal(o.user_arn, "arn:aws:iam::123456789012:user/ci");
	assert_string_equal(o.identity, "(null)");
	assert_memory_equal(o.user_id, "AIDA", 4);
}

/* GetSessionToken: role_arn is the user's ARN. */
static void a_users_session_is_the_user(void **state)
{
	(void)state;
	credentials.role_arn = "arn:aws:iam::123456789012:user/ci";
	credentials.session_name = credentials.identity_id = credentials.pool_id = "";
	credentials.amr = "";
	struct outcome o = check(signed_temporary("DELETE /all"));
	if (o.outcome != AUTH_ALLOW) {
		fail_msg("%s", o.reason);
	}
	assert_string_equal(o.user_arn, "arn:aws:iam::123456789012:user/ci");
	assert_string_equal(o.identity, "(null)");
	struct outcome own = check(signed_by("DELETE /all", "AKIAEXAMPLE", "static", NULL));
	assert_string_equal(o.user_id, own.user_id);
	credentials.role_arn = "arn:aws:iam::123456789012:user/gone";
	assert_forbidden(signed_temporary("GET /x"), "access key",
		"ASIAEXAMPLE is a session of arn:aws:iam::123456789012:user/gone, who is no "
		"longer in the --credentials file");
}

static void every_failure_is_forbidden_and_told(void **state)
{
	(void)state;
	assert_forbidden(request("GET /notes/1", ""), "credentials", "did not sign");
	assert_forbidden(signed_by("GET /notes/1", "ASIAOTHER", "s", "t"), "access key",
		"'ASIAOTHER' is unknown");
	assert_forbidden(signed_by("GET /notes/1", "ASIAEXAMPLE", "temporary", NULL),
		"session token", "X-Amz-Security-Token is missing");
	assert_forbidden(signed_by("GET /notes/1", "ASIAEXAMPLE", "temporary", "OtherTokenOfMany"),
		"session token", "it starts with OtherTok");
	assert_forbidden(signed_by("GET /x", "AKIAEXAMPLE", "static", "Token"), "session token",
		"long-term key");
	assert_forbidden(signed_by("GET /notes/1", "ASIAEXAMPLE", "wrong", "SessionTokenOfMany"),
		"signature", "wrong secret");
	now_ms += 301000;
	assert_forbidden(signed_temporary("GET /notes/1"), "clock", "301 s ago");
	now_ms = NOW_MS;
	credentials.expires_ms = NOW_MS;
	assert_forbidden(signed_temporary("GET /notes/1"), "expired credentials",
		"The security token included in the request is expired\n");
}

static void policies_decide_on_the_decoded_path(void **state)
{
	(void)state;
	assert_forbidden(signed_temporary("GET /other"), "policy",
		"is not authorized to perform: execute-api:Invoke on resource: " API_ARN
		"/$default/GET/other\nno statement of its role allows it:\nstatement 1 of policy "
		"'Auth#1': its Resource does not match (" API_ARN "/$default/GET/notes/*)");
	assert_forbidden(signed_temporary("POST /notes/1"), "policy", "/$default/POST/notes/1\n");
	set_policies(ALLOW(API_ARN "/*/GET/${cognito-identity.amazonaws.com:sub}/*"), NULL);
	assert_int_equal(check(signed_temporary("GET /us-east-1%3A7f3a0c1e-5b7d-4c5e-9a5e-"
						"2d1f3b6c8e90/a"))
				 .outcome,
		AUTH_ALLOW);
	set_policies(ALLOW("*"),
		"{\"Version\":\"2012-10-17\",\"Statement\":{\"Sid\":\"No\",\"Effect\":"
		"\"Deny\",\"Action\":\"*\",\"Resource\":\"*/notes/1\"}}");
	assert_forbidden(signed_temporary("GET /notes/1"), "policy",
		"explicitly denied by statement 1 (No) of policy 'Auth#2'");
	assert_int_equal(check(signed_temporary("GET /notes/2")).outcome, AUTH_ALLOW);
	set_policies("{\"Statement\":7}", NULL);
	assert_forbidden(
		signed_temporary("GET /notes/1"), "policy", "statement 1: is not an object");
	set_policies(NULL, NULL);
	assert_forbidden(signed_temporary("GET /notes/1"), "policy", "there is no policy at all");
	credentials.role_arn = "arn:aws:iam::123456789012:role/Gone";
	assert_forbidden(signed_temporary("GET /notes/1"), "policy", "is not declared by the app");
}

static void a_session_policy_must_allow_as_well(void **state)
{
	(void)state;
	credentials.session_policy = ALLOW(API_ARN "/*/GET/notes/1");
	assert_int_equal(check(signed_temporary("GET /notes/1")).outcome, AUTH_ALLOW);
	assert_forbidden(signed_temporary("GET /notes/2"), "policy",
		"no statement of the session policy allows it");
	credentials.session_policy = ALLOW("*");
	assert_forbidden(signed_temporary("GET /other"), "policy", "no statement of its role");
	credentials.session_policy = "nonsense";
	assert_forbidden(signed_temporary("GET /notes/1"), "policy", "is not authorized");
}

static void a_long_arn_is_414(void **state)
{
	(void)state;
	size_t fixed = strlen(API_ARN "/$default/GET/");
	for (size_t over = 0; over < 2; over++) {
		struct buf line = BUF_INIT(4096);
		buf_add_str(&line, "GET /");
		for (size_t i = 0; i < 1600 - fixed + over; i++) {
			buf_add_char(&line, 'a');
		}
		struct outcome o = check(signed_by(buf_cstr(&line), "AKIAEXAMPLE", "static", NULL));
		assert_int_equal(o.outcome, over ? AUTH_URI_TOO_LONG : AUTH_ALLOW);
		buf_fini(&line);
	}
}

/* --- JWT --------------------------------------------------------------------------------- */

static struct http_request *bearer(const char *prefix, const char *token)
{
	return request("GET /x", arena_printf(arena, "authorization: %s%s\n", prefix, token));
}

#define CLAIMS(more) "{\"iss\":\"" ISSUER "\",\"aud\":\"api\",\"exp\":1735787046" more "}"

static void use_jwt(size_t n_scopes)
{
	route = (struct model_route){ .key = "GET /x",
		.authorization = MODEL_AUTH_JWT,
		.authorizer = &jwt_authorizer,
		.scopes = { scopes, n_scopes } };
}

static void a_good_token_passes_with_its_claims(void **state)
{
	(void)state;
	use_jwt(0);
	const char *token = token_make(arena, key, "k", CLAIMS(",\"scope\":\"a b\",\"n\":[1]"));
	const char *const prefixes[] = { "", "Bearer ", "bearer ", "Bearer " };
	for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
		struct outcome o = check(bearer(prefixes[i], token));
		if (o.outcome != AUTH_ALLOW) {
			fail_msg("%s", o.reason);
		}
		assert_string_equal(o.claims, "{\"iss\":\"" ISSUER "\",\"aud\":\"api\",\"exp\":"
					      "\"1735787046\",\"scope\":\"a b\",\"n\":\"[1]\"}");
		assert_string_equal(o.scopes, "null");
		assert_string_equal(o.www, "");
	}
	now_ms += 1000; /* a cached token expires all the same */
	assert_int_equal(check(bearer("", token)).outcome, AUTH_UNAUTHORIZED);
}

static void www_authenticate_texts(void **state)
{
	(void)state;
	use_jwt(0);
	struct outcome o = check(request("GET /x", ""));
	assert_int_equal(o.outcome, AUTH_UNAUTHORIZED);
	assert_string_equal(o.www, "Bearer");
	assert_string_equal(o.log_error, "missing: token not provided");
	assert_string_equal(check(bearer("Bearer", "")).www, "Bearer");
	o = check(bearer("Bearer ", "abc"));
	assert_string_equal(o.www, "Bearer scope=\"\" error=\"invalid_token\" error_description="
				   "\"token contains an invalid number of segments\"");
	assert_string_equal(
		o.log_error, "invalid_token: token contains an invalid number of segments");
	o = check(bearer("", token_make(arena, key, "k",
				     "{\"iss\":\"" ISSUER "\",\"aud\":\"x\",\"exp\":1735787046}")));
	assert_string_equal(o.www, "Bearer scope=\"\" error=\"invalid_token\" error_description="
				   "\"the token does not have a valid audience\"");
	assert_string_equal(o.check, "audience");
	use_jwt(2);
	o = check(bearer("", token_make(arena, key, "k", CLAIMS(",\"scope\":\"other\""))));
	assert_int_equal(o.outcome, AUTH_FORBIDDEN);
	assert_string_equal(o.www,
		"Bearer scope=\"notes/read notes/write\" error=\"insufficient_scope\" "
		"error_description=\"expected scopes: [notes/read notes/write]\"");
	o = check(bearer("", token_make(arena, key, "k", CLAIMS(",\"scope\":\"x notes/write\""))));
	assert_int_equal(o.outcome, AUTH_ALLOW);
	assert_string_equal(o.scopes, "[\"x\",\"notes/write\"]");
}

static void a_forged_token_is_refused_and_not_shown(void **state)
{
	(void)state;
	use_jwt(0);
	struct signing_key *other = token_key();
	const char *token = token_make(arena, other, "k", CLAIMS(""));
	struct outcome o = check(bearer("", token));
	assert_int_equal(o.outcome, AUTH_UNAUTHORIZED);
	assert_string_equal(o.check, "signature");
	assert_null(strstr(o.reason, token));
	assert_null(strstr(o.www, token));
	signing_key_destroy(other);
}

/* --- login tokens ------------------------------------------------------------------------ */

static void on_login(void *ctx, const cJSON *claims, const struct err *err)
{
	(void)snprintf(ctx, 600, "%s", claims ? json_str(claims, "sub") : err->msg);
}

static void login_tokens(void **state)
{
	(void)state;
	const struct model_oidc_provider provider = {
		.url = "https://x.auth0.com", .host = "x.auth0.com", .client_ids = { client_ids, 1 }
	};
	struct signing_key *other = token_key();
	const struct {
		const char *token, *words;
	} cases[] = {
		{ token_make(arena, key, "k", CLAIMS(",\"sub\":\"me\"")), "me" },
		{ "a.b.c", "Not a valid OpenId Connect identity token." },
		{ token_make(arena, other, "k", CLAIMS(",\"sub\":\"me\"")),
			"Couldn't verify signed token." },
		{ token_make(arena, key, "k", "{\"iss\":\"https://y/\"}"),
			"Issuer doesn't match providerName" },
		{ token_make(arena, key, "k", CLAIMS("")), "Missing a required claim: sub" },
	};
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT_OF(cases); i++) {
			char got[600] = "";
			assert_null(auth_verify_login(
				auth, &provider, span_of(cases[i].token), on_login, got));
			assert_string_equal(got, cases[i].words);
		}
	}
	signing_key_destroy(other);
}

/* --- CUSTOM ------------------------------------------------------------------------------ */

static void use_lambda(void)
{
	route = (struct model_route){ .key = "GET /x",
		.authorization = MODEL_AUTH_CUSTOM,
		.authorizer = &lambda_authorizer };
}

static struct outcome ask(const char *credential, enum lambda_outcome outcome, const char *payload)
{
	static struct outcome o;
	assert_non_null(start(bearer("", credential), &o));
	assert_int_equal(o.calls, 0);
	finish(outcome, payload);
	assert_int_equal(o.calls, 1);
	return o;
}

static void an_authorizers_answer_is_kept_for_its_ttl(void **state)
{
	(void)state;
	use_lambda();
	struct outcome o =
		ask("secret", LAMBDA_OK, "{\"isAuthorized\":true,\"context\":{\"a\":[1]}}");
	assert_int_equal(o.outcome, AUTH_ALLOW);
	assert_string_equal(o.context, "{\"a\":[1]}");
	assert_string_equal(invocation.payload, "v2 secret");
	o = check(bearer("", "secret"));
	assert_int_equal(o.outcome, AUTH_ALLOW);
	assert_string_equal(o.context, "{\"a\":[1]}");
	assert_int_equal(invocations, 1);
	o = ask("Secret", LAMBDA_OK, "{\"isAuthorized\":false}");
	assert_int_equal(o.outcome, AUTH_FORBIDDEN);
	assert_int_equal(check(bearer("", "Secret")).outcome, AUTH_FORBIDDEN);
	now_ms += 300 * 1000;
	(void)ask("secret", LAMBDA_OK, "{\"isAuthorized\":true}");
	assert_int_equal(invocations, 3);
	auth_set_model(auth, &model);
	(void)ask("secret", LAMBDA_OK, "{\"isAuthorized\":true}");
	lambda_authorizer.ttl_s = 0;
	(void)ask("secret", LAMBDA_OK, "{\"isAuthorized\":true}");
	lambda_authorizer.ttl_s = 300;
	lambda_authorizer.identity_sources.n = 0;
	(void)ask("secret", LAMBDA_OK, "{\"isAuthorized\":true}");
	(void)ask("secret", LAMBDA_OK, "{\"isAuthorized\":true}");
	assert_int_equal(invocations, 7);
}

static void a_kept_policy_is_judged_for_each_route(void **state)
{
	(void)state;
	use_lambda();
	lambda_authorizer.simple_responses = false;
	struct outcome o = ask("secret", LAMBDA_OK,
		"{\"principalId\":\"p\",\"policyDocument\":" ALLOW(API_ARN "/$default/GET/x") "}");
	assert_int_equal(o.outcome, AUTH_ALLOW);
	assert_string_equal(o.principal, "p");
	o = check(request("GET /y", "Authorization: secret\n"));
	assert_int_equal(o.outcome, AUTH_FORBIDDEN);
	assert_non_null(strstr(
		o.reason, "does not allow execute-api:Invoke on " API_ARN "/$default/GET/y"));
	assert_int_equal(invocations, 1);
}

static void failures_of_an_authorizer_are_500(void **state)
{
	(void)state;
	use_lambda();
	assert_int_equal(
		ask("a", LAMBDA_FUNCTION_ERROR, "{\"errorMessage\":\"Unauthorized\"}").outcome,
		AUTH_FAILED);
	assert_int_equal(ask("a", LAMBDA_THROTTLED, "").outcome, AUTH_FAILED);
	assert_int_equal(ask("a", LAMBDA_UNAVAILABLE, "").outcome, AUTH_FAILED);
	assert_int_equal(ask("a", LAMBDA_OK, "\"yes\"").outcome, AUTH_FAILED);
	assert_int_equal(invocations, 4); /* failures are not kept */
	lambda_authorizer.may_invoke = false;
	assert_int_equal(check(bearer("", "a")).outcome, AUTH_FAILED);
}

static void a_silent_authorizer_is_given_up_after_ten_seconds(void **state)
{
	(void)state;
	use_lambda();
	struct outcome o;
	assert_non_null(start(bearer("", "secret"), &o));
	assert_int_equal(the_timer.armed_ms, 10000);
	the_timer.fn(the_timer.ctx);
	assert_int_equal(o.calls, 1);
	assert_int_equal(o.outcome, AUTH_FAILED);
	assert_string_equal(
		o.reason, "authorizer function 'authorizer-fn' did not answer within 10 s");
	assert_false(invocation.open);
	assert_int_equal(the_timer.armed_ms, 0);
}

static void missing_identity_is_401_without_asking(void **state)
{
	(void)state;
	use_lambda();
	struct outcome o = check(request("GET /x", "Authorization:\n"));
	assert_int_equal(o.outcome, AUTH_UNAUTHORIZED);
	assert_string_equal(o.www, "");
	assert_int_equal(invocations, 0);
}

static void identity_comes_from_every_source(void **state)
{
	(void)state;
	use_lambda();
	const char *all[] = { "$request.header.x-a", "$request.querystring.q",
		"$context.routeKey" };
	lambda_authorizer.identity_sources = (struct model_strings){ all, 3 };
	struct outcome o;
	assert_non_null(start(request("GET /x?Q=0&q=a%20b&q=c+d", "X-A: 1\nX-A: 2\n"), &o));
	assert_string_equal(invocation.payload, "v2 1,2 a b,c d GET /x");
	finish(LAMBDA_OK, "{\"isAuthorized\":true}");
	const char *none[] = { "$stageVariables.x" };
	lambda_authorizer.identity_sources = (struct model_strings){ none, 1 };
	assert_int_equal(check(request("GET /x", "")).outcome, AUTH_UNAUTHORIZED);
}

static void a_client_that_left_is_not_told(void **state)
{
	(void)state;
	use_lambda();
	struct outcome o;
	struct auth_job *job = start(bearer("", "secret"), &o);
	auth_cancel(job);
	assert_false(invocation.open);
	assert_int_equal(o.calls, 0);
}

/* --- trust policies ---------------------------------------------------------------------- */

static void trust_policies(void **state)
{
	(void)state;
	AUTO_JSON cJSON *trust =
		cJSON_Parse("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":"
			    "\"Allow\",\"Principal\":{\"Federated\":\"cognito-identity.amazonaws."
			    "com\"},\"Action\":"
			    "\"sts:AssumeRoleWithWebIdentity\",\"Condition\":{\"StringEquals\":{"
			    "\"cognito-identity.amazonaws.com:aud\":\"us-east-1:pool\"},"
			    "\"ForAnyValue:StringLike\":{"
			    "\"cognito-identity.amazonaws.com:amr\":\"authenticated\"}}}]}");
	role.trust = trust;
	const struct model_pair keys[] = {
		{ "cognito-identity.amazonaws.com:aud", "us-east-1:pool" },
		{ "cognito-identity.amazonaws.com:amr", "x.auth0.com" },
		{ "cognito-identity.amazonaws.com:amr", "authenticated" },
	};
	const char *principal = "cognito-identity.amazonaws.com";
	const char *action = "sts:AssumeRoleWithWebIdentity";
	const char *reason;
	assert_true(auth_trusts(&role, principal, action, keys, 3, &reason, arena));
	assert_false(auth_trusts(&role, principal, action, keys, 2, &reason, arena));
	assert_non_null(
		strstr(reason, "amr: expected 'authenticated', the request has 'x.auth0.com'"));
	assert_false(auth_trusts(&role, principal, "sts:AssumeRole", keys, 3, &reason, arena));
	assert_false(auth_trusts(&role, "other", action, keys, 3, &reason, arena));
	assert_non_null(strstr(reason, "its Principal does not match (Federated "
				       "cognito-identity"));
	role.trust = NULL;
	assert_false(auth_trusts(&role, principal, action, keys, 3, &reason, arena));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(routes_without_authorization_pass),
		TEST(a_cognito_caller_is_known_to_the_handler),
		TEST(authentication_methods_are_read_from_json),
		TEST(a_static_user_may_do_everything),
		TEST(a_users_session_is_the_user),
		TEST(every_failure_is_forbidden_and_told),
		TEST(policies_decide_on_the_decoded_path),
		TEST(a_session_policy_must_allow_as_well),
		TEST(a_long_arn_is_414),
		TEST(a_good_token_passes_with_its_claims),
		TEST(www_authenticate_texts),
		TEST(a_forged_token_is_refused_and_not_shown),
		TEST(login_tokens),
		TEST(an_authorizers_answer_is_kept_for_its_ttl),
		TEST(a_kept_policy_is_judged_for_each_route),
		TEST(failures_of_an_authorizer_are_500),
		TEST(a_silent_authorizer_is_given_up_after_ten_seconds),
		TEST(missing_identity_is_401_without_asking),
		TEST(identity_comes_from_every_source),
		TEST(a_client_that_left_is_not_told),
		TEST(trust_policies),
	};
	return cmocka_run_group_tests(tests, make_key, drop_key);
}
