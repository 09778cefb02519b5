#include "emulator/cognito/logins.h"

#include "proxy/base/alloc.h"

#define MAX_TOKEN 50000
#define USER_POOL_PREFIX "cognito-idp."

static const char *const PUBLIC_PROVIDERS[] = { "graph.facebook.com", "accounts.google.com",
	"www.amazon.com", "api.twitter.com", "www.digits.com", "appleid.apple.com" };

static void verify_next(struct call *call);

static bool check_shape(struct call *call, const cJSON *logins)
{
	if (!logins || cJSON_IsNull(logins)) {
		return true;
	}
	if (!cJSON_IsObject(logins)) {
		call_fail(call, "SerializationException", "Logins must be a map of strings");
		return false;
	}
	size_t n = 0;
	JSON_FOR (item, logins) {
		const char *token = json_value(item);
		size_t name = strlen(item->string);
		if (!token) {
			call_fail(
				call, "SerializationException", "Logins must be a map of strings");
			return false;
		}
		if (++n > CALL_MAX_LOGINS || name == 0 || name > 128 || !*token ||
			strlen(token) > MAX_TOKEN) {
			call_fail(call, "ValidationException",
				"1 validation error detected: Value at 'logins' failed to satisfy "
				"constraint: Map value must satisfy constraint: [at most 10 "
				"logins, "
				"each key of 1 to 128 and each token of 1 to 50000 characters]");
			return false;
		}
	}
	return true;
}

void logins_verify(struct call *call, const struct model_pool *pool, void (*then)(struct call *))
{
	const cJSON *logins = json_get(call->body, "Logins");
	if (!check_shape(call, logins)) {
		return;
	}
	call->pool_id = arena_strdup(call->arena, pool->id);
	call->on_logins = then;
	/* Amplify sends an empty map for guests: the same as none. */
	call->unverified = logins ? logins->child : NULL;
	verify_next(call);
}

static struct model_oidc_provider *made_up_provider(struct call *call, const char *host)
{
	struct model_oidc_provider *p = arena_alloc(call->arena, sizeof *p);
	p->host = arena_strdup(call->arena, host);
	p->url = arena_printf(call->arena, "https://%s", host);
	p->arn = p->host;
	return p;
}

/* A user pool's clients are those that the pool lists for it. */
static struct model_oidc_provider *user_pool_provider(
	struct call *call, const struct model_pool *pool, const char *name)
{
	struct model_oidc_provider *p = made_up_provider(call, name);
	p->client_ids.at =
		arena_alloc(call->arena, (pool->n_user_pools + 1) * sizeof *p->client_ids.at);
	for (size_t i = 0; i < pool->n_user_pools; i++) {
		if (strcmp(pool->user_pools[i].provider_name, name) == 0) {
			p->client_ids.at[p->client_ids.n++] =
				arena_strdup(call->arena, pool->user_pools[i].client_id);
		}
	}
	return p->client_ids.n ? p : NULL;
}

static struct model_oidc_provider *social_provider(
	struct call *call, const struct model_pool *pool, const char *name)
{
	for (size_t i = 0; i < pool->n_social; i++) {
		if (strcmp(pool->social[i].name, name) == 0) {
			struct model_oidc_provider *p = made_up_provider(call, name);
			p->client_ids.at = arena_alloc(call->arena, sizeof *p->client_ids.at);
			p->client_ids.at[0] = arena_strdup(call->arena, pool->social[i].value);
			p->client_ids.n = 1;
			return p;
		}
	}
	return NULL;
}

static struct model_oidc_provider *provider_of(
	struct call *call, const struct model_pool *pool, const char *name)
{
	for (size_t i = 0; i < pool->n_oidc; i++) {
		if (strcmp(pool->oidc[i]->host, name) == 0) {
			return call_copy_provider(call, pool->oidc[i]);
		}
	}
	struct model_oidc_provider *p = user_pool_provider(call, pool, name);
	return p ? p : social_provider(call, pool, name);
}

static void fail_unknown_provider(struct call *call, const char *name)
{
	if (strcmp(name, COGNITO_PROVIDER) == 0) {
		call_fail(call, "NotAuthorizedException",
			"Invalid login token. Can't pass in a Cognito token.");
		return;
	}
	/* Where the service draws the line between the next two is (unconfirmed): what could be an
	 * issuer's host gets the one that says "not of this pool". */
	if (!strchr(name, '.')) {
		call_refuse(call, "InvalidParameterException",
			"Please provide a valid public provider",
			arena_printf(call->arena, "'%s' is no login provider of the pool", name));
		return;
	}
	call_refuse(call, "NotAuthorizedException",
		"Token is not from a supported provider of this identity pool.",
		arena_printf(call->arena, "the pool '%s' has no login provider '%s'", call->pool_id,
			name));
}

/* How amr names the user (identity-and-auth.md 3.2). */
static const char *amr_of(
	struct call *call, const struct model_oidc_provider *p, const char *subject)
{
	if (strncmp(p->host, USER_POOL_PREFIX, sizeof USER_POOL_PREFIX - 1) == 0) {
		return arena_printf(call->arena, "%s:CognitoSignIn:%s", p->host, subject);
	}
	for (size_t i = 0; i < COUNT_OF(PUBLIC_PROVIDERS); i++) {
		if (strcmp(PUBLIC_PROVIDERS[i], p->host) == 0 && p->client_ids.n) {
			return arena_printf(
				call->arena, "%s:%s:%s", p->host, p->client_ids.at[0], subject);
		}
	}
	return arena_printf(call->arena, "%s:OIDC:%s", p->arn, subject);
}

static void delete_tree(void *tree)
{
	cJSON_Delete(tree);
}

static void on_token(void *ctx, const cJSON *claims, const struct err *err)
{
	struct call *call = ctx;
	call->job = NULL;
	if (!claims) {
		call_fail(call, "NotAuthorizedException", "Invalid login token. %s", err->msg);
		return;
	}
	const char *subject = json_str(claims, "sub");
	if (!subject || !*subject) {
		call_fail(call, "NotAuthorizedException",
			"Invalid login token. Missing a required claim: sub");
		return;
	}
	struct call_login *login = &call->logins[call->n_logins++];
	cJSON *copy = cJSON_Duplicate(claims, true);
	ENSURE(copy);
	arena_on_destroy(call->arena, delete_tree, copy);
	login->claims = copy;
	login->subject = json_str(copy, "sub");
	login->amr = amr_of(call, call->verifying, login->subject);
	verify_next(call);
}

static void verify_next(struct call *call)
{
	const cJSON *item = call->unverified;
	if (!item) {
		call->on_logins(call);
		return;
	}
	const struct model_pool *pool = call_pool(call, call->pool_id);
	if (!pool) {
		call_fail(call, "ResourceNotFoundException", "IdentityPool '%s' not found.",
			call->pool_id);
		return;
	}
	struct model_oidc_provider *p = provider_of(call, pool, item->string);
	if (!p) {
		fail_unknown_provider(call, item->string);
		return;
	}
	call->unverified = item->next;
	call->logins[call->n_logins].provider = p->host;
	call->verifying = p;
	struct auth_job *job = auth_verify_login(
		call->c->config.auth, p, span_of(item->valuestring), on_token, call);
	/* NULL: on_token has run, and the call may be gone. */
	if (job) {
		call->job = job;
	}
}

void logins_cancel(struct call *call)
{
	if (call->job) {
		auth_cancel(TAKE(call->job));
	}
}

void logins_amr(const struct call *call, struct buf *out)
{
	if (call->n_logins == 0) {
		buf_add_str(out, "[\"unauthenticated\"]");
		return;
	}
	buf_add_str(out, "[\"authenticated\"");
	for (size_t i = 0; i < call->n_logins; i++) {
		buf_add_char(out, ',');
		json_add_string(out, span_of(call->logins[i].provider));
		buf_add_char(out, ',');
		json_add_string(out, span_of(call->logins[i].amr));
	}
	buf_add_char(out, ']');
}
