/* JSON Web Tokens: taking apart, strictly (identity-and-auth.md 9.1), and verifying by a given
 * key. RS256, RS384, RS512 and nothing else. Keys or addresses that the token itself brings
 * (jwk, x5c, jku, x5u) are never looked at. What the claims say is claims.h's. */
#pragma once

#include "emulator/auth/jwk.h"
#include "proxy/base/json.h"

#define JWT_MAX (64 * 1024)

struct jwt {
	cJSON *header;
	const char *alg; /* into header */
	const char *kid; /* NULL if it has none */
	struct span signed_text; /* header.payload: into the token given */
	struct buf payload, signature;
};

/* err->msg in words fit for error_description. *out needs jwt_fini either way. */
int jwt_decode(struct jwt *out, struct span token, struct err *err) MUST_CHECK;
void jwt_fini(struct jwt *t);
bool jwt_verify(const struct jwt *t, const struct jwk *key) MUST_CHECK;
/* The payload as a claims object; the caller frees it. NULL with err. */
cJSON *jwt_claims(const struct jwt *t, struct err *err) MUST_CHECK;
