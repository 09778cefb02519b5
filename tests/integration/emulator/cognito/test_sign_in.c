/* From a login token to a signed request, over sockets: the real auth, store and model. Tokens are
 * signed here by the key that auth was told is the provider's. */
#include "http_peer.h"

#include "emulator/cognito/cognito.h"
#include "proxy/base/digest.h"
#include "proxy/base/encode.h"
#include "proxy/base/json.h"
#include "proxy/base/signing_key.h"

#define HOST "myorg.us.auth0.com"
#define CLIENT "UsGRQJJz5sDfPQDs6bhQ9Oc3hNISuVif"

static const char TEMPLATE[] =
	"[{\"id\":\"s\",\"name\":\"s\",\"template\":{\"Resources\":{"
	"\"Oidc\":{\"Type\":\"AWS::IAM::OIDCProvider\",\"Properties\":{\"Url\":\"https://" HOST
	"\","
	"\"ClientIdList\":[\"" CLIENT "\"]}},"
	"\"Pool\":{\"Type\":\"AWS::Cognito::IdentityPool\",\"Properties\":{"
	"\"AllowUnauthenticatedIdentities\":true,"
	"\"OpenIdConnectProviderARNs\":[{\"Ref\":\"Oidc\"}]}},"
	"\"Auth\":{\"Type\":\"AWS::IAM::Role\",\"Properties\":{\"AssumeRolePolicyDocument\":{"
	"\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{"
	"\"Federated\":\"cognito-identity.amazonaws.com\"},"
	"\"Action\":\"sts:AssumeRoleWithWebIdentity\",\"Condition\":{\"StringEquals\":{"
	"\"cognito-identity.amazonaws.com:aud\":{\"Ref\":\"Pool\"}},\"ForAnyValue:StringLike\":{"
	"\"cognito-identity.amazonaws.com:amr\":\"authenticated\"}}}]}}},"
	"\"Roles\":{\"Type\":\"AWS::Cognito::IdentityPoolRoleAttachment\",\"Properties\":{"
	"\"IdentityPoolId\":{\"Ref\":\"Pool\"},\"Roles\":{"
	"\"authenticated\":{\"Fn::GetAtt\":[\"Auth\",\"Arn\"]},"
	"\"unauthenticated\":{\"Fn::GetAtt\":[\"Auth\",\"Arn\"]}}}}}}}]";

static int64_t skew_ms;

static int64_t fake_now(void *ctx)
{
	return clock_system.now_ms(ctx) + skew_ms;
}

static uint64_t fake_mono(void *ctx)
{
	return clock_system.mono_ns(ctx);
}

static const struct clock fake = { fake_now, fake_mono, NULL };

struct fixture {
	uv_loop_t loop;
	struct store *store;
	struct model *model;
	struct auth *auth;
	struct cognito *cognito;
	struct http_server *server;
	struct signing_key *key, *foreign;
	struct peer peer;
	char url[64];
	cJSON *json;
	const char *pool;
};

static void on_request(void *ctx, struct http_exchange *x)
{
	struct fixture *f = ctx;
	assert_true(cognito_handles(http_request(x)));
	cognito_request(f->cognito, x);
}

static const char *resolve(void *ctx, const char *kind, const char *key)
{
	(void)ctx;
	(void)kind;
	(void)key;
	return "http://localhost:1";
}

static void publish(struct fixture *f)
{
	struct buf n = BUF_INIT(4096);
	struct buf e = BUF_INIT(64);
	struct buf jwks = BUF_INIT(8192);
	signing_key_public(f->key, &n, &e);
	buf_add_str(&jwks,
		"{\"keys\":[{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"k\","
		"\"n\":\"");
	base64url_encode(&jwks, buf_span(&n));
	buf_add_str(&jwks, "\",\"e\":\"");
	base64url_encode(&jwks, buf_span(&e));
	buf_add_str(&jwks, "\"}]}");
	auth_add_local_keys(f->auth, "https://" HOST, buf_span(&jwks));
	buf_fini(&n);
	buf_fini(&e);
	buf_fini(&jwks);
}

static void start(struct fixture *f)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *stacks = json_parse(span_of(TEMPLATE), &err);
	struct model_input in = { .app = "a",
		.stage = "dev",
		.region = "us-east-1",
		.account = "123456789012",
		.stacks = stacks,
		.resolve = resolve };
	f->model = model_build(&in, &err);
	struct auth_config auth = { .loop = &f->loop, .clock = &fake, .store = f->store };
	f->auth = f->model ? auth_create(&auth, &err) : NULL;
	if (!f->auth) {
		fail_msg("%s", err.msg);
	}
	auth_set_model(f->auth, f->model);
	publish(f);
	struct cognito_config config = { .clock = &fake,
		.auth = f->auth,
		.store = f->store,
		.account = "123456789012",
		.region = "us-east-1" };
	f->cognito = cognito_create(&config);
	cognito_set_model(f->cognito, f->model);
	f->pool = f->model->pools[0].id;
	struct http_server_config server = {
		.ctx = f, .on_request = on_request, .send_date = true
	};
	f->server = http_server_open(&f->loop, "127.0.0.1", 0, &server, &err);
	assert_non_null(f->server);
	snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/", http_server_port(f->server));
	peer_init(&f->peer, &f->loop);
}

static void stop(struct fixture *f)
{
	peer_fini(&f->peer);
	http_server_close(f->server, 0, NULL, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	cognito_destroy(f->cognito);
	auth_destroy(f->auth);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	model_destroy(f->model);
}

static int setup(void **state)
{
	struct fixture *f = xalloc(sizeof *f);
	struct err err = ERR_INIT;
	skew_ms = 0;
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->store = store_open(NULL, &fake, &err);
	f->key = signing_key_generate(&err);
	f->foreign = signing_key_generate(&err);
	assert_true(f->store && f->key && f->foreign);
	start(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	stop(f);
	cJSON_Delete(f->json);
	signing_key_destroy(f->key);
	signing_key_destroy(f->foreign);
	store_close(f->store);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

static char *sign_token(
	struct signing_key *key, const char *issuer, const char *audience, int64_t age_s)
{
	int64_t now = fake_now(NULL) / 1000 - age_s;
	AUTO_FREE char *claims = xasprintf("{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"auth0|a\","
					   "\"iat\":%lld,\"exp\":%lld}",
		issuer, audience, (long long)now, (long long)now + 36000);
	struct buf out = BUF_INIT(1 << 16);
	signing_key_jwt(key, "RS256", SPAN("{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k\"}"),
		span_of(claims), &out);
	return buf_take(&out, NULL);
}

static void call(struct fixture *f, const char *operation, const char *body)
{
	AUTO_FREE char *target = xasprintf("AWSCognitoIdentityService.%s", operation);
	const struct http_header headers[] = {
		{ SPAN("Content-Type"), SPAN("application/x-amz-json-1.1") },
		{ SPAN("X-Amz-Target"), span_of(target) },
	};
	peer_send(&f->peer, "POST", f->url, headers, 2, body);
	cJSON_Delete(f->json);
	f->json = json_parse(buf_span(&f->peer.body), NULL);
	assert_non_null(f->json);
}

static void get_id(struct fixture *f, const char *jwt)
{
	AUTO_FREE char *body = xasprintf(
		"{\"IdentityPoolId\":\"%s\",\"Logins\":{\"" HOST "\":\"%s\"}}", f->pool, jwt);
	call(f, "GetId", body);
}

static void expect_refused(struct fixture *f, const char *message)
{
	assert_int_equal(f->peer.status, 400);
	assert_string_equal(json_str(f->json, "__type"), "NotAuthorizedException");
	assert_string_equal(json_str(f->json, "message"), message);
}

static void hmac_hex(struct buf *out, const char *secret, const char *date, const char *service,
	const char *text)
{
	unsigned char key[SHA256_LEN];
	AUTO_FREE char *start = xasprintf("AWS4%s", secret);
	const char *const parts[] = { "us-east-1", service, "aws4_request" };
	hmac_sha256(key, span_of(start), span_n(date, 8));
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		hmac_sha256(key, span_n((char *)key, sizeof key), span_of(parts[i]));
	}
	hmac_sha256(key, span_n((char *)key, sizeof key), span_of(text));
	hex_encode(out, span_n((char *)key, sizeof key));
}

/* A signed POST to STS. */
static void sts(struct fixture *f, const char *access, const char *secret, const char *session,
	const char *form)
{
	char date[17];
	time_basic(date, fake_now(NULL));
	char host[64];
	snprintf(host, sizeof host, "127.0.0.1:%u", http_server_port(f->server));
	struct buf canonical = BUF_INIT(1 << 16);
	buf_addf(&canonical,
		"POST\n/\n\ncontent-type:application/"
		"x-www-form-urlencoded\nhost:%s\nx-amz-date:%s\n"
		"x-amz-security-token:%s\n\ncontent-type;host;x-amz-date;x-amz-security-token\n",
		host, date, session);
	sha256_hex(&canonical, span_of(form));
	struct buf text = BUF_INIT(1 << 16);
	buf_addf(&text, "AWS4-HMAC-SHA256\n%s\n%.8s/us-east-1/sts/aws4_request\n", date, date);
	sha256_hex(&text, buf_span(&canonical));
	struct buf authorization = BUF_INIT(4096);
	buf_addf(&authorization,
		"AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/sts/aws4_request, "
		"SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=",
		access, date);
	hmac_hex(&authorization, secret, date, "sts", buf_cstr(&text));
	const struct http_header headers[] = {
		{ SPAN("Content-Type"), SPAN("application/x-www-form-urlencoded") },
		{ SPAN("X-Amz-Date"), span_of(date) },
		{ SPAN("X-Amz-Security-Token"), span_of(session) },
		{ SPAN("Authorization"), buf_span(&authorization) },
	};
	peer_send(&f->peer, "POST", f->url, headers, COUNT_OF(headers), form);
	buf_fini(&canonical);
	buf_fini(&text);
	buf_fini(&authorization);
}

#define WHO "Action=GetCallerIdentity&Version=2011-06-15"

static void a_login_becomes_credentials_that_sign(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *jwt = sign_token(f->key, "https://" HOST "/", CLIENT, 0);
	get_id(f, jwt);
	assert_int_equal(f->peer.status, 200);
	AUTO_FREE char *id = xstrdup(json_str(f->json, "IdentityId"));
	AUTO_FREE char *body =
		xasprintf("{\"IdentityId\":\"%s\",\"Logins\":{\"" HOST "\":\"%s\"}}", id, jwt);
	call(f, "GetCredentialsForIdentity", body);
	assert_int_equal(f->peer.status, 200);
	const cJSON *c = json_object(f->json, "Credentials");
	AUTO_FREE char *key = xstrdup(json_str(c, "AccessKeyId"));
	AUTO_FREE char *secret = xstrdup(json_str(c, "SecretKey"));
	AUTO_FREE char *session = xstrdup(json_str(c, "SessionToken"));
	sts(f, key, secret, session, WHO);
	assert_int_equal(f->peer.status, 200);
	assert_non_null(strstr(buf_cstr(&f->peer.body), ":CognitoIdentityCredentials</UserId>"));
	/* After a restart, with the same store, all of it still holds. */
	stop(f);
	start(f);
	get_id(f, jwt);
	assert_string_equal(json_str(f->json, "IdentityId"), id);
	sts(f, key, secret, session, WHO);
	assert_int_equal(f->peer.status, 200);
	sts(f, key, "wrong", session, WHO);
	assert_int_equal(f->peer.status, 403);
	assert_non_null(strstr(buf_cstr(&f->peer.body), "<Code>SignatureDoesNotMatch</Code>"));
	sts(f, key, secret, "other", WHO);
	assert_non_null(strstr(buf_cstr(&f->peer.body), "<Code>InvalidClientTokenId</Code>"));
	skew_ms = 3600000;
	sts(f, key, secret, session, WHO);
	assert_int_equal(f->peer.status, 403);
	assert_non_null(strstr(buf_cstr(&f->peer.body), "<Code>ExpiredToken</Code>"));
	assert_null(strstr(buf_cstr(&f->peer.body), "ago"));
}

static void bad_tokens_get_the_services_words(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *foreign = sign_token(f->foreign, "https://" HOST "/", CLIENT, 0);
	get_id(f, foreign);
	expect_refused(f, "Invalid login token. Couldn't verify signed token.");
	AUTO_FREE char *other = sign_token(f->key, "https://other.us.auth0.com/", CLIENT, 0);
	get_id(f, other);
	expect_refused(f, "Invalid login token. Issuer doesn't match providerName");
	AUTO_FREE char *audience = sign_token(f->key, "https://" HOST "/", "stranger", 0);
	get_id(f, audience);
	expect_refused(f, "Invalid login token. Incorrect token audience");
	get_id(f, "nonsense");
	expect_refused(f, "Invalid login token. Not a valid OpenId Connect identity token.");
	AUTO_FREE char *old = sign_token(f->key, "https://" HOST "/", CLIENT, 36001);
	get_id(f, old);
	assert_non_null(
		strstr(json_str(f->json, "message"), "Invalid login token. Token expired: "));
	AUTO_FREE char *good = sign_token(f->key, "https://" HOST "/", CLIENT, 0);
	AUTO_FREE char *unsigned_one = xstrdup(good);
	strrchr(unsigned_one, '.')[1] = '\0';
	get_id(f, unsigned_one);
	assert_int_equal(f->peer.status, 400);
	get_id(f, good);
	assert_int_equal(f->peer.status, 200);
}

static void the_trust_policy_keeps_guests_out(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *body = xasprintf("{\"IdentityPoolId\":\"%s\"}", f->pool);
	call(f, "GetId", body);
	assert_int_equal(f->peer.status, 200);
	AUTO_FREE char *identity =
		xasprintf("{\"IdentityId\":\"%s\"}", json_str(f->json, "IdentityId"));
	call(f, "GetCredentialsForIdentity", identity);
	assert_string_equal(
		json_str(f->json, "__type"), "InvalidIdentityPoolConfigurationException");
}

static void the_classic_flow_works_over_sts(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *jwt = sign_token(f->key, "https://" HOST "/", CLIENT, 0);
	get_id(f, jwt);
	AUTO_FREE char *body = xasprintf("{\"IdentityId\":\"%s\",\"Logins\":{\"" HOST "\":\"%s\"}}",
		json_str(f->json, "IdentityId"), jwt);
	call(f, "GetOpenIdToken", body);
	assert_int_equal(f->peer.status, 200);
	const char *role = f->model->roles[0].arn;
	AUTO_FREE char *form = xasprintf("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&"
					 "RoleSessionName=classic&RoleArn=%s"
					 "&WebIdentityToken=%s",
		role, json_str(f->json, "Token"));
	const struct http_header type = { SPAN("Content-Type"),
		SPAN("application/x-www-form-urlencoded") };
	/* STS may be asked in another run than the one that signed. */
	stop(f);
	start(f);
	peer_send(&f->peer, "POST", f->url, &type, 1, form);
	assert_int_equal(f->peer.status, 200);
	assert_non_null(strstr(
		buf_cstr(&f->peer.body), "<Provider>cognito-identity.amazonaws.com</Provider>"));
	/* The provider's own token is not trusted by this role. */
	AUTO_FREE char *direct = xasprintf("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&"
					   "RoleSessionName=direct&RoleArn=%s"
					   "&WebIdentityToken=%s",
		f->model->roles[0].arn, jwt);
	peer_send(&f->peer, "POST", f->url, &type, 1, direct);
	assert_int_equal(f->peer.status, 403);
	assert_non_null(strstr(buf_cstr(&f->peer.body),
		"Not authorized to perform sts:AssumeRoleWithWebIdentity"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_login_becomes_credentials_that_sign),
		T(bad_tokens_get_the_services_words),
		T(the_trust_policy_keeps_guests_out),
		T(the_classic_flow_works_over_sts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
