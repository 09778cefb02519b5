/* Cognito Identity and STS over a fake exchange and a fake auth: the token "good:SUB" is good, any other
 * is refused with the text given. */
#include "fake_exchange.h"

#include "emulator/cognito/cognito.h"
#include "proxy/base/json.h"

#define POOL "us-east-1:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
#define HOST "myorg.us.auth0.com"
#define PROVIDER_ARN "arn:aws:iam::123456789012:oidc-provider/myorg.us.auth0.com"
#define AUTH_ROLE "arn:aws:iam::123456789012:role/AuthRole"
#define GUEST_ROLE "arn:aws:iam::123456789012:role/GuestRole"

/* --- fakes ---------------------------------------------------------------------------------- */

static struct {
	bool wait; /* verify later */
	auth_token_fn done;
	void *ctx;
	char token[256];
	int cancels;
	bool untrusting;
	bool signed_in;
	char trust_keys[2048];
	char principal[256];
} auth;

static void answer(const char *token, auth_token_fn done, void *ctx)
{
	if (strncmp(token, "good:", 5) != 0) {
		struct err err = ERR_INIT;
		err_set(&err, ERR_DENIED, "%s", token);
		done(ctx, NULL, &err);
		return;
	}
	cJSON *claims = cJSON_CreateObject();
	cJSON_AddStringToObject(claims, "sub", token + 5);
	cJSON_AddStringToObject(claims, "aud", "CLIENT");
	done(ctx, claims, NULL);
	cJSON_Delete(claims);
}

struct auth_job *auth_verify_login(struct auth *a, const struct model_oidc_provider *provider,
	struct span token, auth_token_fn done, void *ctx)
{
	(void)a;
	assert_non_null(provider->host);
	snprintf(auth.token, sizeof auth.token, "%.*s", SPAN_ARG(token));
	if (auth.wait) {
		auth.done = done;
		auth.ctx = ctx;
		return (struct auth_job *)(void *)&auth;
	}
	answer(auth.token, done, ctx);
	return NULL;
}

void auth_cancel(struct auth_job *job)
{
	assert_ptr_equal(job, &auth);
	auth.cancels++;
}

bool auth_trusts(const struct model_role *role, const char *principal, const char *action,
	const struct model_pair *keys, size_t n, const char **reason, struct arena *arena)
{
	(void)role;
	(void)arena;
	assert_non_null(strstr(action, "sts:AssumeRole"));
	snprintf(auth.principal, sizeof auth.principal, "%s", principal);
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		at += (size_t)snprintf(auth.trust_keys + at, sizeof auth.trust_keys - at, "%s=%s;",
			keys[i].name, keys[i].value);
	}
	*reason = "no statement allows it";
	return !auth.untrusting;
}

bool auth_verify_sigv4(struct auth *a, const struct http_request *r, const char *service,
	unsigned window_s, struct arena *arena, struct auth_caller *out, const char **check,
	const char **reason, const char **aws_error)
{
	(void)a;
	(void)r;
	(void)service;
	(void)arena;
	assert_int_equal(window_s, 900);
	*out = (struct auth_caller){ .role_arn = AUTH_ROLE, .expires_ms = INT64_MAX };
	out->iam.user_arn = "arn:aws:sts::123456789012:assumed-role/AuthRole/s";
	out->iam.user_id = "AROAX:s";
	out->iam.account_id = "123456789012";
	*check = "signature";
	*reason = "the secret word";
	*aws_error = "SignatureDoesNotMatch";
	return auth.signed_in;
}

bool auth_allowed(struct auth *a, const struct auth_caller *caller, const char *action,
	const char *resource, const struct http_request *r, struct arena *arena,
	const char **reason)
{
	(void)a;
	(void)caller;
	(void)action;
	(void)resource;
	(void)r;
	(void)arena;
	*reason = "no policy";
	return false;
}

void auth_add_local_keys(struct auth *a, const char *issuer, struct span jwks)
{
	(void)a;
	assert_string_equal(issuer, "https://cognito-identity.amazonaws.com");
	assert_non_null(memmem(jwks.ptr, jwks.len, "RS512", 5));
}

static const char *clients[] = { "CLIENT" };
static struct model_oidc_provider oidc = { PROVIDER_ARN, "https://" HOST, HOST, { clients, 1 } };
static const struct model_oidc_provider *pool_oidc[] = { &oidc };
static struct model_pair social[] = { { "accounts.google.com", "GOOGLE" } };
static struct model_pool pool;
static struct model_role roles[] = {
	{ .arn = AUTH_ROLE, .name = "AuthRole", .id = "AROAAUTH", .max_session_s = 3600 },
	{ .arn = GUEST_ROLE, .name = "GuestRole", .id = "AROAGUEST", .max_session_s = 3600 },
};
static struct model the_model;

const struct model_pool *model_pool(const struct model *m, const char *id)
{
	return strcmp(m->pools[0].id, id) == 0 ? &m->pools[0] : NULL;
}

const struct model_role *model_role(const struct model *m, const char *arn)
{
	for (size_t i = 0; i < m->n_roles; i++) {
		if (strcmp(m->roles[i].arn, arn) == 0) {
			return &m->roles[i];
		}
	}
	return NULL;
}

const struct model_oidc_provider *model_oidc(const struct model *m, const char *host)
{
	return strcmp(m->oidc[0].host, host) == 0 ? &m->oidc[0] : NULL;
}

/* --- fixture -------------------------------------------------------------------------------- */

static int64_t now = INT64_C(1700000000000);

static int64_t fake_now(void *ctx)
{
	(void)ctx;
	return now;
}

static uint64_t fake_mono(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct clock fake = { fake_now, fake_mono, NULL };

struct fixture {
	struct store *store;
	struct cognito *cognito;
	struct http_exchange *x; /* the last one */
	cJSON *json; /* its body */
	char refused[512];
};

static void on_refused(void *ctx, const char *operation, const char *type, const char *reason)
{
	struct fixture *f = ctx;
	snprintf(f->refused, sizeof f->refused, "%s %s %s", operation, type, reason);
}

static int setup(void **state)
{
	struct fixture *f = xalloc(sizeof *f);
	struct err err = ERR_INIT;
	memset(&auth, 0, sizeof auth);
	pool = (struct model_pool){ .id = POOL,
		.name = "the pool",
		.allow_classic = true,
		.allow_unauthenticated = true,
		.oidc = pool_oidc,
		.n_oidc = 1,
		.social = social,
		.n_social = 1,
		.authenticated_role = AUTH_ROLE,
		.unauthenticated_role = GUEST_ROLE };
	the_model = (struct model){ .pools = &pool,
		.n_pools = 1,
		.roles = roles,
		.n_roles = 2,
		.oidc = &oidc,
		.n_oidc = 1 };
	f->store = store_open(NULL, &fake, &err);
	assert_non_null(f->store);
	struct cognito_config config = { .clock = &fake,
		.store = f->store,
		.account = "123456789012",
		.region = "us-east-1",
		.on_refused = on_refused,
		.ctx = f };
	f->cognito = cognito_create(&config);
	cognito_set_model(f->cognito, &the_model);
	*state = f;
	return 0;
}

static void forget(struct fixture *f)
{
	cJSON_Delete(f->json);
	f->json = NULL;
	if (f->x) {
		fake_exchange_free(f->x);
	}
	f->x = NULL;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	forget(f);
	cognito_destroy(f->cognito);
	store_close(f->store);
	free(f);
	return 0;
}

static void begin(struct fixture *f, const char *operation, const char *body)
{
	forget(f);
	f->x = fake_exchange("POST", "/", body);
	AUTO_FREE char *target = xasprintf("AWSCognitoIdentityService.%s", operation);
	fake_header(f->x, "X-Amz-Target", target);
	fake_header(f->x, "Content-Type", "application/x-amz-json-1.1");
}

static void finish(struct fixture *f)
{
	assert_true(cognito_handles(&f->x->request));
	cognito_request(f->cognito, f->x);
	if (f->x->status && f->x->body.len) {
		f->json = json_parse(buf_span(&f->x->body), NULL);
	}
}

static void call(struct fixture *f, const char *operation, const char *body)
{
	begin(f, operation, body);
	finish(f);
}

static void sts(struct fixture *f, const char *form)
{
	forget(f);
	f->x = fake_exchange("POST", "/", form);
	fake_header(f->x, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
	assert_true(cognito_handles(&f->x->request));
	cognito_request(f->cognito, f->x);
}

static void expect_error(struct fixture *f, const char *type, const char *message)
{
	AUTO_FREE char *body = xasprintf("{\"__type\":\"%s\",\"message\":\"%s\"}", type, message);
	assert_int_equal(f->x->status, 400);
	assert_string_equal(buf_cstr(&f->x->body), body);
	AUTO_FREE char *header = xasprintf("x-amzn-ErrorType: %s:", type);
	assert_true(fake_has_header(f->x, header));
	assert_true(fake_has_header(f->x, "Content-Type: application/x-amz-json-1.1"));
	assert_true(fake_has_header(f->x, "Access-Control-Allow-Origin: *"));
	assert_int_equal(strlen(fake_value(f->x, "x-amzn-RequestId")), 36);
}

static char *get_id(struct fixture *f, const char *subject)
{
	AUTO_FREE char *body = subject ? xasprintf("{\"IdentityPoolId\":\"" POOL
						   "\",\"Logins\":{\"" HOST "\":\"good:%s\"}}",
						 subject)
				       : xstrdup("{\"IdentityPoolId\":\"" POOL "\",\"Logins\":{}}");
	call(f, "GetId", body);
	assert_int_equal(f->x->status, 200);
	const char *id = json_str(f->json, "IdentityId");
	assert_non_null(id);
	return xstrdup(id);
}

static void credentials(struct fixture *f, const char *id, const char *logins)
{
	AUTO_FREE char *body = xasprintf("{\"IdentityId\":\"%s\",\"Logins\":{%s}}", id, logins);
	call(f, "GetCredentialsForIdentity", body);
}

#define DONT_MATCH                                                                          \
	"Logins don't match. Please include at least one valid login for this identity or " \
	"identity pool."

/* --- tests ---------------------------------------------------------------------------------- */

static void a_user_has_one_identity(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *a = get_id(f, "a");
	AUTO_FREE char *again = get_id(f, "a");
	AUTO_FREE char *b = get_id(f, "b");
	assert_string_equal(a, again);
	assert_string_not_equal(a, b);
	assert_memory_equal(a, "us-east-1:", 10);
	assert_int_equal(f->x->body.len, 63);
}

static void each_guest_is_new(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *a = get_id(f, NULL);
	AUTO_FREE char *b = get_id(f, NULL);
	assert_string_not_equal(a, b);
	pool.allow_unauthenticated = false;
	call(f, "GetId", "{\"IdentityPoolId\":\"" POOL "\"}");
	expect_error(f, "NotAuthorizedException",
		"Unauthenticated access is not supported for this identity pool.");
}

static void ids_are_checked(void **state)
{
	struct fixture *f = *state;
	call(f, "GetId", "{\"IdentityPoolId\":\"bogus\"}");
	expect_error(f, "ValidationException",
		"1 validation error detected: Value 'bogus' at 'identityPoolId' failed to satisfy "
		"constraint: Member must satisfy regular expression pattern: "
		"[\\\\w-]+:[0-9a-f-]+");
	call(f, "GetId", "{}");
	expect_error(f, "ValidationException",
		"1 validation error detected: Value null at 'identityPoolId' failed to satisfy "
		"constraint: Member must not be null");
	call(f, "GetId", "{\"IdentityPoolId\":\"us-east-1:abc\"}");
	expect_error(f, "ResourceNotFoundException", "IdentityPool 'us-east-1:abc' not found.");
	call(f, "GetCredentialsForIdentity", "{\"IdentityId\":\"us-west-2:abc\"}");
	expect_error(f, "ResourceNotFoundException", "Identity 'us-west-2:abc' not found.");
	call(f, "GetId", "{\"IdentityPoolId\":7}");
	assert_non_null(strstr(buf_cstr(&f->x->body), "SerializationException"));
	call(f, "GetId", "not json");
	assert_string_equal(buf_cstr(&f->x->body), "{\"__type\":\"SerializationException\"}");
	call(f, "CreateIdentityPool", "{}");
	assert_non_null(strstr(buf_cstr(&f->x->body), "UnknownOperationException"));
}

static void bad_tokens_are_refused_with_the_services_text(void **state)
{
	struct fixture *f = *state;
	call(f, "GetId",
		"{\"IdentityPoolId\":\"" POOL "\",\"Logins\":{\"" HOST
		"\":\"Token expired: 2 >= 1\"}}");
	expect_error(f, "NotAuthorizedException", "Invalid login token. Token expired: 2 >= 1");
	assert_true(fake_has_header(
		f->x, "x-amzn-ErrorMessage: Invalid login token. Token expired: 2 >= 1"));
	assert_non_null(strstr(f->refused, "GetId NotAuthorizedException"));
	call(f, "GetId", "{\"IdentityPoolId\":\"" POOL "\",\"Logins\":{\"other.com\":\"good:a\"}}");
	expect_error(f, "NotAuthorizedException",
		"Token is not from a supported provider of this identity pool.");
	call(f, "GetId", "{\"IdentityPoolId\":\"" POOL "\",\"Logins\":{\"auth0\":\"good:a\"}}");
	expect_error(f, "InvalidParameterException", "Please provide a valid public provider");
	call(f, "GetId",
		"{\"IdentityPoolId\":\"" POOL
		"\",\"Logins\":{\"cognito-identity.amazonaws.com\":\"good:a\"}}");
	expect_error(
		f, "NotAuthorizedException", "Invalid login token. Can't pass in a Cognito token.");
	/* One good and one bad: none counts. */
	call(f, "GetId",
		"{\"IdentityPoolId\":\"" POOL "\",\"Logins\":{\"" HOST
		"\":\"good:a\",\"accounts.google.com\":\"Couldn't verify signed token.\"}}");
	expect_error(
		f, "NotAuthorizedException", "Invalid login token. Couldn't verify signed token.");
	struct arena *arena = arena_create();
	assert_null(store_login_owner(f->store, POOL, HOST, "a", arena));
	arena_destroy(arena);
}

static void credentials_carry_the_login(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *id = get_id(f, "auth0|a");
	credentials(f, id, "\"" HOST "\":\"good:auth0|a\"");
	assert_int_equal(f->x->status, 200);
	const cJSON *c = json_object(f->json, "Credentials");
	assert_true(json_num(c, "Expiration", 0) == 1700003600);
	assert_string_equal(json_str(f->json, "IdentityId"), id);
	const struct store_credentials *kept =
		store_credentials_find(f->store, json_str(c, "AccessKeyId"));
	assert_non_null(kept);
	assert_string_equal(kept->secret, json_str(c, "SecretKey"));
	assert_string_equal(kept->session_token, json_str(c, "SessionToken"));
	assert_string_equal(kept->role_arn, AUTH_ROLE);
	assert_string_equal(kept->session_name, "CognitoIdentityCredentials");
	assert_string_equal(
		kept->amr, "[\"authenticated\",\"" HOST "\",\"" PROVIDER_ARN ":OIDC:auth0|a\"]");
	assert_false(kept->guest);
	assert_string_equal(auth.principal, "cognito-identity.amazonaws.com");
	AUTO_FREE char *keys = xasprintf("cognito-identity.amazonaws.com:aud=" POOL
					 ";cognito-identity.amazonaws.com:sub=%s;"
					 "cognito-identity.amazonaws.com:amr=authenticated;",
		id);
	assert_memory_equal(auth.trust_keys, keys, strlen(keys));
}

static void guests_get_the_guest_role(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *id = get_id(f, NULL);
	credentials(f, id, "");
	assert_int_equal(f->x->status, 200);
	const struct store_credentials *kept = store_credentials_find(
		f->store, json_str(json_object(f->json, "Credentials"), "AccessKeyId"));
	assert_string_equal(kept->role_arn, GUEST_ROLE);
	assert_string_equal(kept->amr, "[\"unauthenticated\"]");
	assert_true(kept->guest);
}

static void a_role_that_is_missing_or_distrusts_is_a_configuration_error(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *id = get_id(f, NULL);
	auth.untrusting = true;
	credentials(f, id, "");
	expect_error(f, "InvalidIdentityPoolConfigurationException",
		"Invalid identity pool configuration. Check assigned IAM roles for this pool.");
	assert_non_null(strstr(f->refused, "no statement allows it"));
	pool.unauthenticated_role = "";
	credentials(f, id, "");
	expect_error(f, "InvalidIdentityPoolConfigurationException",
		"Invalid identity pool configuration. Check assigned IAM roles for this pool.");
	assert_non_null(strstr(f->refused, "no role for unauthenticated"));
}

static void another_logins_identity_is_never_given(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *a = get_id(f, "a");
	AUTO_FREE char *b = get_id(f, "b");
	/* with somebody else's login, with a new login, with none */
	credentials(f, a, "\"" HOST "\":\"good:b\"");
	expect_error(f, "NotAuthorizedException", DONT_MATCH);
	credentials(f, a, "\"" HOST "\":\"good:new\"");
	expect_error(f, "NotAuthorizedException", DONT_MATCH);
	credentials(f, a, "\"accounts.google.com\":\"good:new\"");
	expect_error(f, "NotAuthorizedException", DONT_MATCH);
	credentials(f, a, "");
	expect_error(f, "NotAuthorizedException", DONT_MATCH);
	AUTO_FREE char *still = get_id(f, "b");
	assert_string_equal(b, still);
}

static void a_guest_that_logs_in_keeps_its_id(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *guest = get_id(f, NULL);
	credentials(f, guest, "\"" HOST "\":\"good:a\"");
	assert_string_equal(json_str(f->json, "IdentityId"), guest);
	AUTO_FREE char *later = get_id(f, "a");
	assert_string_equal(guest, later);
	credentials(f, guest, "");
	expect_error(f, "NotAuthorizedException", DONT_MATCH);
}

static void a_guest_with_a_known_login_becomes_that_identity(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *a = get_id(f, "a");
	AUTO_FREE char *guest = get_id(f, NULL);
	credentials(f, guest, "\"" HOST "\":\"good:a\"");
	assert_string_equal(json_str(f->json, "IdentityId"), a);
	credentials(f, guest, "");
	expect_error(f, "NotAuthorizedException", DONT_MATCH);
}

static void a_second_provider_is_linked_when_the_first_proves_ownership(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *a = get_id(f, "a");
	credentials(f, a, "\"" HOST "\":\"good:a\",\"accounts.google.com\":\"good:g\"");
	assert_int_equal(f->x->status, 200);
	call(f, "GetId",
		"{\"IdentityPoolId\":\"" POOL
		"\",\"Logins\":{\"accounts.google.com\":\"good:g\"}}");
	assert_string_equal(json_str(f->json, "IdentityId"), a);
	AUTO_FREE char *b = get_id(f, "b");
	credentials(f, b, "\"" HOST "\":\"good:b\",\"accounts.google.com\":\"good:g\"");
	assert_non_null(strstr(buf_cstr(&f->x->body), "ResourceConflictException"));
}

static void waiting_calls_survive_a_model_swap_and_a_leaving_client(void **state)
{
	struct fixture *f = *state;
	auth.wait = true;
	call(f, "GetId", "{\"IdentityPoolId\":\"" POOL "\",\"Logins\":{\"" HOST "\":\"good:a\"}}");
	assert_int_equal(f->x->status, 0);
	cognito_set_model(f->cognito, NULL);
	answer(auth.token, auth.done, auth.ctx);
	expect_error(f, "ResourceNotFoundException", "IdentityPool '" POOL "' not found.");
	cognito_set_model(f->cognito, &the_model);
	call(f, "GetId", "{\"IdentityPoolId\":\"" POOL "\",\"Logins\":{\"" HOST "\":\"good:a\"}}");
	f->x->gone(f->x->gone_ctx);
	assert_int_equal(auth.cancels, 1);
}

static void the_classic_flow_ends_in_sts(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *id = get_id(f, "a");
	AUTO_FREE char *body =
		xasprintf("{\"IdentityId\":\"%s\",\"Logins\":{\"" HOST "\":\"good:a\"}}", id);
	call(f, "GetOpenIdToken", body);
	assert_int_equal(f->x->status, 200);
	const char *token = json_str(f->json, "Token");
	assert_non_null(token);
	assert_memory_equal(
		token, "eyJraWQiOiJ1cy1lYXN0LTEtMSIsInR5cCI6IkpXUyIsImFsZyI6IlJTNTEyIn0.", 64);
	pool.allow_classic = false;
	call(f, "GetOpenIdToken", body);
	expect_error(f, "InvalidParameterException",
		"Basic (classic) flow is not enabled, please use enhanced flow.");
}

static void administration_from_a_web_page_needs_a_signature(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *a = get_id(f, "a");
	call(f, "ListIdentityPools", "{\"MaxResults\":10}");
	assert_string_equal(buf_cstr(&f->x->body), "{\"IdentityPools\":[{\"IdentityPoolId\":\"" POOL
						   "\",\"IdentityPoolName\":\"the pool\"}]}");
	begin(f, "ListIdentityPools", "{\"MaxResults\":10}");
	fake_header(f->x, "Origin", "https://evil.example");
	finish(f);
	assert_int_equal(f->x->status, 400);
	assert_non_null(strstr(buf_cstr(&f->x->body), "InvalidSignatureException"));
	assert_null(strstr(buf_cstr(&f->x->body), "secret word"));
	assert_non_null(strstr(f->refused, "secret word"));
	auth.signed_in = true;
	begin(f, "ListIdentityPools", "{\"MaxResults\":10}");
	snprintf(f->x->request.peer, sizeof f->x->request.peer, "10.0.0.7");
	finish(f);
	assert_non_null(strstr(buf_cstr(&f->x->body),
		"{\"__type\":\"AccessDeniedException\",\"Message\":\"User: "));
}

static void identities_can_be_listed_and_deleted(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *a = get_id(f, "a");
	AUTO_FREE char *b = get_id(f, "b");
	call(f, "ListIdentities", "{\"IdentityPoolId\":\"" POOL "\",\"MaxResults\":1}");
	const cJSON *list = json_array(f->json, "Identities");
	assert_int_equal(cJSON_GetArraySize(list), 1);
	assert_string_equal(json_value(json_array(list->child, "Logins")->child), HOST);
	assert_non_null(json_str(f->json, "NextToken"));
	AUTO_FREE char *body = xasprintf("{\"IdentityIdsToDelete\":[\"%s\"]}", a);
	call(f, "DeleteIdentities", body);
	assert_string_equal(buf_cstr(&f->x->body), "{\"UnprocessedIdentityIds\":[]}");
	AUTO_FREE char *one = xasprintf("{\"IdentityId\":\"%s\"}", a);
	call(f, "DescribeIdentity", one);
	AUTO_FREE char *message = xasprintf("Identity '%s' not found.", a);
	expect_error(f, "ResourceNotFoundException", message);
	AUTO_FREE char *unlink = xasprintf("{\"IdentityId\":\"%s\",\"Logins\":{\"" HOST
					   "\":\"good:b\"},\"LoginsToRemove\":[\"" HOST "\"]}",
		b);
	call(f, "UnlinkIdentity", unlink);
	assert_int_equal(f->x->status, 200);
	AUTO_FREE char *new_b = get_id(f, "b");
	assert_string_not_equal(b, new_b);
}

static void preflights_are_answered_with_what_they_ask(void **state)
{
	struct fixture *f = *state;
	f->x = fake_exchange("OPTIONS", "/", "");
	fake_header(f->x, "Origin", "http://localhost:3000");
	fake_header(f->x, "Access-Control-Request-Method", "POST");
	fake_header(f->x, "Access-Control-Request-Headers", "content-type,x-amz-target");
	assert_true(cognito_handles(&f->x->request));
	cognito_request(f->cognito, f->x);
	assert_int_equal(f->x->status, 200);
	assert_true(
		fake_has_header(f->x, "Access-Control-Allow-Headers: content-type,x-amz-target"));
	assert_true(fake_has_header(f->x, "Access-Control-Max-Age: 172800"));
	forget(f);
	f->x = fake_exchange("GET", "/console", "");
	assert_false(cognito_handles(&f->x->request));
}

static void role_mapping_rules_choose_the_role(void **state)
{
	struct fixture *f = *state;
	cJSON *mappings = json_parse(
		SPAN("{\"x\":{\"IdentityProvider\":\"" HOST "\",\"Type\":\"Rules\","
		     "\"AmbiguousRoleResolution\":\"Deny\",\"RulesConfiguration\":{\"Rules\":["
		     "{\"Claim\":\"sub\",\"MatchType\":\"StartsWith\",\"Value\":\"boss\","
		     "\"RoleARN\":\"" GUEST_ROLE "\"}]}}}"),
		NULL);
	pool.role_mappings = mappings;
	AUTO_FREE char *boss = get_id(f, "boss-1");
	credentials(f, boss, "\"" HOST "\":\"good:boss-1\"");
	assert_int_equal(f->x->status, 200);
	assert_string_equal(store_credentials_find(f->store,
				    json_str(json_object(f->json, "Credentials"), "AccessKeyId"))
				    ->role_arn,
		GUEST_ROLE);
	AUTO_FREE char *other = get_id(f, "other");
	credentials(f, other, "\"" HOST "\":\"good:other\"");
	expect_error(f, "NotAuthorizedException",
		"The ambiguous role mapping rules denied this request");
	cJSON_Delete(mappings);
}

#define STS "Version=2011-06-15&Action="
/* {"iss":"https://myorg.us.auth0.com/"} */
#define JWT "e30.eyJpc3MiOiJodHRwczovL215b3JnLnVzLmF1dGgwLmNvbS8ifQ.x"

static void sts_answers_in_xml(void **state)
{
	struct fixture *f = *state;
	sts(f, STS "GetCallerIdentity");
	assert_int_equal(f->x->status, 403);
	assert_non_null(strstr(buf_cstr(&f->x->body), "<Code>SignatureDoesNotMatch</Code>"));
	assert_null(strstr(buf_cstr(&f->x->body), "secret word"));
	auth.signed_in = true;
	sts(f, STS "GetCallerIdentity");
	assert_int_equal(f->x->status, 200);
	assert_true(fake_has_header(f->x, "Content-Type: text/xml"));
	assert_non_null(strstr(buf_cstr(&f->x->body),
		"<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
		"  <GetCallerIdentityResult>\n"
		"    <Arn>arn:aws:sts::123456789012:assumed-role/AuthRole/s</Arn>\n"
		"    <UserId>AROAX:s</UserId>\n    <Account>123456789012</Account>\n"
		"  </GetCallerIdentityResult>\n"));
	sts(f, STS "AssumeRole&RoleSessionName=ss&RoleArn=" AUTH_ROLE);
	assert_int_equal(f->x->status, 403);
	assert_non_null(
		strstr(buf_cstr(&f->x->body), "is not authorized to perform: sts:AssumeRole"));
	sts(f, STS "GetSessionToken");
	assert_non_null(strstr(buf_cstr(&f->x->body), "Cannot call GetSessionToken"));
	sts(f, STS "Nonsense<&");
	assert_int_equal(f->x->status, 400);
	sts(f, "Action=GetCallerIdentity&x=%zz");
	assert_non_null(strstr(buf_cstr(&f->x->body), "MalformedQueryString"));
}

static void a_web_identity_token_buys_a_role(void **state)
{
	struct fixture *f = *state;
	sts(f, STS "AssumeRoleWithWebIdentity&RoleSessionName=sess&RoleArn=" AUTH_ROLE
		   "&WebIdentityToken=nonsense");
	assert_int_equal(f->x->status, 400);
	assert_non_null(strstr(buf_cstr(&f->x->body),
		"The ID Token provided is not a valid JWT. (You may see this error if you sent an "
		"Access Token)"));
	auth.wait = true;
	sts(f, STS "AssumeRoleWithWebIdentity&RoleSessionName=sess&RoleArn=" AUTH_ROLE
		   "&WebIdentityToken=" JWT);
	assert_int_equal(f->x->status, 0);
	answer("good:auth0|a", auth.done, auth.ctx);
	assert_int_equal(f->x->status, 200);
	const char *body = buf_cstr(&f->x->body);
	assert_non_null(
		strstr(body, "<Arn>arn:aws:sts::123456789012:assumed-role/AuthRole/sess</Arn>"));
	assert_non_null(strstr(body, "<Provider>" PROVIDER_ARN "</Provider>"));
	assert_non_null(strstr(body, "<Expiration>2023-11-14T23:13:20Z</Expiration>"));
	assert_string_equal(auth.principal, PROVIDER_ARN);
	assert_non_null(strstr(auth.trust_keys, HOST ":aud=CLIENT;" HOST ":sub=auth0|a;"));
	auth.wait = false;
	sts(f, STS "AssumeRoleWithWebIdentity&RoleSessionName=sess&RoleArn=" AUTH_ROLE "X"
		   "&WebIdentityToken=" JWT);
	assert_int_equal(f->x->status, 400);
	sts(f, STS "AssumeRoleWithWebIdentity&RoleSessionName=s&RoleArn=" AUTH_ROLE
		   "&WebIdentityToken=" JWT);
	assert_non_null(strstr(buf_cstr(&f->x->body), "ValidationError"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_user_has_one_identity),
		T(each_guest_is_new),
		T(ids_are_checked),
		T(bad_tokens_are_refused_with_the_services_text),
		T(credentials_carry_the_login),
		T(guests_get_the_guest_role),
		T(a_role_that_is_missing_or_distrusts_is_a_configuration_error),
		T(another_logins_identity_is_never_given),
		T(a_guest_that_logs_in_keeps_its_id),
		T(a_guest_with_a_known_login_becomes_that_identity),
		T(a_second_provider_is_linked_when_the_first_proves_ownership),
		T(waiting_calls_survive_a_model_swap_and_a_leaving_client),
		T(the_classic_flow_ends_in_sts),
		T(administration_from_a_web_page_needs_a_signature),
		T(identities_can_be_listed_and_deleted),
		T(preflights_are_answered_with_what_they_ask),
		T(role_mapping_rules_choose_the_role),
		T(sts_answers_in_xml),
		T(a_web_identity_token_buys_a_role),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
