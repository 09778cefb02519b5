/* The two keys of a login provider, current and next (identity-and-auth.md 7.1b), kept by the
 * store so that tokens stay valid over restarts. */
#pragma once

#include "emulator/store/store.h"
#include "proxy/base/buf.h"

struct login_keys;

/* Loads the keys of the issuer or makes them. host: the certificates' common name. */
struct login_keys *login_keys_create(
	struct store *store, const char *issuer, const char *host, struct err *err) MUST_CHECK;
void login_keys_destroy(struct login_keys *k);
/* {"keys":[...]} */
struct span login_keys_jwks(const struct login_keys *k);
/* Appends the token: RS256 with the current key. claims: JSON text. */
void login_keys_sign(const struct login_keys *k, struct span claims, struct buf *out);
