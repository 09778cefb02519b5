#include "proxy/base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

/* Fetched once: implicit fetching costs more than hashing a small request does. */
static const EVP_MD *sha256_md(void)
{
	static EVP_MD *md;
	if (!md) {
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
		ENSURE(md);
	}
	return md;
}

void sha256(unsigned char out[SHA256_LEN], struct span in)
{
	ENSURE(EVP_Digest(in.ptr, in.len, out, NULL, sha256_md(), NULL) == 1);
}

void sha256_hex(struct buf *out, struct span in)
{
	unsigned char md[SHA256_LEN];
	sha256(md, in);
	hex_encode(out, span_n((const char *)md, sizeof md));
}

void hmac_sha256(unsigned char out[SHA256_LEN], struct span key, struct span in)
{
	/* RFC 2104 over two plain digests: HMAC() of OpenSSL 3 spends most of its time
	 * fetching providers. */
	unsigned char block[64] = { 0 };
	if (key.len > sizeof block) {
		sha256(block, key);
	} else if (key.len) {
		memcpy(block, key.ptr, key.len);
	}
	static EVP_MD_CTX *ctx;
	if (!ctx) {
		ctx = EVP_MD_CTX_new();
		ENSURE(ctx);
	}
	unsigned char pad[64];
	unsigned char inner[SHA256_LEN];
	for (size_t i = 0; i < sizeof pad; i++) {
		pad[i] = block[i] ^ 0x36;
	}
	ENSURE(EVP_DigestInit_ex2(ctx, sha256_md(), NULL) == 1);
	EVP_DigestUpdate(ctx, pad, sizeof pad);
	EVP_DigestUpdate(ctx, in.ptr, in.len);
	EVP_DigestFinal_ex(ctx, inner, NULL);
	for (size_t i = 0; i < sizeof pad; i++) {
		pad[i] = block[i] ^ 0x5c;
	}
	ENSURE(EVP_DigestInit_ex2(ctx, sha256_md(), NULL) == 1);
	EVP_DigestUpdate(ctx, pad, sizeof pad);
	EVP_DigestUpdate(ctx, inner, sizeof inner);
	EVP_DigestFinal_ex(ctx, out, NULL);
}

void random_bytes(void *p, size_t n)
{
	ENSURE(RAND_bytes(p, (int)n) == 1);
}

bool secret_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}
