/* Which app of several a request means (design 9, issue of two machines: each stage has its own pools,
 * roles and functions). */
#include "fake_exchange.h"

#include "emulator/addressee.h"
#include "proxy/base/json.h"

#define ROLE                                                                                       \
	"'Role':{'Type':'AWS::IAM::Role','Properties':{'AssumeRolePolicyDocument':{'Statement':[]" \
	"}}}"
#define POOL                                                          \
	"'Pool':{'Type':'AWS::Cognito::IdentityPool','Properties':{'" \
	"AllowUnauthenticatedIdentities':true}}"
#define FUNCTION(name)                                                                   \
	"'" name "':{'Type':'AWS::Lambda::Function','Properties':{'FunctionName':'" name \
	"','Runtime':'nodejs20.x','Handler':'" name ".handler'}}"
#define ARN "arn:aws:lambda:us-east-1:123456789012:function:"
#define ARN_WEST "arn:aws:lambda:us-west-2:123456789012:function:"

enum {
	DEV,
	PROD,
	WEST,
	APPS
};

struct rig {
	struct model *models[APPS];
	size_t n;
	struct store *store;
};

static const char *resolve(void *ctx, const char *kind, const char *key)
{
	(void)ctx;
	(void)kind;
	(void)key;
	return "http://localhost";
}

static struct model *build(const char *stage, const char *region, const char *resources)
{
	AUTO_FREE char *text = xasprintf("[{'name':'S','template':{'Resources':{%s}}}]", resources);
	for (char *c = text; *c; c++) {
		*c = *c == '\'' ? '"' : *c;
	}
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *stacks = json_parse(span_of(text), &err);
	const struct model_input in = { .app = "app",
		.stage = stage,
		.region = region,
		.account = "123456789012",
		.stacks = stacks,
		.resolve = resolve };
	struct model *m = model_build(&in, &err);
	if (!m) {
		fail_msg("%s", err.msg);
	}
	return m;
}

static int setup(void **state)
{
	struct rig *rig = xalloc(sizeof *rig);
	struct err err = ERR_INIT;
	rig->models[DEV] =
		build("dev", "us-east-1", ROLE "," POOL "," FUNCTION("both") "," FUNCTION("mine"));
	rig->models[PROD] = build(
		"prod", "us-east-1", ROLE "," POOL "," FUNCTION("both") "," FUNCTION("other"));
	rig->models[WEST] = build("west", "us-west-2", ROLE "," FUNCTION("both"));
	rig->n = APPS;
	rig->store = store_open(NULL, &clock_system, &err);
	assert_non_null(rig->store);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	for (size_t i = 0; i < APPS; i++) {
		model_destroy(rig->models[i]);
	}
	store_close(rig->store);
	free(rig);
	return 0;
}

static const struct model *at(void *ctx, size_t i)
{
	const struct rig *rig = ctx;
	return i < rig->n ? rig->models[i] : NULL;
}

#define NOBODY (-1)
#define EITHER (-2)

/* Whose the request is; it is used up. */
static int choice(struct rig *rig, struct http_exchange *x)
{
	struct addressee a;
	const struct model *other;
	const struct apps apps = { at, rig };
	addressee_read(&a, &x->request, rig->store);
	const struct model *m = addressee_choose(&a, &apps, x->request.arena, &other);
	fake_exchange_free(x);
	int found = NOBODY;
	for (int i = 0; i < APPS; i++) {
		found = m == rig->models[i] ? i : found;
	}
	return other ? EITHER : found;
}

static struct http_exchange *invoke(const char *name)
{
	AUTO_FREE char *target = xasprintf("/2015-03-31/functions/%s/invocations", name);
	return fake_exchange("POST", target, "{}");
}

/* Credentials of the app's role, as its handlers have them. */
static char *access_key_of(struct rig *rig, int app)
{
	struct err err = ERR_INIT;
	struct arena *arena = arena_create();
	struct store_credentials c = { .expires_ms = clock_now_ms(&clock_system) + 3600000,
		.role_arn = rig->models[app]->roles[0].arn,
		.session_name = "f",
		.identity_id = "",
		.pool_id = "",
		.amr = "",
		.session_policy = "" };
	assert_int_equal(store_credentials_issue(rig->store, &c, arena, &err), 0);
	char *key = xstrdup(c.access_key);
	arena_destroy(arena);
	return key;
}

static void sign(struct http_exchange *x, const char *key, const char *region)
{
	AUTO_FREE char *value = xasprintf("AWS4-HMAC-SHA256 Credential=%s/20260101/%s/lambda/"
					  "aws4_request, SignedHeaders=host, Signature=00",
		key, region);
	fake_header(x, "Authorization", value);
}

static void functions_by_their_names(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(choice(rig, invoke("mine")), DEV);
	assert_int_equal(choice(rig, invoke("other")), PROD);
	assert_int_equal(choice(rig, invoke("other:$LATEST")), PROD);
	assert_int_equal(choice(rig, invoke(ARN "other")), PROD);
	assert_int_equal(choice(rig, invoke("other.handler")), PROD);
	assert_int_equal(choice(rig, invoke(ARN_WEST "both")), WEST);
	assert_int_equal(
		choice(rig, fake_exchange("GET", "/2015-03-31/functions/other", "")), PROD);
}

static void a_name_that_several_have_needs_a_caller(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(choice(rig, invoke("both")), EITHER);
	for (int app = DEV; app < APPS; app++) {
		AUTO_FREE char *key = access_key_of(rig, app);
		struct http_exchange *x = invoke("both");
		/* Whose the caller is says more than the region that he signed for. */
		sign(x, key, "us-west-2");
		assert_int_equal(choice(rig, x), app);
	}
	struct http_exchange *x = invoke("both");
	sign(x, "AKIASTATICUSER", "us-west-2");
	assert_int_equal(choice(rig, x), WEST);
	x = invoke("both");
	sign(x, "AKIASTATICUSER", "us-east-1");
	assert_int_equal(choice(rig, x), EITHER);
	x = fake_exchange("POST",
		"/2015-03-31/functions/both/"
		"invocations?X-Amz-Credential=AKIA%2F20260101%2Fus-west-2%"
		"2Flambda%2Faws4_request",
		"{}");
	assert_int_equal(choice(rig, x), WEST);
}

static void our_own_commands_say_which(void **state)
{
	struct rig *rig = *state;
	static const char target[] = "/2015-03-31/functions/both/invocations?app=app&stage=";
	AUTO_FREE char *prod = xasprintf("%sprod", target);
	AUTO_FREE char *none = xasprintf("%snone", target);
	assert_int_equal(choice(rig, fake_exchange("POST", prod, "{}")), PROD);
	assert_int_equal(choice(rig, fake_exchange("POST", none, "{}")), NOBODY);
	assert_int_equal(
		choice(rig, fake_exchange("GET", "/_offstage/app?app=app&stage=west", "")), WEST);
}

static void pools_and_their_identities(void **state)
{
	struct rig *rig = *state;
	struct err err = ERR_INIT;
	struct arena *arena = arena_create();
	const char *pool = rig->models[PROD]->pools[0].id, *identity;
	assert_int_equal(store_identity_guest(rig->store, pool, arena, &identity, &err), 0);
	const char *bodies[] = {
		arena_printf(arena, "{\"IdentityPoolId\":\"%s\"}", pool),
		arena_printf(arena, "{\"IdentityId\":\"%s\"}", identity),
	};
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct http_exchange *x = fake_exchange("POST", "/", bodies[i]);
		fake_header(x, "X-Amz-Target", "AWSCognitoIdentityService.DescribeIdentity");
		/* A static user's, who belongs to no app. */
		sign(x, "AKIASTATICUSER", "us-east-1");
		assert_int_equal(choice(rig, x), PROD);
	}
	arena_destroy(arena);
}

static void roles_to_assume(void **state)
{
	struct rig *rig = *state;
	AUTO_FREE char *form = xasprintf(
		"Action=AssumeRole&Version=2011-06-15&RoleArn=%s", rig->models[WEST]->roles[0].arn);
	AUTO_FREE char *target = xasprintf("/?%s", form);
	assert_int_equal(choice(rig, fake_exchange("POST", "/", form)), WEST);
	assert_int_equal(choice(rig, fake_exchange("GET", target, "")), WEST);
	/* A handler of one app asks for the role of another. */
	AUTO_FREE char *key = access_key_of(rig, DEV);
	struct http_exchange *x = fake_exchange("POST", "/", form);
	sign(x, key, "us-east-1");
	assert_int_equal(choice(rig, x), WEST);
}

static void what_names_nothing_is_the_callers_or_the_firsts(void **state)
{
	struct rig *rig = *state;
	AUTO_FREE char *key = access_key_of(rig, PROD);
	struct http_exchange *x = fake_exchange("POST", "/", "Action=GetCallerIdentity");
	sign(x, key, "us-east-1");
	assert_int_equal(choice(rig, x), PROD);
	assert_int_equal(choice(rig, fake_exchange("POST", "/", "Action=GetCallerIdentity")), DEV);
	assert_int_equal(choice(rig, invoke("nobodys")), DEV);
	assert_int_equal(choice(rig, invoke("%00%zz")), DEV);
	rig->n = 0;
	assert_int_equal(choice(rig, invoke("mine")), NOBODY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(functions_by_their_names),
		TEST(a_name_that_several_have_needs_a_caller),
		TEST(our_own_commands_say_which),
		TEST(pools_and_their_identities),
		TEST(roles_to_assume),
		TEST(what_names_nothing_is_the_callers_or_the_firsts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
