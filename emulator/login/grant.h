/* What a user lets a client do: an authorization request as it came, who answered it, and what
 * followed from it. One record serves through the whole flow (page, code, tokens, refresh),
 * kept as a ticket of the store at each station. All members are strings, "" when absent. */
#pragma once

#include "emulator/login/visit.h"

/* Parameters of /authorize, by their own names (identity-and-auth.md 7.2). */
#define GRANT_PARAMETERS(X)      \
	X(client_id)             \
	X(redirect_uri)          \
	X(response_type)         \
	X(response_mode)         \
	X(scope)                 \
	X(state)                 \
	X(nonce)                 \
	X(audience)              \
	X(code_challenge)        \
	X(code_challenge_method) \
	X(max_age)               \
	X(login_hint)            \
	X(screen_hint)

/* What we add: who (sub), which login session (sid), since when (auth_time, seconds), in which
 * browser the page was opened, by which non-interactive grant (gty), the id under which it can
 * be revoked, and whether its code has been used. */
#define GRANT_OWN(X) \
	X(sub)       \
	X(sid)       \
	X(auth_time) \
	X(browser)   \
	X(gty)       \
	X(id)        \
	X(used)

struct grant {
#define X(name) const char *name;
	GRANT_PARAMETERS(X)
	GRANT_OWN(X)
#undef X
};

/* Stations: the sections of the store's tickets. */
#define GRANT_TRANSACTION "transaction"
#define GRANT_SESSION "session"
#define GRANT_CODE "code"
#define GRANT_ACCESS "access"
#define GRANT_REFRESH "refresh"
#define GRANT_ALIVE "grant" /* its id; gone once revoked */

void grant_init(struct grant *g);
/* Takes the parameters of /authorize, and only those. */
void grant_read_parameters(struct grant *g, const struct form *form);
bool grant_has_scope(const char *scope, const char *word);

/* Keeps the record under a secret, for this issuer. */
int grant_keep(struct login *l, const char *station, const char *secret, const struct grant *g,
	int64_t lifetime_ms, struct err *err) MUST_CHECK;
/* False if there is none, or it has ended. */
bool grant_find(struct login *l, const char *station, const char *secret, struct arena *arena,
	struct grant *out);
bool grant_drop(struct login *l, const char *station, const char *secret);
