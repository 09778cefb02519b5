/* Identity pools and the roles attached to them. */
#include "emulator/model/builder.h"

static const struct model_oidc_provider *provider_of(const struct builder *b, const char *arn)
{
	for (size_t i = 0; i < b->m->n_oidc; i++) {
		if (strcmp(b->m->oidc[i].arn, arn) == 0) {
			return &b->m->oidc[i];
		}
	}
	return NULL;
}

static int read_oidc(struct builder *b, struct template_resource *r, struct model_pool *pool)
{
	struct model_strings arns;
	int rc = template_texts(r, r->properties, "OpenIdConnectProviderARNs", &arns, b->err);
	for (size_t i = 0; rc == 0 && i < arns.n; i++) {
		const struct model_oidc_provider *p = provider_of(b, arns.at[i]);
		if (p) {
			pool->oidc = build_grow(b, pool->oidc, pool->n_oidc, sizeof *pool->oidc);
			pool->oidc[pool->n_oidc++] = p;
		} else {
			build_note(b,
				"identity pool '%s': the app does not declare the provider %s, "
				"whose "
				"logins are refused",
				r->logical_id, arns.at[i]);
		}
	}
	return rc;
}

static int read_user_pools(struct builder *b, struct template_resource *r, struct model_pool *pool)
{
	JSON_FOR (item, json_array(r->properties, "CognitoIdentityProviders")) {
		struct model_user_pool_client client;
		int rc = template_text(r, item, "ProviderName", "", &client.provider_name, b->err);
		if (rc == 0) {
			rc = template_text(r, item, "ClientId", "", &client.client_id, b->err);
		}
		if (rc) {
			return rc;
		}
		pool->user_pools = build_grow(
			b, pool->user_pools, pool->n_user_pools, sizeof *pool->user_pools);
		pool->user_pools[pool->n_user_pools++] = client;
	}
	return 0;
}

static int read_social(struct builder *b, struct template_resource *r, struct model_pool *pool)
{
	const cJSON *providers = json_object(r->properties, "SupportedLoginProviders");
	JSON_FOR (item, providers) {
		struct model_pair pair = { .name = item->string };
		int rc = template_text(r, providers, item->string, "", &pair.value, b->err);
		if (rc) {
			return rc;
		}
		pool->social = build_grow(b, pool->social, pool->n_social, sizeof *pool->social);
		pool->social[pool->n_social++] = pair;
	}
	return 0;
}

static int build_pool(struct builder *b, struct template_resource *r)
{
	struct model_pool pool = { .logical_id = r->logical_id,
		.id = build_ref(b, r),
		.authenticated_role = "",
		.unauthenticated_role = "" };
	const char *derived = pool.id ? build_attribute(b, r, "Name") : NULL;
	int rc = derived ? template_text(r, r->properties, "IdentityPoolName", derived, &pool.name,
				   b->err)
			 : -ERR_INVALID;
	if (rc == 0) {
		rc = template_bool(r, r->properties, "AllowUnauthenticatedIdentities", false,
			&pool.allow_unauthenticated, b->err);
	}
	if (rc == 0) {
		rc = template_bool(
			r, r->properties, "AllowClassicFlow", true, &pool.allow_classic, b->err);
	}
	if (rc == 0) {
		rc = read_oidc(b, r, &pool);
	}
	if (rc == 0) {
		rc = read_user_pools(b, r, &pool);
	}
	if (rc == 0) {
		rc = read_social(b, r, &pool);
	}
	if (rc == 0) {
		struct model *m = b->m;
		m->pools = build_grow(b, m->pools, m->n_pools, sizeof *m->pools);
		m->pools[m->n_pools++] = pool;
	}
	return rc;
}

static int read_role(struct builder *b, struct template_resource *r, const cJSON *roles,
	const char *name, const char **out)
{
	int rc = template_text(r, roles, name, "", out, b->err);
	if (rc == 0 && **out && !model_role(b->m, *out)) {
		build_note(b, "'%s': the %s role %s is not declared in the app and allows nothing",
			r->logical_id, name, *out);
	}
	return rc;
}

static int attach_roles(struct builder *b, struct template_resource *r)
{
	const char *id;
	int rc = template_text(r, r->properties, "IdentityPoolId", "", &id, b->err);
	if (rc) {
		return rc;
	}
	struct model_pool *pool = NULL;
	for (size_t i = 0; i < b->m->n_pools; i++) {
		if (strcmp(b->m->pools[i].id, id) == 0) {
			pool = &b->m->pools[i];
		}
	}
	if (!pool) {
		return template_fault(
			r, b->err, "IdentityPoolId", "'%s' is no identity pool of the app", id);
	}
	const cJSON *roles = json_object(r->properties, "Roles");
	pool->role_mappings = json_object(r->properties, "RoleMappings");
	rc = read_role(b, r, roles, "authenticated", &pool->authenticated_role);
	return rc ? rc : read_role(b, r, roles, "unauthenticated", &pool->unauthenticated_role);
}

int build_cognito(struct builder *b)
{
	TEMPLATE_FOR(r, &b->set, "AWS::Cognito::IdentityPool")
	{
		int rc = build_pool(b, r);
		if (rc) {
			return rc;
		}
	}
	TEMPLATE_FOR(r, &b->set, "AWS::Cognito::IdentityPoolRoleAttachment")
	{
		int rc = attach_roles(b, r);
		if (rc) {
			return rc;
		}
	}
	return 0;
}
