/* Tokens whose signature has been verified, by their hash, so that the next request with the
 * same token costs a look-up instead of RSA. Only the signature's verdict is kept: claims are
 * checked each time. Bounded: a newer token takes an older one's place. */
#pragma once

#include "proxy/base/json.h"

struct token_cache;
struct token_cache *token_cache_create(void);
/* NULL is fine. */
void token_cache_destroy(struct token_cache *c);
/* The claims of a token verified with this issuer's keys; NULL if it is not known. Valid until the
 * next put. */
const cJSON *token_cache_get(
	const struct token_cache *c, const char *issuer, struct span token, int64_t now_s);
/* Takes claims and hands them back as get does; forgets them at until_s, at the latest at exp. */
const cJSON *token_cache_put(struct token_cache *c, const char *issuer, struct span token,
	cJSON *claims, int64_t until_s);
