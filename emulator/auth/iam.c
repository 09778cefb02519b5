#include "emulator/auth/iam.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/digest.h"
#include "proxy/base/ids.h"

struct iam {
	struct store *store;
	const struct clock *clock;
	struct users *users;
	struct sigv4_keys *keys;
};

struct iam *iam_create(struct store *store, const struct clock *clock, struct users *users)
{
	struct iam *i = xalloc(sizeof *i);
	*i = (struct iam){ store, clock, users, sigv4_keys_create() };
	return i;
}

void iam_destroy(struct iam *i)
{
	if (i) {
		users_destroy(i->users);
		sigv4_keys_destroy(i->keys);
		free(i);
	}
}

static bool refuse(
	struct sigv4_fault *fault, const char *check, const char *aws_error, const char *reason)
{
	*fault = (struct sigv4_fault){ check, aws_error, reason };
	return false;
}

/* identity-and-auth.md 5.9, step 14: both texts without a full stop. */
static bool token_is(
	struct span given, const char *expected, struct arena *arena, struct sigv4_fault *fault)
{
	struct span want = span_of(expected);
	if (want.len ? given.ptr && secret_eq(given, want) : given.len == 0) {
		return true;
	}
	const char *why =
		want.len == 0 ? "a long-term key was sent with a session token"
		: given.len == 0
			? "temporary credentials need their token: X-Amz-Security-Token is missing"
			: "the session token is not the one issued with this access key";
	return refuse(fault, "session token", "InvalidClientTokenId",
		arena_printf(arena,
			"The security token included in the request is invalid\n%s%s%.*s", why,
			given.len ? ": it starts with " : "", (int)(given.len < 8 ? given.len : 8),
			given.ptr ? given.ptr : ""));
}

/* "AROA" or "AIDA" and 17 characters, the same for the same name (identity-and-auth.md 3.1). */
static const char *principal_id(struct arena *arena, const char *prefix, const char *name)
{
	char rest[18];
	id_from_name(rest, 17, ID_BASE32, span_of(name));
	return arena_printf(arena, "%s%s", prefix, rest);
}

/* expires_ms: of the credentials that GetSessionToken gave the user; 0 for his own keys. */
static void user_caller(const struct user *u, const char *access_key, int64_t expires_ms,
	const struct model *model, struct arena *arena, struct auth_caller *out)
{
	*out = (struct auth_caller){ .role_arn = "",
		.session_name = "",
		.session_policy = "",
		.expires_ms = expires_ms,
		.is_static = true };
	out->iam.access_key = arena_strdup(arena, access_key);
	out->iam.account_id = arena_strdup(arena, model->account); /* outlives a swap */
	out->iam.user_arn = arena_printf(arena, "arn:aws:iam::%s:user/%s", model->account, u->name);
	out->iam.user_id = principal_id(arena, "AIDA", out->iam.user_arn);
	out->iam.caller_id = out->iam.user_id;
}

/* ["a","b"] without escapes, as nearly every list is, is cut out of a copy; NULL if it is not. */
static const char *const *plain_list(const char *text, struct arena *arena)
{
	size_t len = strlen(text);
	if (*text != '[' || strchr(text, '\\')) {
		return NULL;
	}
	/* Each string takes two quotes, and the last of them ends the list. */
	const char **out = arena_alloc(arena, (len / 2 + 1) * sizeof *out);
	size_t n = 0;
	char *at = arena_strndup(arena, text, len) + 1;
	while (*at == '"') {
		char *end = strchr(++at, '"');
		if (!end || (end[1] != ',' && end[1] != ']')) {
			return NULL;
		}
		out[n++] = at;
		*end = '\0';
		if (end[1] == ']') {
			return end[2] ? NULL : out;
		}
		at = end + 2;
	}
	return NULL;
}

static const char *const *amr_list(const char *text, struct arena *arena)
{
	const char *const *plain = plain_list(text, arena);
	if (plain) {
		return plain;
	}
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *list = *text ? json_parse(span_of(text), &err) : NULL;
	if (!cJSON_IsArray(list)) {
		return NULL;
	}
	const char **out = arena_alloc(arena, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof *out);
	size_t n = 0;
	JSON_FOR (item, list) {
		if (json_value(item)) {
			out[n++] = arena_strdup(arena, json_value(item));
		}
	}
	return out;
}

static const char *joined(struct arena *arena, const char *const *parts, size_t n)
{
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		len += strlen(parts[i]);
	}
	char *text = arena_alloc(arena, len + 1);
	char *at = text;
	for (size_t i = 0; i < n; i++) {
		at = stpcpy(at, parts[i]);
	}
	return text;
}

/* The role's name is what follows the last '/': assumed-role ARNs drop the path. */
static void assumed_caller(const struct store_credentials *c, const struct model *model,
	struct arena *arena, struct auth_caller *out)
{
	const struct model_role *role = model_role(model, c->role_arn);
	const char *slash = strrchr(c->role_arn, '/');
	const char *name = role ? role->name : slash ? slash + 1 : c->role_arn;
	const char *id = role ? role->id : principal_id(arena, "AROA", c->role_arn);
	*out = (struct auth_caller){
		.expires_ms = c->expires_ms, .issued_ms = c->issued_ms, .guest = c->guest
	};
	out->role_arn = arena_strdup(arena, c->role_arn);
	out->session_name = arena_strdup(arena, c->session_name);
	out->session_policy = arena_strdup(arena, c->session_policy);
	out->iam.access_key = arena_strdup(arena, c->access_key);
	out->iam.account_id = arena_strdup(arena, model->account);
	out->iam.user_id = joined(arena, (const char *[]){ id, ":", c->session_name }, 3);
	out->iam.caller_id = out->iam.user_id;
	const char *const user[] = { "arn:aws:sts::", model->account, ":assumed-role/", name, "/",
		c->session_name };
	out->iam.user_arn = joined(arena, user, COUNT_OF(user));
	if (*c->identity_id) {
		out->iam.identity_id = arena_strdup(arena, c->identity_id);
		out->iam.identity_pool_id = arena_strdup(arena, c->pool_id);
		out->iam.amr = amr_list(c->amr, arena);
	}
}

static bool unknown_key(
	const struct sigv4_claim *claim, struct arena *arena, struct sigv4_fault *fault)
{
	return refuse(fault, "access key", "InvalidClientTokenId",
		arena_printf(arena,
			"The security token included in the request is invalid.\n"
			"access key '%.*s' is unknown here: it must come from this emulator's "
			"identity pool or "
			"STS, or stand in the --credentials file",
			SPAN_ARG(claim->access_key)));
}

static bool identify_temporary(struct iam *i, const struct model *model,
	const struct http_request *r, const struct sigv4_claim *claim, struct arena *arena,
	struct auth_caller *out, struct sigv4_fault *fault)
{
	const char *id = arena_strndup(arena, claim->access_key.ptr, claim->access_key.len);
	const struct store_credentials *c = store_credentials_find(i->store, id);
	if (!c) {
		return unknown_key(claim, arena, fault);
	}
	if (!token_is(claim->token, c->session_token, arena, fault)) {
		return false;
	}
	int64_t late_ms = clock_now_ms(i->clock) - c->expires_ms;
	if (late_ms >= 0) {
		return refuse(fault, "expired credentials", "ExpiredToken",
			arena_printf(arena,
				"The security token included in the request is expired\n"
				"the credentials of %s ended %lld s ago: the client must fetch new "
				"ones",
				id, (long long)(late_ms / 1000)));
	}
	if (!sigv4_verify(r, claim, c->secret, i->keys, arena, fault)) {
		return false;
	}
	const char *user_name = strstr(c->role_arn, ":user/");
	if (!user_name) {
		assumed_caller(c, model, arena, out);
		return true;
	}
	const struct user *user = users_named(i->users, span_of(user_name + strlen(":user/")));
	if (!user) {
		return refuse(fault, "access key", "InvalidClientTokenId",
			arena_printf(arena,
				"The security token included in the request is invalid.\n"
				"%s is a session of %s, who is no longer in the --credentials file",
				id, c->role_arn));
	}
	user_caller(user, c->access_key, c->expires_ms, model, arena, out);
	return true;
}

bool iam_identify(struct iam *i, const struct model *model, const struct http_request *r,
	const char *service, unsigned window_s, struct arena *arena, struct auth_caller *out,
	struct sigv4_fault *fault)
{
	struct sigv4_claim claim;
	if (!sigv4_read(r, arena, &claim, fault) ||
		!sigv4_check_scope(&claim, model->region, service, window_s, clock_now_ms(i->clock),
			arena, fault)) {
		return false;
	}
	const struct user *user = users_find(i->users, claim.access_key);
	if (!user) {
		return identify_temporary(i, model, r, &claim, arena, out, fault);
	}
	if (!token_is(claim.token, user->session_token, arena, fault) ||
		!sigv4_verify(r, &claim, user->secret, i->keys, arena, fault)) {
		return false;
	}
	user_caller(user, user->access_key, 0, model, arena, out);
	return true;
}
