#include "emulator/login/keys.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/ids.h"
#include "proxy/base/json.h"
#include "proxy/base/signing_key.h"

#define N_KEYS 2
#define KID_LEN 21
#define MAX_PEM 8192
#define MAX_JWKS 32768
/* A fixed day, so that a key's certificate and its thumbprint never change. */
#define NOT_BEFORE_MS INT64_C(1704067200000)

struct login_keys {
	struct signing_key *key[N_KEYS]; /* current, next */
	char kid[N_KEYS][64];
	struct buf jwks;
};

/* A key on its way: an app's first start needs two, each some tenths of a second of one processor. */
struct making {
	pthread_t thread;
	bool started;
	struct signing_key *key;
	struct err err;
};

static void *make(void *arg)
{
	struct making *m = arg;
	m->key = signing_key_generate(&m->err);
	return NULL;
}

static void make_begin(struct making *m)
{
	m->started = pthread_create(&m->thread, NULL, make, m) == 0;
}

static int make_end(struct making *m, struct login_keys *k, size_t i, struct store *store,
	const char *issuer, struct err *err)
{
	if (m->started) {
		pthread_join(m->thread, NULL);
	} else {
		make(m);
	}
	k->key[i] = m->key;
	if (!m->key) {
		return err_set(err, m->err.code, "%s", m->err.msg);
	}
	id_random(k->kid[i], KID_LEN, ID_URLSAFE);
	struct buf pem = BUF_INIT(MAX_PEM);
	signing_key_pem(k->key[i], &pem);
	int rc = store_key_add(store, issuer, k->kid[i], buf_cstr(&pem), err);
	buf_fini(&pem);
	return rc;
}

/* Makes the keys from `have` on, all at once. */
static int make_missing(
	struct login_keys *k, size_t have, struct store *store, const char *issuer, struct err *err)
{
	struct making making[N_KEYS] = { 0 };
	int rc = 0;
	for (size_t i = have; i < N_KEYS; i++) {
		make_begin(&making[i]);
	}
	for (size_t i = have; i < N_KEYS; i++) {
		/* Each is waited for, also when one has failed. */
		struct err local = ERR_INIT;
		if (make_end(&making[i], k, i, store, issuer, &local) && !rc) {
			rc = err_set(err, local.code, "%s", local.msg);
		}
	}
	return rc;
}

/* The store gives the newest first: the current key is the oldest one. */
static int load(struct login_keys *k, struct store *store, const char *issuer, struct arena *arena,
	struct err *err)
{
	const char **pem;
	const char **kid;
	size_t n = store_keys(store, issuer, arena, &pem, &kid);
	for (size_t i = 0; i < N_KEYS && i < n; i++) {
		k->key[i] = signing_key_from_pem(span_of(pem[n - 1 - i]), err);
		if (!k->key[i]) {
			return err_wrap(err, "the stored key of '%s'", issuer);
		}
		snprintf(k->kid[i], sizeof k->kid[i], "%s", kid[n - 1 - i]);
	}
	return make_missing(k, n, store, issuer, err);
}

static void add_base64url_member(struct buf *out, const char *name, const struct buf *bytes)
{
	struct buf text = BUF_INIT(8192);
	base64url_encode(&text, buf_span(bytes));
	json_add_member(out, name, buf_span(&text));
	buf_fini(&text);
}

static void add_jwk(struct login_keys *k, size_t i, const char *host)
{
	struct buf n = BUF_INIT(4096);
	struct buf e = BUF_INIT(64);
	struct buf der = BUF_INIT(8192);
	struct buf x5t = BUF_INIT(64);
	struct buf x5c = BUF_INIT(16384);
	unsigned char sha1[20];
	signing_key_public(k->key[i], &n, &e);
	signing_key_certificate(k->key[i], host, NOT_BEFORE_MS, &der);
	ENSURE(EVP_Digest(der.ptr, der.len, sha1, NULL, EVP_sha1(), NULL) == 1);
	buf_add(&x5t, sha1, sizeof sha1);
	base64_encode(&x5c, buf_span(&der));
	struct buf *out = &k->jwks;
	buf_add_str(out, i ? ",{" : "{");
	json_add_member(out, "kty", SPAN("RSA"));
	json_add_member(out, "use", SPAN("sig"));
	add_base64url_member(out, "n", &n);
	add_base64url_member(out, "e", &e);
	json_add_member(out, "kid", span_of(k->kid[i]));
	add_base64url_member(out, "x5t", &x5t);
	json_add_name(out, "x5c");
	buf_addf(out, "[\"%s\"]", buf_cstr(&x5c));
	json_add_member(out, "alg", SPAN("RS256"));
	buf_add_char(out, '}');
	buf_fini(&n);
	buf_fini(&e);
	buf_fini(&der);
	buf_fini(&x5t);
	buf_fini(&x5c);
}

struct login_keys *login_keys_create(
	struct store *store, const char *issuer, const char *host, struct err *err)
{
	struct login_keys *k = xalloc(sizeof *k);
	struct err local = ERR_INIT;
	struct arena *arena = arena_create();
	int rc = load(k, store, issuer, arena, &local);
	arena_destroy(arena);
	if (rc) {
		err_set(err, local.code, "%s", local.msg);
		login_keys_destroy(k);
		return NULL;
	}
	buf_init(&k->jwks, MAX_JWKS);
	buf_add_str(&k->jwks, "{\"keys\":[");
	for (size_t i = 0; i < N_KEYS; i++) {
		add_jwk(k, i, host);
	}
	buf_add_str(&k->jwks, "]}");
	ENSURE(!k->jwks.overflow);
	return k;
}

void login_keys_destroy(struct login_keys *k)
{
	if (!k) {
		return;
	}
	for (size_t i = 0; i < N_KEYS; i++) {
		signing_key_destroy(k->key[i]);
	}
	buf_fini(&k->jwks);
	free(k);
}

struct span login_keys_jwks(const struct login_keys *k)
{
	return buf_span(&k->jwks);
}

void login_keys_sign(const struct login_keys *k, struct span claims, struct buf *out)
{
	char header[128];
	snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
		k->kid[0]);
	signing_key_jwt(k->key[0], "RS256", span_of(header), claims, out);
}
