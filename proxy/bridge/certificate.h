/* The certificate that the bridge shows when it leaves loopback: made once and kept, or given by the user.
 * Agents know it by its fingerprint, the SHA-256 of its DER form in lower-case hex, which `serve` prints. */
#pragma once

#include "proxy/base/err.h"

#define FINGERPRINT_LEN 64

/* Makes a self-signed certificate and its key (PEM, the key 0600) unless both files are there. */
int certificate_ensure(const char *cert_path, const char *key_path, struct err *err) MUST_CHECK;
/* Can a server show this certificate (and its chain), with this key? */
int certificate_check(const char *cert_path, const char *key_path, struct err *err) MUST_CHECK;
/* Of the first certificate in a PEM file; NUL-terminated. */
int certificate_fingerprint(
	const char *cert_path, char out[FINGERPRINT_LEN + 1], struct err *err) MUST_CHECK;
