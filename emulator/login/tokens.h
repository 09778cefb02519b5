/* The tokens of a grant: ID token, access token, refresh token (identity-and-auth.md 7.4, 7.5). */
#pragma once

#include "emulator/login/grant.h"

#define ACCESS_TOKEN_LIFETIME_S 86400

struct tokens {
	const char *access, *id, *refresh; /* NULL = not part of the answer */
};

/* Makes a grant that can be revoked (sets g->id). */
int tokens_begin_grant(
	struct login *l, struct grant *g, struct arena *arena, struct err *err) MUST_CHECK;
/* Access token for g's audience (opaque without one). */
int tokens_access(struct login *l, const struct grant *g, struct arena *arena, const char **out,
	struct err *err) MUST_CHECK;
int tokens_refresh(struct login *l, const struct grant *g, struct arena *arena, const char **out,
	struct err *err) MUST_CHECK;
/* code and access: for c_hash and at_hash of the implicit and hybrid flows; NULL otherwise.
 * False if g's user is gone. */
bool tokens_id(struct login *l, const struct grant *g, const char *code, const char *access,
	struct arena *arena, const char **out);
/* What the grant's scope calls for, for the answer of the token endpoint. with_refresh: a
 * refresh token too, if the scope has offline_access. ERR_NOT_FOUND if the user is gone. */
int tokens_issue(struct login *l, struct grant *g, bool with_refresh, struct arena *arena,
	struct tokens *out, struct err *err) MUST_CHECK;
/* Appends the token endpoint's JSON. */
void tokens_write(struct buf *out, const struct grant *g, const struct tokens *t);

/* Appends members sub aside what the scope shows of the user: {"nickname":... without braces. */
void tokens_add_profile(struct buf *out, const struct store_user *user, const char *scope);
/* Drops the grant: its refresh and opaque tokens are dead at once. */
void tokens_revoke(struct login *l, const char *grant_id);
/* Is the access token alive? Then *out says whose it is. */
bool tokens_find_access(struct login *l, const char *token, struct arena *arena, struct grant *out);
bool tokens_find_refresh(
	struct login *l, const char *token, struct arena *arena, struct grant *out);
