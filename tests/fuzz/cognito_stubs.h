/* What the fuzz targets of the cognito room need around it: one pool in a model, a store in memory and
 * an auth that takes any token. */
#pragma once

#include "fake_exchange.h"

#include "emulator/cognito/cognito.h"
#include "proxy/base/json.h"

#define POOL "us-east-1:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
#define HOST "myorg.us.auth0.com"
#define ROLE "arn:aws:iam::123456789012:role/R"

struct auth_job *auth_verify_login(struct auth *a, const struct model_oidc_provider *provider,
	struct span token, auth_token_fn done, void *ctx)
{
	(void)a;
	AUTO_JSON cJSON *claims = cJSON_CreateObject();
	cJSON_AddStringToObject(claims, "aud", provider->host);
	AUTO_FREE char *subject = xstrndup(token.ptr, token.len);
	cJSON_AddStringToObject(claims, "sub", subject);
	done(ctx, claims, NULL);
	return NULL;
}

void auth_cancel(struct auth_job *job)
{
	(void)job;
}

bool auth_trusts(const struct model_role *role, const char *principal, const char *action,
	const struct model_pair *keys, size_t n, const char **reason, struct arena *arena)
{
	(void)role;
	(void)principal;
	(void)action;
	(void)keys;
	(void)arena;
	*reason = "";
	return n != 1;
}

bool auth_verify_sigv4(struct auth *a, const struct http_request *r, const char *service,
	unsigned window_s, struct arena *arena, struct auth_caller *out, const char **check,
	const char **reason, const char **aws_error)
{
	(void)a;
	(void)r;
	(void)service;
	(void)window_s;
	(void)arena;
	*out = (struct auth_caller){ .role_arn = "", .is_static = true };
	out->iam.user_arn = "arn:aws:iam::123456789012:user/u";
	out->iam.user_id = "AIDA";
	out->iam.account_id = "123456789012";
	*check = *reason = *aws_error = "";
	return true;
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
	*reason = "";
	return true;
}

void auth_add_local_keys(struct auth *a, const char *issuer, struct span jwks)
{
	(void)a;
	(void)issuer;
	(void)jwks;
}

static const char *stub_clients[] = { "CLIENT" };
static struct model_oidc_provider stub_oidc = { "arn:aws:iam::123456789012:oidc-provider/" HOST,
	"https://" HOST, HOST, { stub_clients, 1 } };
static const struct model_oidc_provider *stub_list[] = { &stub_oidc };
static struct model_pool stub_pool = { .id = POOL,
	.name = "p",
	.allow_classic = true,
	.allow_unauthenticated = true,
	.oidc = stub_list,
	.n_oidc = 1,
	.authenticated_role = ROLE,
	.unauthenticated_role = ROLE };
static struct model_role stub_role = {
	.arn = ROLE, .name = "R", .id = "AROA", .max_session_s = 3600
};
static struct model stub_model = { .pools = &stub_pool, .n_pools = 1 };

const struct model_pool *model_pool(const struct model *m, const char *id)
{
	(void)m;
	return strcmp(id, POOL) == 0 ? &stub_pool : NULL;
}

const struct model_role *model_role(const struct model *m, const char *arn)
{
	(void)m;
	return strcmp(arn, ROLE) == 0 ? &stub_role : NULL;
}

const struct model_oidc_provider *model_oidc(const struct model *m, const char *host)
{
	(void)m;
	return strcmp(host, HOST) == 0 ? &stub_oidc : NULL;
}

/* One for all inputs: what they leave behind is part of the test. */
static struct cognito *stub_cognito(void)
{
	static struct cognito *cognito;
	if (!cognito) {
		struct err err = ERR_INIT;
		struct cognito_config config = { .clock = &clock_system,
			.store = store_open(NULL, &clock_system, &err),
			.account = "123456789012",
			.region = "us-east-1" };
		ENSURE(config.store);
		cognito = cognito_create(&config);
		cognito_set_model(cognito, &stub_model);
	}
	return cognito;
}

/* Every request that is ours is answered. */
static void stub_answer(struct http_exchange *x)
{
	ENSURE(cognito_handles(&x->request));
	cognito_request(stub_cognito(), x);
	ENSURE(x->status >= 200 && x->status < 600);
	fake_exchange_free(x);
}
