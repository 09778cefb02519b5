#include "proxy/bridge/certificate.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/clock.h"
#include "proxy/base/digest.h"
#include "proxy/base/encode.h"
#include "proxy/base/file.h"
#include "proxy/base/signing_key.h"

#define MAX_PEM (256u << 10)
#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END "-----END CERTIFICATE-----"
#define LINE 64 /* RFC 7468 section 2 */

static void write_pem(struct buf *out, struct span der)
{
	struct buf text = BUF_INIT(MAX_PEM);
	base64_encode(&text, der);
	buf_add_str(out, BEGIN "\n");
	for (size_t at = 0; at < text.len; at += LINE) {
		size_t n = text.len - at < LINE ? text.len - at : LINE;
		buf_addf(out, "%.*s\n", (int)n, text.ptr + at);
	}
	buf_add_str(out, END "\n");
	buf_fini(&text);
}

int certificate_ensure(const char *cert_path, const char *key_path, struct err *err)
{
	if (access(cert_path, R_OK) == 0 && access(key_path, R_OK) == 0) {
		return 0;
	}
	struct signing_key *key = signing_key_generate(err);
	if (!key) {
		return -(int)err->code;
	}
	struct buf pem = BUF_INIT(MAX_PEM), der = BUF_INIT(MAX_PEM);
	signing_key_pem(key, &pem);
	int rc = file_replace(key_path, buf_span(&pem), 0600, err);
	buf_clear(&pem);
	signing_key_certificate(key, "offstage", clock_now_ms(&clock_system), &der);
	write_pem(&pem, buf_span(&der));
	rc = rc ? rc : file_replace(cert_path, buf_span(&pem), 0644, err);
	buf_fini(&pem);
	buf_fini(&der);
	signing_key_destroy(key);
	return rc;
}

int certificate_check(const char *cert_path, const char *key_path, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	ENSURE(ctx);
	int rc = 0;
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_path) != 1) {
		rc = err_set(
			err, ERR_INVALID, "'%s' holds no certificate (PEM is expected)", cert_path);
	} else if (SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) != 1) {
		/* Also when it is a key, but of another certificate. */
		rc = err_set(err, ERR_INVALID,
			"'%s' holds no key (PEM, without a passphrase) that fits the certificate "
			"in '%s'",
			key_path, cert_path);
	}
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return rc;
}

/* The base64 text between the first certificate's marks, without blanks. False if there is none. */
static bool find_body(struct span pem, struct buf *out)
{
	const char *begin = memmem(pem.ptr, pem.len, BEGIN, strlen(BEGIN));
	const char *from = begin ? begin + strlen(BEGIN) : NULL;
	const char *end =
		from ? memmem(from, pem.len - (size_t)(from - pem.ptr), END, strlen(END)) : NULL;
	for (const char *p = from; end && p < end; p++) {
		if (*p != '\n' && *p != '\r' && *p != ' ') {
			buf_add_char(out, *p);
		}
	}
	return end != NULL;
}

int certificate_fingerprint(const char *cert_path, char out[FINGERPRINT_LEN + 1], struct err *err)
{
	struct buf pem = BUF_INIT(MAX_PEM), text = BUF_INIT(MAX_PEM), der = BUF_INIT(MAX_PEM);
	struct buf hex = BUF_INIT(FINGERPRINT_LEN + 1);
	int rc = file_read(cert_path, &pem, err);
	if (!rc && (!find_body(buf_span(&pem), &text) || !base64_decode(&der, buf_span(&text)))) {
		rc = err_set(
			err, ERR_INVALID, "'%s' holds no certificate (PEM is expected)", cert_path);
	}
	if (!rc) {
		sha256_hex(&hex, buf_span(&der));
		snprintf(out, FINGERPRINT_LEN + 1, "%s", buf_cstr(&hex));
	}
	buf_fini(&pem);
	buf_fini(&text);
	buf_fini(&der);
	buf_fini(&hex);
	return rc;
}
