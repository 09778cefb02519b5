#include "emulator/auth/jwk.h"

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/json.h"

#define MODULUS_MIN_BITS 2048
#define MODULUS_MAX_BITS 16384

struct jwk {
	char *kid; /* NULL if it has none */
	char *alg; /* NULL = any of the family */
	EVP_PKEY *key; /* NULL: not usable, see why */
	const char *why;
	size_t signature_len;
};

struct jwks {
	struct jwk keys[JWKS_KEYS_MAX];
	size_t n;
};

/* Keys of the flawed Infineon library (CVE-2017-15361): the modulus is a power of 65537 modulo
 * every small prime, which a random one is for all of them only by a chance of some 2^-27. */
static bool is_roca(const BIGNUM *n)
{
	static const unsigned primes[] = { 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53,
		59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139,
		149, 151, 157, 163, 167 };
	for (size_t i = 0; i < COUNT_OF(primes); i++) {
		unsigned rest = (unsigned)BN_mod_word(n, primes[i]);
		unsigned power = 1;
		bool found = false;
		for (unsigned k = 0; k < primes[i] && !found; k++) {
			found = power == rest;
			power = power * 65537u % primes[i];
		}
		if (!found) {
			return false;
		}
	}
	return true;
}

static BIGNUM *read_number(const cJSON *doc, const char *name)
{
	struct buf bytes = BUF_INIT(MODULUS_MAX_BITS / 8 + 8);
	struct span text = json_span(doc, name);
	BIGNUM *n = NULL;
	if (text.len && base64url_decode(&bytes, text) && bytes.len && !bytes.overflow) {
		n = BN_bin2bn((const unsigned char *)bytes.ptr, (int)bytes.len, NULL);
	}
	buf_fini(&bytes);
	return n;
}

static const char *weakness(const BIGNUM *n, const BIGNUM *e)
{
	if (BN_num_bits(n) < MODULUS_MIN_BITS) {
		return "its RSA modulus is shorter than 2048 bits";
	}
	if (BN_num_bits(n) > MODULUS_MAX_BITS) {
		return "its RSA modulus is longer than 16384 bits";
	}
	if (!BN_is_odd(n) || !BN_is_odd(e) || BN_num_bits(e) < 2 || BN_num_bits(e) > 64) {
		return "its RSA modulus or exponent is no valid one";
	}
	return is_roca(n) ? "its RSA modulus is a weak one (ROCA)" : NULL;
}

static EVP_PKEY *build_key(const BIGNUM *n, const BIGNUM *e)
{
	EVP_PKEY *key = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	ENSURE(build && ctx);
	ENSURE(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	if (EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
		key = NULL;
	}
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool lists_verify(const cJSON *key_ops)
{
	JSON_FOR (item, key_ops) {
		if (json_value(item) && strcmp(json_value(item), "verify") == 0) {
			return true;
		}
	}
	return false;
}

/* Why a key's members forbid its use; NULL if they do not. */
static const char *unfit(const cJSON *doc)
{
	const char *kty = json_str(doc, "kty");
	if (!kty || strcmp(kty, "RSA") != 0) {
		return "it is no RSA key";
	}
	if (json_get(doc, "use") && !span_is(json_span(doc, "use"), "sig")) {
		return "its use is not \"sig\"";
	}
	if (json_get(doc, "key_ops") && !lists_verify(json_array(doc, "key_ops"))) {
		return "its key_ops do not hold \"verify\"";
	}
	return NULL;
}

static void read_key(struct jwk *k, const cJSON *doc)
{
	k->kid = json_str(doc, "kid") ? xstrdup(json_str(doc, "kid")) : NULL;
	k->alg = json_str(doc, "alg") ? xstrdup(json_str(doc, "alg")) : NULL;
	k->why = unfit(doc);
	if (k->why) {
		return;
	}
	BIGNUM *n = read_number(doc, "n");
	BIGNUM *e = read_number(doc, "e");
	k->why = n && e ? weakness(n, e) : "its n or e is no base64url number";
	if (!k->why) {
		k->key = build_key(n, e);
		k->why = k->key ? NULL : "OpenSSL refuses its n or e";
		k->signature_len = (size_t)BN_num_bytes(n);
	}
	BN_free(n);
	BN_free(e);
}

struct jwks *jwks_parse(struct span text, struct err *err)
{
	AUTO_JSON cJSON *doc = json_parse_unique(text, err);
	if (!doc) {
		err_wrap(err, "key set");
		return NULL;
	}
	const cJSON *list = json_array(doc, "keys");
	if (!list || cJSON_GetArraySize(list) > JWKS_KEYS_MAX) {
		err_set(err, ERR_INVALID,
			list ? "key set: more than %d keys"
			     : "key set: no \"keys\" array (at most %d)",
			JWKS_KEYS_MAX);
		return NULL;
	}
	struct jwks *s = xalloc(sizeof *s);
	JSON_FOR (item, list) {
		read_key(&s->keys[s->n++], item);
	}
	return s;
}

void jwks_destroy(struct jwks *s)
{
	if (!s) {
		return;
	}
	for (size_t i = 0; i < s->n; i++) {
		free(s->keys[i].kid);
		free(s->keys[i].alg);
		EVP_PKEY_free(s->keys[i].key);
	}
	free(s);
}

static const struct jwk *by_kid(const struct jwks *s, const char *kid, struct err *err)
{
	const struct jwk *found = NULL;
	for (size_t i = 0; i < s->n; i++) {
		if (!s->keys[i].kid || strcmp(s->keys[i].kid, kid) != 0) {
			continue;
		}
		if (found) {
			/* Which of the two did the signer mean? Nobody can know. */
			err_set(err, ERR_INVALID, "the key set has two keys with kid '%.100s'",
				kid);
			return NULL;
		}
		found = &s->keys[i];
	}
	if (!found) {
		err_set(err, ERR_NOT_FOUND, "no key with kid '%.100s' in the key set", kid);
	}
	return found;
}

const struct jwk *jwks_find(const struct jwks *s, const char *kid, const char *alg, struct err *err)
{
	const struct jwk *k = NULL;
	if (kid) {
		k = by_kid(s, kid, err);
	} else if (s->n == 1) {
		k = &s->keys[0];
	} else {
		err_set(err, ERR_INVALID, "the token has no kid and the key set has %zu keys",
			s->n);
	}
	if (!k) {
		return NULL;
	}
	if (!k->key) {
		err_set(err, ERR_INVALID, "key '%.100s' may not be used: %s", kid ? kid : "",
			k->why);
		return NULL;
	}
	if (k->alg && strcmp(k->alg, alg) != 0) {
		err_set(err, ERR_INVALID, "key '%.100s' is for %.20s, the token says %.20s",
			kid ? kid : "", k->alg, alg);
		return NULL;
	}
	return k;
}

bool jwk_verify(const struct jwk *k, const char *alg, struct span input, struct span signature)
{
	const EVP_MD *md = strcmp(alg, "RS256") == 0   ? EVP_sha256()
			   : strcmp(alg, "RS384") == 0 ? EVP_sha384()
			   : strcmp(alg, "RS512") == 0 ? EVP_sha512()
						       : NULL;
	if (!md || signature.len != k->signature_len) {
		return false;
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ENSURE(ctx);
	/* PKCS#1 v1.5 is the default padding; OpenSSL rebuilds the block and compares it whole. */
	bool ok = EVP_DigestVerifyInit(ctx, NULL, md, NULL, k->key) == 1 &&
		  EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
			  (const unsigned char *)input.ptr, input.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}
