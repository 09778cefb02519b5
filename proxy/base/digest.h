/* Hashes, HMAC, random bytes and the constant-time compare, by OpenSSL. */
#pragma once

#include "proxy/base/buf.h"

#define SHA256_LEN 32

void sha256(unsigned char out[SHA256_LEN], struct span in);
/* Appends the lower-case hex of the hash. */
void sha256_hex(struct buf *out, struct span in);
void hmac_sha256(unsigned char out[SHA256_LEN], struct span key, struct span in);
/* Cryptographic; aborts if the system has none. */
void random_bytes(void *p, size_t n);
/* Time does not depend on the content; lengths are no secret. */
bool secret_eq(struct span a, struct span b);
