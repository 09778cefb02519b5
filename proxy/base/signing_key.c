#include "proxy/base/signing_key.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

#define KEY_BITS 2048
#define CERTIFICATE_DAYS (13 * 365)
#define MAX_SIGNATURE 1024

struct signing_key {
	EVP_PKEY *pkey;
};

static struct signing_key *own(EVP_PKEY *pkey)
{
	struct signing_key *k = xalloc(sizeof *k);
	k->pkey = pkey;
	return k;
}

struct signing_key *signing_key_generate(struct err *err)
{
	EVP_PKEY *pkey = EVP_RSA_gen(KEY_BITS);
	if (!pkey) {
		err_set(err, ERR_INTERNAL, "cannot generate an RSA key");
		return NULL;
	}
	return own(pkey);
}

struct signing_key *signing_key_from_pem(struct span pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	ENSURE(bio);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (!pkey || EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA ||
		EVP_PKEY_get_bits(pkey) < KEY_BITS) {
		EVP_PKEY_free(pkey);
		err_set(err, ERR_INVALID, "not the PEM text of an RSA key of at least %d bits",
			KEY_BITS);
		return NULL;
	}
	return own(pkey);
}

void signing_key_destroy(struct signing_key *k)
{
	if (k) {
		EVP_PKEY_free(k->pkey);
		free(k);
	}
}

void signing_key_pem(const struct signing_key *k, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	ENSURE(bio);
	ENSURE(PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) == 1);
	char *text = NULL;
	long n = BIO_get_mem_data(bio, &text);
	buf_add(out, text, (size_t)n);
	BIO_free(bio);
}

static void add_number(const struct signing_key *k, const char *name, struct buf *out)
{
	BIGNUM *number = NULL;
	ENSURE(EVP_PKEY_get_bn_param(k->pkey, name, &number) == 1);
	size_t n = (size_t)BN_num_bytes(number);
	char *at = buf_reserve(out, n);
	if (at) {
		BN_bn2bin(number, (unsigned char *)at);
		buf_commit(out, n);
	}
	BN_free(number);
}

void signing_key_public(const struct signing_key *k, struct buf *n, struct buf *e)
{
	add_number(k, OSSL_PKEY_PARAM_RSA_N, n);
	add_number(k, OSSL_PKEY_PARAM_RSA_E, e);
}

void signing_key_certificate(const struct signing_key *k, const char *common_name,
	int64_t not_before_ms, struct buf *out)
{
	X509 *cert = X509_new();
	ENSURE(cert);
	time_t from = (time_t)(not_before_ms / 1000);
	/* Common names end at 64 characters (X.520, ub-common-name). */
	AUTO_FREE char *name = xstrndup(common_name, strnlen(common_name, 64));
	X509_NAME *subject = X509_get_subject_name(cert);
	ENSURE(X509_set_version(cert, X509_VERSION_3) == 1);
	ENSURE(ASN1_INTEGER_set_int64(X509_get_serialNumber(cert), not_before_ms) == 1);
	ENSURE(X509_time_adj_ex(X509_getm_notBefore(cert), 0, 0, &from));
	ENSURE(X509_time_adj_ex(X509_getm_notAfter(cert), CERTIFICATE_DAYS, 0, &from));
	ENSURE(X509_NAME_add_entry_by_txt(
		       subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1);
	ENSURE(X509_set_issuer_name(cert, subject) == 1);
	ENSURE(X509_set_pubkey(cert, k->pkey) == 1);
	ENSURE(X509_sign(cert, k->pkey, EVP_sha256()) > 0);
	int n = i2d_X509(cert, NULL);
	ENSURE(n > 0);
	char *at = buf_reserve(out, (size_t)n);
	if (at) {
		unsigned char *der = (unsigned char *)at;
		i2d_X509(cert, &der);
		buf_commit(out, (size_t)n);
	}
	X509_free(cert);
}

static void sign(const struct signing_key *k, const EVP_MD *md, struct span input, struct buf *out)
{
	unsigned char signature[MAX_SIGNATURE];
	size_t n = sizeof signature;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ENSURE(ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, k->pkey) == 1);
	ENSURE(EVP_DigestSign(ctx, signature, &n, (const unsigned char *)input.ptr, input.len) ==
		1);
	EVP_MD_CTX_free(ctx);
	base64url_encode(out, span_n((const char *)signature, n));
}

void signing_key_jwt(const struct signing_key *k, const char *alg, struct span header,
	struct span payload, struct buf *out)
{
	bool is_512 = strcmp(alg, "RS512") == 0;
	ENSURE(is_512 || strcmp(alg, "RS256") == 0);
	struct buf token = BUF_INIT(out->max);
	base64url_encode(&token, header);
	buf_add_char(&token, '.');
	base64url_encode(&token, payload);
	struct buf signature = BUF_INIT(2 * MAX_SIGNATURE);
	sign(k, is_512 ? EVP_sha512() : EVP_sha256(), buf_span(&token), &signature);
	buf_add_char(&token, '.');
	buf_add_span(&token, buf_span(&signature));
	if (token.overflow) {
		out->overflow = true;
	} else {
		buf_add_span(out, buf_span(&token));
	}
	buf_fini(&signature);
	buf_fini(&token);
}
