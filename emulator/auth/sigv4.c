/* The signature itself: key derivation (cached), the readings that are tried, and the
 * comparison. */
#include "emulator/auth/sigv4.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "proxy/base/alloc.h"
#include "proxy/base/digest.h"
#include "proxy/base/encode.h"

#define SLOTS 256 /* one signing key per caller, day and service: far more than an app has */
#define SCOPE_MAX 256

struct key_slot {
	size_t scope_len; /* 0 = empty */
	char scope[SCOPE_MAX]; /* key id, date, region, service and secret */
	unsigned char key[SIGV4_KEY_LEN];
};

struct sigv4_keys {
	struct key_slot slots[SLOTS];
};

struct sigv4_keys *sigv4_keys_create(void)
{
	return xalloc(sizeof(struct sigv4_keys));
}

void sigv4_keys_destroy(struct sigv4_keys *k)
{
	if (k) {
		OPENSSL_cleanse(k, sizeof *k);
		free(k);
	}
}

void sigv4_key(unsigned char out[SIGV4_KEY_LEN], const struct sigv4_claim *c, const char *secret)
{
	struct buf start = BUF_INIT(4096);
	buf_add_str(&start, "AWS4");
	buf_add_str(&start, secret);
	hmac_sha256(out, buf_span(&start), c->date);
	OPENSSL_cleanse(start.ptr, start.len);
	buf_fini(&start);
	const struct span rest[] = { c->region, c->service, c->terminator };
	for (size_t i = 0; i < COUNT_OF(rest); i++) {
		unsigned char key[SIGV4_KEY_LEN];
		memcpy(key, out, sizeof key);
		hmac_sha256(out, span_n((const char *)key, sizeof key), rest[i]);
	}
}

static uint32_t fnv(const char *p, size_t n)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < n; i++) {
		h = (h ^ (unsigned char)p[i]) * 16777619u;
	}
	return h;
}

/* The secret is part of what is compared: a key id whose secret changed must not meet its old
 * key. */
static void cached_key(struct sigv4_keys *keys, unsigned char out[SIGV4_KEY_LEN],
	const struct sigv4_claim *c, const char *secret)
{
	char scope[SCOPE_MAX];
	size_t len = 0;
	const struct span parts[] = { c->access_key, c->date, c->region, c->service, c->terminator,
		span_of(secret) };
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		if (len + parts[i].len + 1 > sizeof scope) {
			sigv4_key(out, c, secret);
			return;
		}
		memcpy(scope + len, parts[i].ptr ? parts[i].ptr : "", parts[i].len);
		len += parts[i].len;
		scope[len++] = '/';
	}
	struct key_slot *slot = &keys->slots[fnv(scope, len) % SLOTS];
	/* What stands before the secret is no secret, and tells most others apart. */
	size_t open = len - strlen(secret) - 1;
	if (slot->scope_len != len || memcmp(slot->scope, scope, open) != 0 ||
		!secret_eq(
			span_n(slot->scope + open, len - open), span_n(scope + open, len - open))) {
		sigv4_key(slot->key, c, secret);
		memcpy(slot->scope, scope, len);
		slot->scope_len = len;
	}
	memcpy(out, slot->key, SIGV4_KEY_LEN);
	OPENSSL_cleanse(scope, sizeof scope);
}

bool sigv4_sign(char out[SIGV4_HEX_LEN], const struct http_request *r, const struct sigv4_claim *c,
	struct sigv4_way way, const unsigned char key[SIGV4_KEY_LEN])
{
	struct buf canonical = BUF_INIT(SIGV4_CANONICAL_MAX);
	struct buf text = BUF_INIT(SIGV4_CANONICAL_MAX);
	(void)buf_reserve(&canonical, 1024);
	sigv4_canonical(r, c, way, &canonical);
	sigv4_string_to_sign(c, buf_span(&canonical), &text);
	bool fits = !canonical.overflow && !text.overflow;
	if (fits) {
		unsigned char mac[SHA256_LEN];
		hmac_sha256(mac, span_n((const char *)key, SIGV4_KEY_LEN), buf_span(&text));
		static const char digits[] = "0123456789abcdef";
		for (size_t i = 0; i < sizeof mac; i++) {
			out[2 * i] = digits[mac[i] >> 4];
			out[2 * i + 1] = digits[mac[i] & 15];
		}
	}
	buf_fini(&canonical);
	buf_fini(&text);
	return fits;
}

static bool way_matches(const struct http_request *r, const struct sigv4_claim *c,
	struct sigv4_way way, const unsigned char key[SIGV4_KEY_LEN])
{
	char hex[SIGV4_HEX_LEN];
	return sigv4_sign(hex, r, c, way, key) && secret_eq(span_n(hex, sizeof hex), c->signature);
}

bool sigv4_matches(const struct http_request *r, const struct sigv4_claim *c,
	const unsigned char key[SIGV4_KEY_LEN])
{
	bool odd_path = false;
	for (size_t i = 0; i + 1 < r->path.len && !odd_path; i++) {
		odd_path = r->path.ptr[i] == '/' &&
			   (r->path.ptr[i + 1] == '/' || r->path.ptr[i + 1] == '.');
	}
	bool plus = span_find(r->query, '+') >= 0;
	bool token = c->presigned && c->token.ptr;
	for (unsigned i = 0; i < 8; i++) {
		struct sigv4_way way = { i & 1, i & 2, i & 4 };
		if ((way.raw_path && !odd_path) || (way.literal_plus && !plus) ||
			(way.token_unsigned && !token)) {
			continue; /* would read the same as a way already tried */
		}
		if (way_matches(r, c, way, key)) {
			return true;
		}
	}
	return false;
}

/* What x-amz-content-sha256 says is covered by the signature; here it must also be true. */
static bool body_is_as_signed(
	const struct http_request *r, struct arena *arena, struct sigv4_fault *fault)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (!span_iis(r->headers[i].name, "x-amz-content-sha256")) {
			continue;
		}
		struct span said = span_trim(r->headers[i].value);
		if (span_is(said, "UNSIGNED-PAYLOAD")) {
			continue;
		}
		if (span_starts(said, SPAN("STREAMING-"))) {
			*fault = (struct sigv4_fault){ "body hash", "SignatureDoesNotMatch",
				arena_printf(arena,
					"x-amz-content-sha256 '%.*s' is for S3 and event streams.",
					SPAN_ARG(said)) };
			return false;
		}
		struct buf hex = BUF_INIT(2 * SHA256_LEN + 1);
		sha256_hex(&hex, r->body);
		bool same = span_eq(buf_span(&hex), said);
		if (!same) {
			*fault = (struct sigv4_fault){ "body hash", "SignatureDoesNotMatch",
				arena_printf(arena,
					"x-amz-content-sha256 is not the hash of the body "
					"received.\n"
					"expected %s (%zu bytes), received '%.*s': the body "
					"changed on its way",
					buf_cstr(&hex), r->body.len, SPAN_ARG(said)) };
		}
		buf_fini(&hex);
		if (!same) {
			return false;
		}
	}
	return true;
}

bool sigv4_verify(const struct http_request *r, const struct sigv4_claim *c, const char *secret,
	struct sigv4_keys *keys, struct arena *arena, struct sigv4_fault *fault)
{
	unsigned char key[SIGV4_KEY_LEN];
	cached_key(keys, key, c, secret);
	bool ok = sigv4_matches(r, c, key);
	if (!ok) {
		*fault = (struct sigv4_fault){ "signature", "SignatureDoesNotMatch",
			sigv4_explain(r, c, key, arena) };
	}
	OPENSSL_cleanse(key, sizeof key);
	return ok && body_is_as_signed(r, arena, fault);
}
