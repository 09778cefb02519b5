#include "emulator/login/tokens.h"

#include <stdlib.h>

#include "emulator/login/keys.h"
#include "proxy/base/digest.h"
#include "proxy/base/encode.h"
#include "proxy/base/ids.h"
#include "proxy/base/json.h"

#define MAX_TOKEN (1 << 17)
#define ID_TOKEN_LIFETIME_S 36000
#define ACCESS_LIFETIME_MS (ACCESS_TOKEN_LIFETIME_S * INT64_C(1000))
#define REFRESH_LIFETIME_MS (30 * 86400 * INT64_C(1000))
#define OPAQUE_LEN 32
#define REFRESH_LEN 60

static char *secret(struct arena *arena, const char *prefix, size_t n)
{
	char random[129];
	id_random(random, n, ID_URLSAFE);
	return arena_printf(arena, "%s%s", prefix, random);
}

int tokens_begin_grant(struct login *l, struct grant *g, struct arena *arena, struct err *err)
{
	g->id = secret(arena, "", OPAQUE_LEN);
	struct grant alive;
	grant_init(&alive);
	alive.client_id = g->client_id;
	alive.sub = g->sub;
	return grant_keep(l, GRANT_ALIVE, g->id, &alive, REFRESH_LIFETIME_MS, err);
}

void tokens_revoke(struct login *l, const char *grant_id)
{
	grant_drop(l, GRANT_ALIVE, grant_id);
}

static bool find_alive(struct login *l, const char *station, const char *token, struct arena *arena,
	struct grant *out)
{
	struct grant alive;
	return grant_find(l, station, token, arena, out) &&
	       grant_find(l, GRANT_ALIVE, out->id, arena, &alive);
}

bool tokens_find_access(struct login *l, const char *token, struct arena *arena, struct grant *out)
{
	return find_alive(l, GRANT_ACCESS, token, arena, out);
}

bool tokens_find_refresh(struct login *l, const char *token, struct arena *arena, struct grant *out)
{
	return find_alive(l, GRANT_REFRESH, token, arena, out);
}

/* --- access tokens --------------------------------------------------------------------------- */

static void add_audience(struct login *l, const struct grant *g, struct buf *out)
{
	json_add_name(out, "aud");
	bool openid = grant_has_scope(g->scope, "openid");
	buf_add_str(out, openid ? "[" : "");
	json_add_string(out, span_of(g->audience));
	if (openid) {
		struct buf userinfo = BUF_INIT(4096);
		buf_addf(&userinfo, "%s%suserinfo", l->iss,
			l->iss[strlen(l->iss) - 1] == '/' ? "" : "/");
		buf_add_char(out, ',');
		json_add_string(out, buf_span(&userinfo));
		buf_add_char(out, ']');
		buf_fini(&userinfo);
	}
}

static const char *sign(struct login *l, struct buf *claims, struct arena *arena)
{
	struct buf token = BUF_INIT(2 * MAX_TOKEN);
	login_keys_sign(l->keys, buf_span(claims), &token);
	const char *text = arena_strdup(arena, buf_cstr(&token));
	buf_fini(&token);
	buf_fini(claims);
	return text;
}

static const char *access_jwt(struct login *l, const struct grant *g, struct arena *arena)
{
	int64_t now = clock_now_ms(l->config.clock) / 1000;
	struct buf claims = BUF_INIT(MAX_TOKEN);
	buf_add_char(&claims, '{');
	json_add_member(&claims, "iss", span_of(l->iss));
	json_add_member(&claims, "sub", span_of(g->sub));
	add_audience(l, g, &claims);
	json_add_member_int(&claims, "iat", now);
	json_add_member_int(&claims, "exp", now + ACCESS_TOKEN_LIFETIME_S);
	json_add_member(&claims, "azp", span_of(g->client_id));
	if (*g->scope) {
		json_add_member(&claims, "scope", span_of(g->scope));
	}
	if (*g->gty) {
		json_add_member(&claims, "gty", span_of(g->gty));
	}
	buf_add_char(&claims, '}');
	return sign(l, &claims, arena);
}

int tokens_access(struct login *l, const struct grant *g, struct arena *arena, const char **out,
	struct err *err)
{
	*out = *g->audience ? access_jwt(l, g, arena) : secret(arena, "", OPAQUE_LEN);
	/* Both kinds are kept: /userinfo asks the store, and so never has to read a token. */
	return grant_keep(l, GRANT_ACCESS, *out, g, ACCESS_LIFETIME_MS, err);
}

int tokens_refresh(struct login *l, const struct grant *g, struct arena *arena, const char **out,
	struct err *err)
{
	*out = secret(arena, "v1.M", REFRESH_LEN);
	return grant_keep(l, GRANT_REFRESH, *out, g, REFRESH_LIFETIME_MS, err);
}

/* --- ID tokens ------------------------------------------------------------------------------- */

void tokens_add_profile(struct buf *out, const struct store_user *user, const char *scope)
{
	if (grant_has_scope(scope, "profile")) {
		struct span rest = span_of(user->email);
		char updated[25];
		time_iso(updated, user->updated_ms);
		struct buf picture = BUF_INIT(512);
		buf_add_str(&picture, "https://s.gravatar.com/avatar/");
		/* Gravatar takes this hash beside the MD5 that Auth0 writes. */
		sha256_hex(&picture, span_of(user->email));
		buf_add_str(&picture, "?s=480&r=pg");
		json_add_member(out, "nickname", span_cut(&rest, '@'));
		json_add_member(out, "name", span_of(user->email));
		json_add_member(out, "picture", buf_span(&picture));
		json_add_member(out, "updated_at", span_of(updated));
		buf_fini(&picture);
	}
	if (grant_has_scope(scope, "email")) {
		json_add_member(out, "email", span_of(user->email));
		json_add_member_bool(out, "email_verified", true);
	}
}

/* OpenID Connect Core 3.3.2.11: the left half of the hash. */
static void add_half_hash(struct buf *out, const char *name, const char *token)
{
	unsigned char md[SHA256_LEN];
	struct buf text = BUF_INIT(64);
	sha256(md, span_of(token));
	base64url_encode(&text, span_n((const char *)md, sizeof md / 2));
	json_add_member(out, name, buf_span(&text));
	buf_fini(&text);
}

bool tokens_id(struct login *l, const struct grant *g, const char *code, const char *access,
	struct arena *arena, const char **out)
{
	struct store_user user;
	if (!store_user_by_subject(l->config.store, l->config.issuer, g->sub, arena, &user)) {
		return false;
	}
	int64_t now = clock_now_ms(l->config.clock) / 1000;
	struct buf claims = BUF_INIT(MAX_TOKEN);
	buf_add_char(&claims, '{');
	tokens_add_profile(&claims, &user, g->scope);
	json_add_member(&claims, "iss", span_of(l->iss));
	json_add_member(&claims, "aud", span_of(g->client_id));
	json_add_member_int(&claims, "iat", now);
	json_add_member_int(&claims, "exp", now + ID_TOKEN_LIFETIME_S);
	json_add_member(&claims, "sub", span_of(g->sub));
	if (access) {
		add_half_hash(&claims, "at_hash", access);
	}
	if (code) {
		add_half_hash(&claims, "c_hash", code);
	}
	if (*g->max_age) {
		json_add_member_int(&claims, "auth_time", strtoll(g->auth_time, NULL, 10));
	}
	if (*g->sid) {
		json_add_member(&claims, "sid", span_of(g->sid));
	}
	if (*g->nonce) {
		json_add_member(&claims, "nonce", span_of(g->nonce));
	}
	buf_add_char(&claims, '}');
	*out = sign(l, &claims, arena);
	return true;
}

int tokens_issue(struct login *l, struct grant *g, bool with_refresh, struct arena *arena,
	struct tokens *out, struct err *err)
{
	*out = (struct tokens){ NULL, NULL, NULL };
	if (!*g->id && tokens_begin_grant(l, g, arena, err)) {
		return -(int)err->code;
	}
	if (tokens_access(l, g, arena, &out->access, err)) {
		return -(int)err->code;
	}
	if (with_refresh && grant_has_scope(g->scope, "offline_access") &&
		tokens_refresh(l, g, arena, &out->refresh, err)) {
		return -(int)err->code;
	}
	if (grant_has_scope(g->scope, "openid") && !tokens_id(l, g, NULL, NULL, arena, &out->id)) {
		return err_set(err, ERR_NOT_FOUND, "the user '%s' is unknown", g->sub);
	}
	return 0;
}

void tokens_write(struct buf *out, const struct grant *g, const struct tokens *t)
{
	buf_add_char(out, '{');
	json_add_member(out, "access_token", span_of(t->access));
	if (t->refresh) {
		json_add_member(out, "refresh_token", span_of(t->refresh));
	}
	if (t->id) {
		json_add_member(out, "id_token", span_of(t->id));
	}
	if (*g->scope) {
		json_add_member(out, "scope", span_of(g->scope));
	}
	json_add_member_int(out, "expires_in", ACCESS_TOKEN_LIFETIME_S);
	json_add_member(out, "token_type", SPAN("Bearer"));
	buf_add_char(out, '}');
}
