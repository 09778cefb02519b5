/* Identifiers in AWS's shapes: random ones, and stable ones derived from names, so that an id
 * is the same from run to run. */
#pragma once

#include "proxy/base/buf.h"

#define UUID_LEN 36
#define GATEWAY_ID_LEN 16

/* A random UUID v4, lower-case, NUL-terminated. */
void uuid_random(char out[UUID_LEN + 1]);
/* The same UUID for the same name, always (hash of the name, shaped as v4). */
void uuid_from_name(char out[UUID_LEN + 1], struct span name);
/* API Gateway's request id: 15 characters of URL-safe base64 and '='. */
void gateway_request_id(char out[GATEWAY_ID_LEN + 1]);
/* n characters of the alphabet, random or derived from the name; NUL-terminated. */
void id_random(char *out, size_t n, const char *alphabet);
void id_from_name(char *out, size_t n, const char *alphabet, struct span name);

#define ID_LOWER_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"
#define ID_BASE32 "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#define ID_BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define ID_URLSAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define ID_HEX "0123456789abcdef"
