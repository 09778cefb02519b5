#include "emulator/auth/token_cache.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/digest.h"

#define SLOTS 1024

struct slot {
	unsigned char hash[SHA256_LEN]; /* of issuer and token: the token itself is not kept */
	cJSON *claims; /* NULL = empty */
	int64_t until_s;
};

struct token_cache {
	struct slot slots[SLOTS];
};

struct token_cache *token_cache_create(void)
{
	return xalloc(sizeof(struct token_cache));
}

void token_cache_destroy(struct token_cache *c)
{
	if (!c) {
		return;
	}
	for (size_t i = 0; i < SLOTS; i++) {
		cJSON_Delete(c->slots[i].claims);
	}
	free(c);
}

static size_t hash_of(unsigned char hash[SHA256_LEN], const char *issuer, struct span token)
{
	unsigned char both[2 * SHA256_LEN];
	sha256(both, span_of(issuer));
	sha256(both + SHA256_LEN, token);
	sha256(hash, span_n((const char *)both, sizeof both));
	return (size_t)(hash[0] | hash[1] << 8) % SLOTS;
}

const cJSON *token_cache_get(
	const struct token_cache *c, const char *issuer, struct span token, int64_t now_s)
{
	unsigned char hash[SHA256_LEN];
	const struct slot *s = &c->slots[hash_of(hash, issuer, token)];
	bool known = s->claims && now_s < s->until_s && memcmp(s->hash, hash, sizeof hash) == 0;
	return known ? s->claims : NULL;
}

const cJSON *token_cache_put(struct token_cache *c, const char *issuer, struct span token,
	cJSON *claims, int64_t until_s)
{
	unsigned char hash[SHA256_LEN];
	struct slot *s = &c->slots[hash_of(hash, issuer, token)];
	double exp = json_num(claims, "exp", 0);
	cJSON_Delete(s->claims);
	*s = (struct slot){ .claims = claims };
	s->until_s = exp < (double)until_s ? (exp > 0 ? (int64_t)exp : 0) : until_s;
	memcpy(s->hash, hash, sizeof hash);
	return claims;
}
