/* Signing keys and tokens for tests. Making a key takes a tenth of a second: share them. */
#pragma once

#include <stdio.h>

#include "request.h"

#include "proxy/base/encode.h"
#include "proxy/base/json.h"
#include "proxy/base/signing_key.h"

static inline struct signing_key *token_key(void)
{
	struct err err = ERR_INIT;
	struct signing_key *k = signing_key_generate(&err);
	assert_non_null(k);
	return k;
}

/* {"kty":"RSA","kid":...,"n":...,"e":...<more>}; more: `,"use":"sig"` and the like. */
static inline const char *token_jwk(
	struct arena *arena, const struct signing_key *k, const char *kid, const char *more)
{
	struct buf n = BUF_INIT(4096);
	struct buf e = BUF_INIT(64);
	struct buf text = BUF_INIT(8192);
	signing_key_public(k, &n, &e);
	buf_addf(&text, "{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"", kid);
	base64url_encode(&text, buf_span(&n));
	buf_add_str(&text, "\",\"e\":\"");
	base64url_encode(&text, buf_span(&e));
	buf_addf(&text, "\"%s}", more);
	const char *out = arena_strdup(arena, buf_cstr(&text));
	buf_fini(&n);
	buf_fini(&e);
	buf_fini(&text);
	return out;
}

static inline struct span token_jwks(
	struct arena *arena, const struct signing_key *k, const char *kid)
{
	return span_of(arena_printf(arena, "{\"keys\":[%s]}", token_jwk(arena, k, kid, "")));
}

static inline const char *token_raw(
	struct arena *arena, const struct signing_key *k, const char *header, const char *claims)
{
	struct buf text = BUF_INIT(256 * 1024);
	signing_key_jwt(k, "RS256", span_of(header), span_of(claims), &text);
	const char *out = arena_strdup(arena, buf_cstr(&text));
	buf_fini(&text);
	return out;
}

static inline const char *token_make(
	struct arena *arena, const struct signing_key *k, const char *kid, const char *claims)
{
	return token_raw(
		arena, k, arena_printf(arena, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid), claims);
}
