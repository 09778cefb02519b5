#include "proxy/base/ids.h"

#include <stdio.h>

#include "proxy/base/alloc.h"
#include "proxy/base/digest.h"

/* Random bytes by the kilobyte: RAND_bytes costs microseconds a call, and every request needs
 * several ids. */
static void cheap_random(unsigned char *out, size_t n)
{
	static unsigned char pool[4096];
	static size_t left;
	while (n) {
		if (!left) {
			random_bytes(pool, sizeof pool);
			left = sizeof pool;
		}
		size_t part = n < left ? n : left;
		memcpy(out, pool + (sizeof pool - left), part);
		memset(pool + (sizeof pool - left), 0, part);
		left -= part;
		out += part;
		n -= part;
	}
}

static void uuid_format(char out[UUID_LEN + 1], unsigned char b[16])
{
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10) {
			out[at++] = '-';
		}
		out[at++] = hex[b[i] >> 4];
		out[at++] = hex[b[i] & 15];
	}
	out[at] = '\0';
}

void uuid_random(char out[UUID_LEN + 1])
{
	unsigned char b[16];
	cheap_random(b, sizeof b);
	uuid_format(out, b);
}

void uuid_from_name(char out[UUID_LEN + 1], struct span name)
{
	unsigned char md[SHA256_LEN];
	sha256(md, name);
	uuid_format(out, md);
}

void gateway_request_id(char out[GATEWAY_ID_LEN + 1])
{
	id_random(out, GATEWAY_ID_LEN - 1, ID_URLSAFE);
	out[GATEWAY_ID_LEN - 1] = '=';
	out[GATEWAY_ID_LEN] = '\0';
}

static void pick(char *out, size_t n, const char *alphabet, const unsigned char *bytes)
{
	/* The modulo bias is harmless: these are names, not keys. Alphabets for secrets have 64
	 * characters, where there is none. */
	size_t size = strlen(alphabet);
	for (size_t i = 0; i < n; i++) {
		out[i] = alphabet[bytes[i] % size];
	}
	out[n] = '\0';
}

void id_random(char *out, size_t n, const char *alphabet)
{
	unsigned char bytes[128];
	ENSURE(n <= sizeof bytes);
	cheap_random(bytes, n);
	pick(out, n, alphabet, bytes);
}

void id_from_name(char *out, size_t n, const char *alphabet, struct span name)
{
	unsigned char md[SHA256_LEN];
	ENSURE(n <= sizeof md);
	sha256(md, name);
	pick(out, n, alphabet, md);
}
