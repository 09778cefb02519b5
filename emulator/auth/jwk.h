/* JSON Web Key sets (RFC 7517): the RSA public keys of an issuer. Keys that must not verify
 * anything (for encryption, weak, malformed, of another type) are kept only to say why. */
#pragma once

#include "proxy/base/err.h"
#include "proxy/base/span.h"

struct jwks;
struct jwk;

#define JWKS_KEYS_MAX 100

/* A malformed key is skipped; a malformed set is an error. */
struct jwks *jwks_parse(struct span text, struct err *err) MUST_CHECK;
/* NULL is fine. */
void jwks_destroy(struct jwks *s);
/* The one key named kid that may verify alg. kid NULL: the only key of a set of one. NULL with err
 * saying why; ERR_NOT_FOUND if a newer set might hold it. */
const struct jwk *jwks_find(
	const struct jwks *s, const char *kid, const char *alg, struct err *err) MUST_CHECK;
/* Whether signature is alg's (RS256, RS384, RS512: RFC 7518 section 3.3) over input. */
bool jwk_verify(
	const struct jwk *k, const char *alg, struct span input, struct span signature) MUST_CHECK;
