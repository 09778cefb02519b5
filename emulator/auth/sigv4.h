/* AWS Signature Version 4, the verifier's side: reads what a request claims (header or presigned
 * form), rebuilds the canonical request from the bytes as received, and compares. Knows no users
 * and no sockets: the caller finds the secret between sigv4_read and sigv4_verify.
 *
 * Order of checks and texts are those of identity-and-auth.md 5.9. The first line of a reason is
 * the text AWS has for the case; further lines explain it to a developer and hold no secret. */
#pragma once

#include "proxy/net/http_server.h"

struct sigv4_claim {
	bool presigned;
	struct span access_key, date, region, service, terminator; /* the credential's five parts */
	struct span signed_headers; /* as sent, without escapes */
	struct span signature;
	struct span token; /* X-Amz-Security-Token; ptr NULL if there is none */
	char stamp[17]; /* the request's time as "20250102T030405Z" */
	int64_t time_ms;
	uint64_t expires_s; /* presigned: X-Amz-Expires, 0 if absent */
};

struct sigv4_fault {
	const char *check; /* "signature", "clock", "credential scope" ... */
	const char *aws_error; /* "SignatureDoesNotMatch" ... (identity-and-auth.md 5.9) */
	const char *reason;
};

/* Signing keys already derived, by date, region, service, key id and secret. Bounded: a newer key
 * takes an older one's place. */
struct sigv4_keys;
struct sigv4_keys *sigv4_keys_create(void);
/* NULL is fine. Wipes the keys. */
void sigv4_keys_destroy(struct sigv4_keys *k);

/* Checks 5a to 9 and 12: one complete form of credentials, host signed, a readable time. Spans
 * of *out point into the request or its arena. false with *fault filled. */
bool sigv4_read(const struct http_request *r, struct arena *arena, struct sigv4_claim *out,
	struct sigv4_fault *fault) MUST_CHECK;

/* Checks 10, 11 and 13: time within window_s of now (presigned: until X-Amz-Expires), and the
 * scope is region and service. */
bool sigv4_check_scope(const struct sigv4_claim *c, const char *region, const char *service,
	unsigned window_s, int64_t now_ms, struct arena *arena,
	struct sigv4_fault *fault) MUST_CHECK;

/* Check 16: the signature, and x-amz-content-sha256 against the body. */
bool sigv4_verify(const struct http_request *r, const struct sigv4_claim *c, const char *secret,
	struct sigv4_keys *keys, struct arena *arena, struct sigv4_fault *fault) MUST_CHECK;

/* --- the parts, for the explanation, for tests and for whoever signs ------------------------ */

/* Signers differ; these are the readings that are accepted, the first one being all false. */
struct sigv4_way {
	bool raw_path; /* "//", "/./" and "/../" kept */
	bool literal_plus; /* '+' in the query stands as it came, and is no space */
	bool token_unsigned; /* presigned: the token was added after signing */
};
/* A canonical request longer than this is refused (names in SignedHeaders may repeat). */
#define SIGV4_CANONICAL_MAX (256 * 1024)

/* Appends the canonical request (identity-and-auth.md 5.1). */
void sigv4_canonical(const struct http_request *r, const struct sigv4_claim *c,
	struct sigv4_way way, struct buf *out);
/* Appends the string to sign for a canonical request. */
void sigv4_string_to_sign(const struct sigv4_claim *c, struct span canonical, struct buf *out);
#define SIGV4_KEY_LEN 32
#define SIGV4_HEX_LEN 64
/* The signing key for the claim's scope. */
void sigv4_key(unsigned char out[SIGV4_KEY_LEN], const struct sigv4_claim *c, const char *secret);
/* Lower-case hex, not terminated. False if the canonical request passes its ceiling. */
bool sigv4_sign(char out[SIGV4_HEX_LEN], const struct http_request *r, const struct sigv4_claim *c,
	struct sigv4_way way, const unsigned char key[SIGV4_KEY_LEN]) MUST_CHECK;
/* Whether the claim's signature fits in any of the ways. */
bool sigv4_matches(const struct http_request *r, const struct sigv4_claim *c,
	const unsigned char key[SIGV4_KEY_LEN]) MUST_CHECK;

/* Why a signature did not match: tries what commonly goes wrong (method, path, query, Host, body
 * changed on the way, single-encoded path ...) and shows the canonical request and the string to
 * sign with tokens cut short. In the arena. */
const char *sigv4_explain(const struct http_request *r, const struct sigv4_claim *c,
	const unsigned char key[SIGV4_KEY_LEN], struct arena *arena);
