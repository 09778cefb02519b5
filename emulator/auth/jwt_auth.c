/*   token -> decode -> cached? --yes--------------------> claims -> verdict
 *                        | no                               ^
 *                        v                                  |
 *                    keyset_find -> (later) -> verify -> cache     */
#include "emulator/auth/jwt_auth.h"

#include <stdio.h>
#include <stdlib.h>

#include "emulator/auth/claims.h"
#include "emulator/auth/identity_source.h"
#include "emulator/auth/job.h"
#include "emulator/auth/jwt.h"
#include "emulator/auth/token_cache.h"
#include "proxy/base/alloc.h"

#define CACHE_S (60 * 60) /* how long a verified signature is believed, at most */

struct jwt_auth {
	const struct clock *clock;
	struct keyset *keys;
	struct token_cache *cache;
};

/* One token on its way. */
struct check {
	struct auth_job job; /* first */
	struct jwt_auth *auth;
	struct keyset_wait *wait; /* NULL while nothing is waited for */
	struct jwt jwt;
	char *token; /* a copy: signed_text points into it */
	size_t token_len;
	char *issuer;
	bool started; /* keyset_find has returned */
	bool ended;
	/* What it is for: one of the two. */
	struct auth_request request;
	auth_done_fn done;
	const struct model_oidc_provider *provider;
	auth_token_fn login_done;
	void *ctx;
};

struct jwt_auth *jwt_auth_create(const struct clock *clock, struct keyset *keys)
{
	struct jwt_auth *j = xalloc(sizeof *j);
	*j = (struct jwt_auth){ clock, keys, token_cache_create() };
	return j;
}

void jwt_auth_destroy(struct jwt_auth *j)
{
	if (j) {
		token_cache_destroy(j->cache);
		free(j);
	}
}

void jwt_auth_forget(struct jwt_auth *j)
{
	token_cache_destroy(j->cache);
	j->cache = token_cache_create();
}

static int64_t now_s(const struct jwt_auth *j)
{
	return clock_now_ms(j->clock) / 1000;
}

/* --- verdicts of the authorizer ----------------------------------------------------------- */

static const char *joined(const struct model_strings *list, struct arena *arena)
{
	const char *text = "";
	for (size_t i = 0; i < list->n; i++) {
		text = arena_printf(arena, "%s%s%s", text, i ? " " : "", list->at[i]);
	}
	return text;
}

/* Quotes and control bytes would end the quoted string (RFC 9110 section 5.6.4). */
static const char *quotable(const char *text, struct arena *arena)
{
	char *copy = arena_strdup(arena, text);
	for (char *p = copy; *p; p++) {
		if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20 || *p == 0x7f) {
			*p = '\'';
		}
	}
	return copy;
}

/* The message is "what is wrong: in detail"; the details are the terminal's. */
static void without_details(const struct err *err, char out[sizeof err->msg])
{
	memcpy(out, err->msg, sizeof err->msg);
	out[strcspn(out, ":")] = '\0';
}

static void refuse(const struct auth_request *r, enum auth_outcome outcome, const char *error,
	const char *check, const char *description, const char *reason, auth_done_fn done,
	void *ctx)
{
	struct arena *arena = r->http->arena;
	const char *words = quotable(description, arena);
	done(ctx, &(struct auth_verdict){ .outcome = outcome,
			  .kind = MODEL_AUTH_JWT,
			  .principal_id = "",
			  .check = check,
			  .reason = reason,
			  .www_authenticate = arena_printf(arena,
				  "Bearer scope=\"%s\" error=\"%s\" "
				  "error_description=\"%s\"",
				  joined(&r->route->scopes, arena), error, words),
			  .log_error = arena_printf(arena, "%s: %s", error, words) });
}

static void refuse_missing(const struct auth_request *r, auth_done_fn done, void *ctx)
{
	const struct model_strings *sources = &r->route->authorizer->identity_sources;
	done(ctx, &(struct auth_verdict){ .outcome = AUTH_UNAUTHORIZED,
			  .kind = MODEL_AUTH_JWT,
			  .principal_id = "",
			  .www_authenticate = "Bearer",
			  .check = "token missing",
			  .reason = arena_printf(r->http->arena, "no token in %s",
				  joined(sources, r->http->arena)),
			  .log_error = "missing: token not provided" });
}

static bool has_scope(const struct model_strings *wanted, const char *const *scopes)
{
	for (; *scopes; scopes++) {
		for (size_t i = 0; i < wanted->n; i++) {
			if (strcmp(*scopes, wanted->at[i]) == 0) {
				return true;
			}
		}
	}
	return wanted->n == 0;
}

static struct span scopes_text(const char *const *scopes, bool wanted, struct arena *arena)
{
	if (!wanted) {
		return SPAN("null");
	}
	struct buf out = BUF_INIT(JWT_MAX * 2);
	buf_add_char(&out, '[');
	for (size_t i = 0; scopes[i]; i++) {
		buf_add_str(&out, i ? "," : "");
		json_add_string(&out, span_of(scopes[i]));
	}
	buf_add_char(&out, ']');
	struct span text = arena_span(arena, buf_span(&out));
	buf_fini(&out);
	return text;
}

static void allow(const struct auth_request *r, const cJSON *claims, const char *const *scopes,
	auth_done_fn done, void *ctx)
{
	struct arena *arena = r->http->arena;
	struct buf text = BUF_INIT(8 * JWT_MAX);
	claims_text(claims, &text);
	struct auth_verdict v = { .outcome = AUTH_ALLOW,
		.kind = MODEL_AUTH_JWT,
		.principal_id = "",
		.www_authenticate = "",
		.check = "",
		.reason = "",
		.log_error = "" };
	v.claims = arena_span(arena, buf_span(&text));
	v.scopes = scopes_text(scopes, r->route->scopes.n > 0, arena);
	buf_fini(&text);
	done(ctx, &v);
}

/* The signature is good: what do the claims say? */
static void judge(const struct jwt_auth *j, const struct auth_request *r, const cJSON *claims,
	auth_done_fn done, void *ctx)
{
	struct arena *arena = r->http->arena;
	struct claims_fault fault;
	if (!claims_fit_authorizer(claims, r->route->authorizer, now_s(j), &fault)) {
		refuse(r, AUTH_UNAUTHORIZED, "invalid_token", fault.check, fault.description,
			arena_strdup(arena, fault.reason), done, ctx);
		return;
	}
	const char *const *scopes = claims_scopes(claims, arena);
	if (!has_scope(&r->route->scopes, scopes)) {
		const char *wanted = joined(&r->route->scopes, arena);
		const char *description = arena_printf(arena, "expected scopes: [%s]", wanted);
		const char *reason = arena_printf(arena,
			"the token has none of the route's scopes [%s]; "
			"its scopes are %.*s",
			wanted, SPAN_ARG(scopes_text(scopes, true, arena)));
		refuse(r, AUTH_FORBIDDEN, "insufficient_scope", "scope", description, reason, done,
			ctx);
		return;
	}
	allow(r, claims, scopes, done, ctx);
}

/* --- one check --------------------------------------------------------------------------- */

static void check_free(struct check *c)
{
	jwt_fini(&c->jwt);
	free(c->token);
	free(c->issuer);
	free(c);
}

static void check_cancel(struct auth_job *job)
{
	struct check *c = container_of(job, struct check, job);
	if (c->wait) {
		keyset_cancel(c->wait);
	}
	check_free(c);
}

static struct check *check_create(struct jwt_auth *j, struct span token, const char *issuer)
{
	struct check *c = xalloc(sizeof *c);
	c->job.cancel = check_cancel;
	c->auth = j;
	c->token = xstrndup(token.ptr, token.len);
	c->token_len = token.len;
	c->issuer = xstrdup(issuer);
	return c;
}

/* claims, or err: hands the result to whoever asked, and is gone. */
static void check_end(struct check *c, const cJSON *claims, const char *check,
	const char *description, const char *reason)
{
	c->ended = true;
	if (c->done && claims) {
		judge(c->auth, &c->request, claims, c->done, c->ctx);
	} else if (c->done) {
		refuse(&c->request, AUTH_UNAUTHORIZED, "invalid_token", check, description,
			arena_strdup(c->request.http->arena, reason), c->done, c->ctx);
	} else {
		struct err err = ERR_INIT;
		int rc = claims ? claims_fit_login(claims, c->provider, now_s(c->auth), &err)
				: err_set(&err, ERR_DENIED, "%s", reason);
		c->login_done(c->ctx, rc ? NULL : claims, &err);
	}
	if (c->started) {
		check_free(c);
	}
}

/* Says whose token it is when the keys do not fit: most often another issuer's. */
static const char *with_issuer(const struct check *c, const char *reason, char out[1024])
{
	struct err ignored = ERR_INIT;
	AUTO_JSON cJSON *claims = jwt_claims(&c->jwt, &ignored);
	const char *iss = json_str(claims, "iss");
	if (!iss || strcmp(iss, c->issuer) == 0) {
		return reason;
	}
	(void)snprintf(out, 1024, "%.700s (the token says its issuer is \"%.200s\")", reason, iss);
	return out;
}

static void on_key(void *ctx, const struct keyset_answer *answer)
{
	struct check *c = ctx;
	char words[1024];
	c->wait = NULL;
	/* Cognito has one text for all of it. */
	bool login = c->login_done != NULL;
	const char *bad = "Couldn't verify signed token.";
	if (!answer->key) {
		check_end(c, NULL, "signing key", answer->description,
			login ? bad : with_issuer(c, answer->reason, words));
		return;
	}
	if (!jwt_verify(&c->jwt, answer->key)) {
		char reason[128];
		(void)snprintf(reason, sizeof reason,
			"the signature of token %.8s... is not by key '%.60s'", c->token,
			c->jwt.kid ? c->jwt.kid : "");
		check_end(c, NULL, "signature", "the token's signature is not valid",
			login ? bad : with_issuer(c, reason, words));
		return;
	}
	struct err err = ERR_INIT;
	cJSON *claims = jwt_claims(&c->jwt, &err);
	if (!claims) {
		without_details(&err, words);
		check_end(c, NULL, "token", words,
			login ? "Not a valid OpenId Connect identity token." : err.msg);
		return;
	}
	const cJSON *kept = token_cache_put(c->auth->cache, c->issuer,
		span_n(c->token, c->token_len), claims, now_s(c->auth) + CACHE_S);
	check_end(c, kept, "", "", "");
}

/* The callback may have run already: then the check has waited for us with its memory only. */
static struct auth_job *check_start(struct check *c)
{
	struct keyset_wait *wait =
		keyset_find(c->auth->keys, c->issuer, c->jwt.kid, c->jwt.alg, on_key, c);
	if (c->ended) {
		check_free(c);
		return NULL;
	}
	c->wait = wait;
	c->started = true;
	return &c->job;
}

static struct span find_token(const struct auth_request *r)
{
	const struct model_strings *sources = &r->route->authorizer->identity_sources;
	struct span token =
		sources->n ? identity_source(r, sources->at[0]) : (struct span){ NULL, 0 };
	struct span prefix = SPAN("Bearer ");
	/* The scheme's case does not matter (RFC 9110 section 11.1). */
	if (token.len >= prefix.len && span_ieq(span_n(token.ptr, prefix.len), prefix)) {
		token = span_trim(span_n(token.ptr + prefix.len, token.len - prefix.len));
	}
	/* The scheme with nothing behind it, whose blank the field's value has lost, is no token. */
	return span_iis(token, "Bearer") ? (struct span){ NULL, 0 } : token;
}

struct auth_job *jwt_auth_check(
	struct jwt_auth *j, const struct auth_request *r, auth_done_fn done, void *ctx)
{
	struct span token = find_token(r);
	if (token.len == 0) {
		refuse_missing(r, done, ctx);
		return NULL;
	}
	const char *issuer = r->route->authorizer->issuer;
	const cJSON *known = token_cache_get(j->cache, issuer, token, now_s(j));
	if (known) {
		judge(j, r, known, done, ctx);
		return NULL;
	}
	struct check *c = check_create(j, token, issuer);
	c->request = *r;
	c->done = done;
	c->ctx = ctx;
	struct err err = ERR_INIT;
	if (jwt_decode(&c->jwt, span_n(c->token, c->token_len), &err)) {
		char words[sizeof err.msg];
		without_details(&err, words);
		refuse(r, AUTH_UNAUTHORIZED, "invalid_token", "token", words,
			arena_printf(r->http->arena, "token %.8s...: %s", c->token, err.msg), done,
			ctx);
		check_free(c);
		return NULL;
	}
	return check_start(c);
}

struct auth_job *jwt_auth_login(struct jwt_auth *j, const struct model_oidc_provider *provider,
	struct span token, auth_token_fn done, void *ctx)
{
	struct err err = ERR_INIT;
	const cJSON *known = token_cache_get(j->cache, provider->url, token, now_s(j));
	if (known) {
		int rc = claims_fit_login(known, provider, now_s(j), &err);
		done(ctx, rc ? NULL : known, &err);
		return NULL;
	}
	struct check *c = check_create(j, token, provider->url);
	c->provider = provider;
	c->login_done = done;
	c->ctx = ctx;
	AUTO_JSON cJSON *claims = NULL;
	if (jwt_decode(&c->jwt, span_n(c->token, c->token_len), &err) == 0) {
		claims = jwt_claims(&c->jwt, &err);
	}
	/* The issuer is compared before keys are fetched: keys are only the configured issuer's. */
	const char *fault = !claims ? "Not a valid OpenId Connect identity token."
			    : !span_is(claims_issuer_host(json_span(claims, "iss")), provider->host)
				    ? "Issuer doesn't match providerName"
				    : NULL;
	if (fault) {
		err_set(&err, ERR_DENIED, "%s", fault);
		done(ctx, NULL, &err);
		check_free(c);
		return NULL;
	}
	return check_start(c);
}
