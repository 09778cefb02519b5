/* Each issuer: idle -> discovering -> fetching keys -> idle, with a list of who waits.
 *
 *   keyset_find --known--> fn
 *        | unknown
 *        v
 *   fetch discovery --fail--> settle (negative for 5 s)
 *        v
 *   fetch jwks_uri  --fail--> settle
 *        v
 *   settle: every waiting look-up gets its answer from what is there now */
#include "emulator/auth/keyset.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/json.h"
#include "proxy/base/list.h"
#include "proxy/base/log.h"

#define FETCH_TIMEOUT_MS 1500 /* api-gateway.md 6 */
#define FETCH_MAX 150000 /* api-gateway.md 6 */
#define GOOD_MS (2 * 60 * 60 * 1000)
#define REFETCH_MS 10000
#define NEGATIVE_MS 5000
#define ISSUERS_MAX 256

struct issuer {
	struct list node; /* in keyset.issuers */
	struct keyset *keyset;
	char *url; /* without a final slash */
	struct jwks *local; /* NULL if there is no stand-in */
	struct jwks *remote; /* NULL before the first good fetch */
	int64_t good_until_ms, fetch_again_ms;
	struct http_call *call; /* NULL = idle */
	const char *failed; /* description of the last fetch's failure; NULL if it was good */
	char detail[1024];
	struct list waiting; /* keyset_wait.node */
};

struct keyset {
	const struct clock *clock;
	struct http_client *http;
	struct list issuers;
	size_t n;
};

struct keyset_wait {
	struct list node;
	char *kid; /* NULL if the token has none */
	char *alg;
	keyset_fn fn;
	void *ctx;
};

struct keyset *keyset_create(const struct clock *clock, struct http_client *http)
{
	struct keyset *k = xalloc(sizeof *k);
	k->clock = clock;
	k->http = http;
	list_init(&k->issuers);
	return k;
}

static void wait_free(struct keyset_wait *w)
{
	list_remove(&w->node);
	free(w->kid);
	free(w->alg);
	free(w);
}

void keyset_cancel(struct keyset_wait *w)
{
	wait_free(w);
}

void keyset_destroy(struct keyset *k)
{
	if (!k) {
		return;
	}
	LIST_FOR_SAFE (node, &k->issuers) {
		struct issuer *i = container_of(node, struct issuer, node);
		if (i->call) {
			http_call_cancel(i->call);
		}
		LIST_FOR_SAFE (waiting, &i->waiting) {
			wait_free(container_of(waiting, struct keyset_wait, node));
		}
		jwks_destroy(i->local);
		jwks_destroy(i->remote);
		free(i->url);
		free(i);
	}
	free(k);
}

/* Issuers come from the app's declarations, never from a token. NULL if there are too many. */
static struct issuer *find_issuer(struct keyset *k, const char *url)
{
	struct span want = span_of(url);
	while (span_ends(want, SPAN("/"))) {
		want.len--;
	}
	LIST_FOR (node, &k->issuers) {
		struct issuer *i = container_of(node, struct issuer, node);
		if (span_is(want, i->url)) {
			return i;
		}
	}
	if (k->n == ISSUERS_MAX) {
		return NULL;
	}
	struct issuer *i = xalloc(sizeof *i);
	i->keyset = k;
	i->url = xstrndup(want.ptr, want.len);
	list_init(&i->waiting);
	list_push_back(&k->issuers, &i->node);
	k->n++;
	return i;
}

int keyset_add_local(struct keyset *k, const char *issuer, struct span jwks, struct err *err)
{
	struct issuer *i = find_issuer(k, issuer);
	struct jwks *keys = i ? jwks_parse(jwks, err) : NULL;
	if (!keys) {
		return i ? -(int)err->code
			 : err_set(err, ERR_LIMIT, "more than %d issuers", ISSUERS_MAX);
	}
	jwks_destroy(i->local);
	i->local = keys;
	return 0;
}

static bool is_loopback(struct span url)
{
	struct span scheme = SPAN("http://");
	if (!span_starts(url, scheme)) {
		return false;
	}
	struct span host = span_n(url.ptr + scheme.len, url.len - scheme.len);
	host = span_cut(&host, '/');
	if (span_find(host, '@') >= 0) {
		return false; /* "http://localhost@elsewhere/" */
	}
	if (span_starts(host, SPAN("[::1]"))) {
		return host.len == 5 || host.ptr[5] == ':';
	}
	struct span name = span_cut(&host, ':');
	unsigned a;
	unsigned b;
	unsigned c;
	int used = 0;
	char copy[64];
	if (name.len >= sizeof copy) {
		return false;
	}
	memcpy(copy, name.ptr, name.len);
	copy[name.len] = '\0';
	return span_iis(name, "localhost") ||
	       (sscanf(copy, "127.%3u.%3u.%3u%n", &a, &b, &c, &used) == 3 && copy[used] == '\0');
}

static bool may_fetch(const char *url)
{
	return span_starts(span_of(url), SPAN("https://")) || is_loopback(span_of(url));
}

/* --- answering from what is known -------------------------------------------------------- */

struct lookup {
	const struct jwk *key;
	bool may_be_newer; /* a fetch could change the answer */
	struct err err;
};

static void look_in(struct lookup *l, const struct jwks *set, const char *kid, const char *alg)
{
	l->err = (struct err)ERR_INIT;
	l->key = jwks_find(set, kid, alg, &l->err);
	l->may_be_newer = !l->key && l->err.code == ERR_NOT_FOUND;
}

static struct lookup look(const struct issuer *i, const char *kid, const char *alg)
{
	struct lookup l = { NULL, true, ERR_INIT };
	int64_t now = clock_now_ms(i->keyset->clock);
	bool good = i->remote && now < i->good_until_ms;
	bool silent = i->failed && now < i->fetch_again_ms; /* asked just now, to no avail */
	bool loopback = is_loopback(span_of(i->url));
	if (loopback && good && !i->failed) {
		look_in(&l, i->remote, kid, alg);
		return l;
	}
	if (i->local && (!loopback || silent)) {
		look_in(&l, i->local, kid, alg);
	}
	if (!l.key && good) {
		look_in(&l, i->remote, kid, alg);
	}
	/* Without a set of its own the real issuer may know what the stand-in does not. */
	l.may_be_newer = !l.key && (l.may_be_newer || !good);
	return l;
}

static void answer(const struct issuer *i, const struct lookup *l, keyset_fn fn, void *ctx)
{
	char reason[sizeof l->err.msg + sizeof i->detail + 64];
	struct keyset_answer a = { .key = l->key, .description = "", .reason = "" };
	if (!l->key && i->failed) {
		a.description = i->failed;
		(void)snprintf(reason, sizeof reason, "%s%s%s", i->detail,
			l->err.msg[0] ? "; " : "", l->err.msg);
		a.reason = reason;
	} else if (!l->key) {
		a.description = "no key of the issuer fits the token";
		(void)snprintf(reason, sizeof reason, "issuer %s: %s", i->url,
			l->err.msg[0] ? l->err.msg : "no keys");
		a.reason = reason;
	}
	fn(ctx, &a);
}

/* --- fetching ---------------------------------------------------------------------------- */

static void on_discovery(void *ctx, const struct err *err, int status, struct span body);
static void on_keys(void *ctx, const struct err *err, int status, struct span body);

static void get(struct issuer *i, const char *url,
	void (*done)(void *ctx, const struct err *err, int status, struct span body))
{
	i->call = http_client_send(i->keyset->http, &(struct http_client_request){ .method = "GET",
							    .url = url,
							    .timeout_ms = FETCH_TIMEOUT_MS,
							    .max_body = FETCH_MAX,
							    .done = done,
							    .ctx = i });
}

static void settle(struct issuer *i, const char *failed)
{
	int64_t now = clock_now_ms(i->keyset->clock);
	i->failed = failed;
	i->fetch_again_ms = now + (failed ? NEGATIVE_MS : REFETCH_MS);
	if (failed) {
		log_warn("auth", "%s", i->detail);
	}
	/* Those who come while we call out join the issuer's list anew, not this one. */
	struct list due;
	list_init(&due);
	while (!list_empty(&i->waiting)) {
		struct list *node = list_first(&i->waiting);
		list_remove(node);
		list_push_back(&due, node);
	}
	while (!list_empty(&due)) {
		struct keyset_wait *w = container_of(list_first(&due), struct keyset_wait, node);
		struct lookup l = look(i, w->kid, w->alg);
		keyset_fn fn = w->fn;
		void *ctx = w->ctx;
		wait_free(w);
		answer(i, &l, fn, ctx);
	}
}

static bool is_good(struct issuer *i, const char *what, const struct err *err, int status)
{
	if (err->code != ERR_NONE) {
		(void)snprintf(i->detail, sizeof i->detail,
			"cannot fetch the %s of issuer %.300s: %.500s%s", what, i->url, err->msg,
			strstr(err->msg, "certificate")
				? " (an authority of your own can be named in SSL_CERT_FILE)"
				: "");
	} else if (status != 200) {
		(void)snprintf(i->detail, sizeof i->detail,
			"cannot fetch the %s of issuer %s: it answered "
			"%d",
			what, i->url, status);
	}
	return err->code == ERR_NONE && status == 200;
}

static void on_discovery(void *ctx, const struct err *err, int status, struct span body)
{
	struct issuer *i = ctx;
	i->call = NULL;
	if (!is_good(i, "discovery document", err, status)) {
		settle(i, "OIDC discovery endpoint communication error");
		return;
	}
	struct err bad = ERR_INIT;
	AUTO_JSON cJSON *doc = json_parse(body, &bad);
	const char *url = json_str(doc, "jwks_uri");
	if (!url || !may_fetch(url)) {
		(void)snprintf(i->detail, sizeof i->detail,
			"the discovery document of issuer %s has no "
			"https jwks_uri",
			i->url);
		settle(i, "OIDC discovery endpoint communication error");
		return;
	}
	get(i, url, on_keys);
}

static void on_keys(void *ctx, const struct err *err, int status, struct span body)
{
	struct issuer *i = ctx;
	i->call = NULL;
	if (!is_good(i, "key set", err, status)) {
		settle(i, "JWKS communication error");
		return;
	}
	struct err bad = ERR_INIT;
	struct jwks *keys = jwks_parse(body, &bad);
	if (!keys) {
		(void)snprintf(i->detail, sizeof i->detail, "issuer %s: %.150s", i->url, bad.msg);
		settle(i, "JWKS communication error");
		return;
	}
	jwks_destroy(i->remote);
	i->remote = keys;
	i->good_until_ms = clock_now_ms(i->keyset->clock) + GOOD_MS;
	settle(i, NULL);
}

static void start_fetch(struct issuer *i)
{
	AUTO_FREE char *url = xasprintf("%s/.well-known/openid-configuration", i->url);
	get(i, url, on_discovery);
}

struct keyset_wait *keyset_find(struct keyset *k, const char *issuer, const char *kid,
	const char *alg, keyset_fn fn, void *ctx)
{
	struct issuer *i = find_issuer(k, issuer);
	if (!i) {
		fn(ctx, &(struct keyset_answer){
				NULL, "JWKS communication error", "too many issuers" });
		return NULL;
	}
	struct lookup l = look(i, kid, alg);
	if (l.key || !l.may_be_newer) {
		answer(i, &l, fn, ctx);
		return NULL;
	}
	if (!k->http || !may_fetch(i->url)) {
		i->failed = "OIDC discovery endpoint communication error";
		(void)snprintf(i->detail, sizeof i->detail,
			"the keys of issuer %s are not fetched: %s", i->url,
			k->http ? "plain http is for loopback only" : "no network");
		l = look(i, kid, alg);
		answer(i, &l, fn, ctx);
		return NULL;
	}
	if (!i->call && clock_now_ms(k->clock) < i->fetch_again_ms) {
		answer(i, &l, fn, ctx);
		return NULL;
	}
	struct keyset_wait *w = xalloc(sizeof *w);
	*w = (struct keyset_wait){
		.kid = kid ? xstrdup(kid) : NULL, .alg = xstrdup(alg), .fn = fn, .ctx = ctx
	};
	list_push_back(&i->waiting, &w->node);
	if (!i->call) {
		start_fetch(i);
	}
	return w;
}
