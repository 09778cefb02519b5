/* The emulator's memory: one SQLite file, state.db (WAL, 0600), holding identities, temporary
 * credentials, signing keys, login users, refresh tokens and sessions. Everything written before a
 * call returned survives kill -9. Look-ups of live credentials are answered from memory; only unknown
 * ones are looked for in the file, for another program may have issued them: stages share it.
 *
 * One concept per file: store.c opens and migrates; identities.c, credentials.c, users.c,
 * keys.c and tickets.c hold the statements. Errors: ERR_IO with SQLite's words. Strings handed
 * out live in the arena given. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proxy/base/arena.h"
#include "proxy/base/clock.h"
#include "proxy/base/err.h"

struct store;

/* path NULL = in memory (exec's throw-away copies, tests). Old credentials are swept at open. */
struct store *store_open(const char *path, const struct clock *clock, struct err *err) MUST_CHECK;
void store_close(struct store *s);

/* --- identities (identity-and-auth.md 2) ------------------------------------------------- */
struct store_identity {
	const char *id; /* "us-east-1:<uuid>" */
	const char *pool;
	bool authenticated; /* has at least one login */
	bool disabled; /* merged into another */
	int64_t created_ms, modified_ms;
};
struct store_login {
	const char *provider; /* Logins key */
	const char *subject;
};
/* The identity of (pool, provider, subject), made if there is none: stable across restarts. */
int store_identity_for_login(struct store *s, const char *pool, const char *provider,
	const char *subject, struct arena *arena, const char **id, struct err *err) MUST_CHECK;
/* A new guest identity. */
int store_identity_guest(struct store *s, const char *pool, struct arena *arena, const char **id,
	struct err *err) MUST_CHECK;
/* false if unknown. */
bool store_identity_get(
	struct store *s, const char *id, struct arena *arena, struct store_identity *out);
/* The logins of an identity; returns how many. */
size_t store_identity_logins(
	struct store *s, const char *id, struct arena *arena, struct store_login **out);
/* Whose login is this? NULL if nobody's. */
const char *store_login_owner(struct store *s, const char *pool, const char *provider,
	const char *subject, struct arena *arena);
/* ERR_NOT_FOUND if there is no such identity, ERR_CONFLICT if the login is somebody's already. */
int store_login_link(struct store *s, const char *id, const char *provider, const char *subject,
	struct err *err) MUST_CHECK;
/* Takes an identity's login of that provider away; false if it has none. */
bool store_login_unlink(struct store *s, const char *id, const char *provider);
/* For ListIdentities: up to max ids after `after` (NULL = from the start). */
size_t store_identities(struct store *s, const char *pool, const char *after, size_t max,
	struct arena *arena, struct store_identity **out);
bool store_identity_delete(struct store *s, const char *id);
/* Marks it as merged into another; false if unknown. */
bool store_identity_disable(struct store *s, const char *id);

/* --- temporary credentials --------------------------------------------------------------- */
struct store_credentials {
	char access_key[21]; /* ASIA... (identity-and-auth.md 3.1) */
	char secret[41];
	const char *session_token;
	int64_t expires_ms, issued_ms; /* issued: 0 if a version that did not note it issued them */
	const char *role_arn;
	const char *session_name;
	/* Cognito; "" otherwise */
	const char *identity_id, *pool_id;
	const char *amr; /* JSON array text, "" otherwise */
	bool guest;
	const char *session_policy; /* JSON text or "" */
};
/* Makes key, secret, token and time of issue for the rest of *c, persists them. */
int store_credentials_issue(struct store *s, struct store_credentials *c, struct arena *arena,
	struct err *err) MUST_CHECK;
/* The credentials of an access key, also expired ones for a while (so that the reason can be told);
 * NULL if unknown. Valid until the next issue, sweep or look-up: for the call only. A hash look-up; an
 * unknown key is looked for in the file. */
const struct store_credentials *store_credentials_find(struct store *s, const char *access_key);

/* --- login provider ---------------------------------------------------------------------- */
/* PEM private keys by issuer, newest first; returns how many. */
size_t store_keys(struct store *s, const char *issuer, struct arena *arena, const char ***pem,
	const char ***kid);
int store_key_add(struct store *s, const char *issuer, const char *kid, const char *pem,
	struct err *err) MUST_CHECK;

struct store_user {
	const char *subject; /* "auth0|<24 hex>" */
	const char *email;
	int64_t created_ms, updated_ms;
};
/* A login: finds or makes the user of an e-mail address at an issuer (subject derived, so
 * stable; the address in lower case, as Auth0 keeps it) and sets updated_ms. */
int store_user_get(struct store *s, const char *issuer, const char *email, struct arena *arena,
	struct store_user *out, struct err *err) MUST_CHECK;
bool store_user_by_subject(struct store *s, const char *issuer, const char *subject,
	struct arena *arena, struct store_user *out);
/* Who logged in last comes first. */
size_t store_users(
	struct store *s, const char *issuer, struct arena *arena, struct store_user **out);

/* Small secrets with an end: refresh tokens, authorization codes, opaque access tokens,
 * sessions. `kind` names the table's section; only a hash of the secret is stored. value: JSON
 * text. */
int store_ticket_put(struct store *s, const char *kind, const char *secret, const char *value,
	int64_t expires_ms, struct err *err) MUST_CHECK;
/* NULL if unknown or expired. */
const char *store_ticket_get(
	struct store *s, const char *kind, const char *secret, struct arena *arena);
bool store_ticket_delete(struct store *s, const char *kind, const char *secret);
