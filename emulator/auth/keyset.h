/* The keys of issuers: those of the local stand-ins, and those of real issuers, fetched
 * (discovery, then key set) and kept. Only https issuers are fetched, and http ones on loopback.
 *
 * A key is looked for in this order:
 *   https issuer       the stand-in's keys, then the real issuer's
 *   loopback issuer    the keys of what runs there; the stand-in's only while nothing answers
 *   other http issuer  the stand-in's keys only
 * Fetched keys are good for two hours (api-gateway.md 6). An unknown kid causes a new fetch, but
 * not within 10 s of the last one; a failed fetch is not repeated within 5 s. */
#pragma once

#include "emulator/auth/jwk.h"
#include "proxy/base/clock.h"
#include "proxy/net/http_client.h"

struct keyset;
struct keyset_wait;

struct keyset_answer {
	const struct jwk *key; /* NULL: no key; valid for the call */
	const char *description; /* why not, as error_description has it (api-gateway.md 5.1) */
	const char *reason; /* why not, for the terminal */
};
typedef void (*keyset_fn)(void *ctx, const struct keyset_answer *answer);

/* http may be NULL: then nothing is fetched. */
struct keyset *keyset_create(const struct clock *clock, struct http_client *http);
/* Waiting look-ups end without their callback. NULL is fine. */
void keyset_destroy(struct keyset *k);
/* Replaces the stand-in's keys of an issuer (a final slash makes no difference). */
int keyset_add_local(
	struct keyset *k, const char *issuer, struct span jwks, struct err *err) MUST_CHECK;
/* Calls fn exactly once: at once if no fetch is needed (then returns NULL), else later. kid may
 * be NULL; kid and alg are copied. */
struct keyset_wait *keyset_find(struct keyset *k, const char *issuer, const char *kid,
	const char *alg, keyset_fn fn, void *ctx);
/* fn is not called. */
void keyset_cancel(struct keyset_wait *w);
