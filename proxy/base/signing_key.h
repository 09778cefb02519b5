/* An RSA-2048 key that signs JSON Web Tokens (RFC 7515, RFC 7518 section 3.3): what a login
 * provider and the identity pool hold. Verifying is emulator/auth's. By OpenSSL. */
#pragma once

#include "proxy/base/buf.h"
#include "proxy/base/err.h"

struct signing_key;

/* A new key; takes about a tenth of a second. NULL with err set if OpenSSL has no randomness. */
struct signing_key *signing_key_generate(struct err *err) MUST_CHECK;
/* From PKCS#8 PEM; refuses anything but an RSA key of at least 2048 bits. */
struct signing_key *signing_key_from_pem(struct span pem, struct err *err) MUST_CHECK;
/* NULL is fine. */
void signing_key_destroy(struct signing_key *k);
/* Appends the private key as PKCS#8 PEM. */
void signing_key_pem(const struct signing_key *k, struct buf *out);
/* Appends modulus and exponent, big-endian without leading zeros (RFC 7518 section 6.3.1). */
void signing_key_public(const struct signing_key *k, struct buf *n, struct buf *e);
/* Appends a self-signed certificate (DER) for the common name. The same key, name and time give the
 * same bytes, so that the thumbprint stays. Valid for 13 years from not_before, as Auth0's are. */
void signing_key_certificate(const struct signing_key *k, const char *common_name,
	int64_t not_before_ms, struct buf *out);
/* Appends header.payload.signature; header and payload are JSON texts. alg: "RS256" or "RS512",
 * which the header must name too. */
void signing_key_jwt(const struct signing_key *k, const char *alg, struct span header,
	struct span payload, struct buf *out);
