#include "emulator/cognito/open_id.h"

#include <stdio.h>

#include "emulator/cognito/identity.h"
#include "emulator/cognito/logins.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

#define MAX_TOKEN (1 << 16)
#define MAX_PEM 8192
#define LIFETIME_S 600

static const char *make_key(struct cognito *c, struct arena *arena, struct err *err)
{
	c->open_id_key = signing_key_generate(err);
	if (!c->open_id_key) {
		return NULL;
	}
	const char *kid = arena_printf(arena, "%s-1", c->config.region);
	struct buf pem = BUF_INIT(MAX_PEM);
	signing_key_pem(c->open_id_key, &pem);
	int rc = store_key_add(c->config.store, COGNITO_ISSUER, kid, buf_cstr(&pem), err);
	buf_fini(&pem);
	return rc ? NULL : kid;
}

static void publish(struct cognito *c, const char *kid)
{
	struct buf n = BUF_INIT(4096);
	struct buf e = BUF_INIT(64);
	signing_key_public(c->open_id_key, &n, &e);
	struct buf jwks = BUF_INIT(8192);
	buf_add_str(&jwks, "{\"keys\":[{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS512\"");
	json_add_member(&jwks, "kid", span_of(kid));
	buf_add_str(&jwks, ",\"n\":\"");
	base64url_encode(&jwks, buf_span(&n));
	buf_add_str(&jwks, "\",\"e\":\"");
	base64url_encode(&jwks, buf_span(&e));
	buf_add_str(&jwks, "\"}]}");
	auth_add_local_keys(c->config.auth, COGNITO_ISSUER, buf_span(&jwks));
	buf_fini(&n);
	buf_fini(&e);
	buf_fini(&jwks);
}

static const char *load_key(struct cognito *c, struct arena *arena, struct err *err)
{
	const char **pem;
	const char **kid;
	if (store_keys(c->config.store, COGNITO_ISSUER, arena, &pem, &kid) == 0) {
		return make_key(c, arena, err);
	}
	c->open_id_key = signing_key_from_pem(span_of(pem[0]), err);
	return c->open_id_key ? kid[0] : NULL;
}

int open_id_load_key(struct cognito *c, struct err *err)
{
	if (c->open_id_key) {
		return 0;
	}
	struct arena *arena = arena_create();
	const char *kid = load_key(c, arena, err);
	if (kid) {
		snprintf(c->open_id_kid, sizeof c->open_id_kid, "%s", kid);
		publish(c, kid);
	} else {
		signing_key_destroy(TAKE(c->open_id_key));
	}
	arena_destroy(arena);
	return kid ? 0 : -(int)err->code;
}

static void add_claims(struct call *call, struct buf *out)
{
	const struct cognito_config *config = &call->c->config;
	int64_t now = clock_now_ms(config->clock) / 1000;
	buf_add_char(out, '{');
	json_add_member(out, "sub", span_of(call->identity.id));
	json_add_member(out, "aud", span_of(call->pool_id));
	json_add_name(out, "amr");
	logins_amr(call, out);
	json_add_member(out, "iss", SPAN(COGNITO_ISSUER));
	json_add_member(out, COGNITO_ISSUER "/identity-pool-arn",
		span_of(arena_printf(call->arena, "arn:aws:cognito-identity:%s:%s:identitypool/%s",
			config->region, config->account, call->pool_id)));
	json_add_member_int(out, "exp", now + LIFETIME_S);
	json_add_member_int(out, "iat", now);
	buf_add_char(out, '}');
}

static void reply_token(struct call *call)
{
	struct buf claims = BUF_INIT(MAX_TOKEN);
	add_claims(call, &claims);
	const char *header = arena_printf(call->arena,
		"{\"kid\":\"%s\",\"typ\":\"JWS\",\"alg\":\"RS512\"}", call->c->open_id_kid);
	struct buf token = BUF_INIT(2 * MAX_TOKEN);
	signing_key_jwt(call->c->open_id_key, "RS512", span_of(header), buf_span(&claims), &token);
	struct buf body = BUF_INIT(3 * MAX_TOKEN);
	buf_add_char(&body, '{');
	json_add_member(&body, "IdentityId", span_of(call->identity.id));
	json_add_member(&body, "Token", buf_span(&token));
	buf_add_char(&body, '}');
	buf_fini(&claims);
	buf_fini(&token);
	call_reply(call, &body);
}

static void on_identity(struct call *call)
{
	const struct model_pool *pool = call_pool(call, call->pool_id);
	if (!pool) {
		call_fail(call, "ResourceNotFoundException", "IdentityPool '%s' not found.",
			call->pool_id);
		return;
	}
	if (!pool->allow_classic) {
		call_fail(call, "InvalidParameterException",
			"Basic (classic) flow is not enabled, please use enhanced flow.");
		return;
	}
	if (pool->role_mappings && pool->role_mappings->child) {
		call_fail(call, "InvalidParameterException",
			"Basic (classic) flow is not supported with RoleMappings, please use "
			"enhanced flow.");
		return;
	}
	struct err err = ERR_INIT;
	if (open_id_load_key(call->c, &err)) {
		call_broken(call, &err);
		return;
	}
	reply_token(call);
}

void open_id_token(struct call *call)
{
	identity_resolve(call, on_identity);
}
