#include "emulator/cognito/pools.h"

#define MAX_REPLY (1 << 20)

static size_t count(const struct apps *apps)
{
	const struct model *m;
	size_t n = 0;
	for (size_t i = 0; (m = apps_at(apps, i)); i++) {
		n += m->n_pools;
	}
	return n;
}

/* NextToken is the index of the next pool: pools of a model do not move. */
static size_t page_start(struct call *call, size_t n)
{
	const char *token = json_str(call->body, "NextToken");
	uint64_t start = 0;
	if (token && span_u64(span_of(token), n, &start)) {
		return (size_t)start;
	}
	return token ? n : 0;
}

/* The pools start..end of all apps, one after the other. */
static void add_range(struct buf *out, const struct apps *apps, size_t start, size_t end)
{
	const struct model *m;
	size_t at = 0;
	for (size_t i = 0; (m = apps_at(apps, i)); i++) {
		for (size_t k = 0; k < m->n_pools; k++, at++) {
			if (at >= start && at < end) {
				buf_add_str(out, at > start ? ",{" : "{");
				json_add_member(out, "IdentityPoolId", span_of(m->pools[k].id));
				json_add_member(out, "IdentityPoolName", span_of(m->pools[k].name));
				buf_add_char(out, '}');
			}
		}
	}
}

void pools_list(struct call *call)
{
	size_t max = call_max_results(call);
	if (!max) {
		return;
	}
	const struct apps *apps = &call->c->config.apps;
	size_t n = count(apps);
	size_t start = page_start(call, n);
	size_t end = n - start < max ? n : start + max;
	struct buf body = BUF_INIT(MAX_REPLY);
	buf_add_str(&body, "{\"IdentityPools\":[");
	add_range(&body, apps, start, end);
	buf_add_char(&body, ']');
	if (end < n) {
		json_add_member(&body, "NextToken", span_of(arena_printf(call->arena, "%zu", end)));
	}
	buf_add_char(&body, '}');
	call_reply(call, &body);
}

static const struct model_pool *find(struct call *call)
{
	const char *id = call_id(call, "IdentityPoolId");
	const struct model_pool *pool = id ? call_pool(call, id) : NULL;
	if (id && !pool) {
		call_fail(call, "ResourceNotFoundException", "IdentityPool '%s' not found.", id);
	}
	return pool;
}

static void add_providers(struct buf *out, const struct model_pool *pool)
{
	if (pool->n_social) {
		json_add_name(out, "SupportedLoginProviders");
		buf_add_char(out, '{');
		for (size_t i = 0; i < pool->n_social; i++) {
			json_add_member(out, pool->social[i].name, span_of(pool->social[i].value));
		}
		buf_add_char(out, '}');
	}
	if (pool->n_oidc) {
		json_add_name(out, "OpenIdConnectProviderARNs");
		buf_add_char(out, '[');
		for (size_t i = 0; i < pool->n_oidc; i++) {
			buf_add_str(out, i ? "," : "");
			json_add_string(out, span_of(pool->oidc[i]->arn));
		}
		buf_add_char(out, ']');
	}
	if (pool->n_user_pools) {
		json_add_name(out, "CognitoIdentityProviders");
		buf_add_char(out, '[');
		for (size_t i = 0; i < pool->n_user_pools; i++) {
			buf_add_str(out, i ? ",{" : "{");
			json_add_member(
				out, "ProviderName", span_of(pool->user_pools[i].provider_name));
			json_add_member(out, "ClientId", span_of(pool->user_pools[i].client_id));
			buf_add_char(out, '}');
		}
		buf_add_char(out, ']');
	}
}

void pools_describe(struct call *call)
{
	const struct model_pool *pool = find(call);
	if (!pool) {
		return;
	}
	struct buf body = BUF_INIT(MAX_REPLY);
	buf_add_char(&body, '{');
	json_add_member(&body, "IdentityPoolId", span_of(pool->id));
	json_add_member(&body, "IdentityPoolName", span_of(pool->name));
	json_add_member_bool(&body, "AllowUnauthenticatedIdentities", pool->allow_unauthenticated);
	json_add_member_bool(&body, "AllowClassicFlow", pool->allow_classic);
	add_providers(&body, pool);
	buf_add_char(&body, '}');
	call_reply(call, &body);
}

void pools_roles(struct call *call)
{
	const struct model_pool *pool = find(call);
	if (!pool) {
		return;
	}
	struct buf body = BUF_INIT(MAX_REPLY);
	buf_add_char(&body, '{');
	json_add_member(&body, "IdentityPoolId", span_of(pool->id));
	json_add_name(&body, "Roles");
	buf_add_char(&body, '{');
	if (*pool->authenticated_role) {
		json_add_member(&body, "authenticated", span_of(pool->authenticated_role));
	}
	if (*pool->unauthenticated_role) {
		json_add_member(&body, "unauthenticated", span_of(pool->unauthenticated_role));
	}
	buf_add_char(&body, '}');
	if (pool->role_mappings) {
		json_add_name(&body, "RoleMappings");
		json_add_tree(&body, pool->role_mappings);
	}
	buf_add_char(&body, '}');
	call_reply(call, &body);
}
