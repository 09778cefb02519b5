#include "emulator/login/token.h"

#include "emulator/login/session.h"
#include "emulator/login/tokens.h"
#include "proxy/base/alloc.h"
#include "proxy/base/digest.h"
#include "proxy/base/encode.h"

#define MAX_ANSWER (1 << 18)
#define PASSWORD_REALM "http://auth0.com/oauth/grant-type/password-realm"
#define BAD_CODE "Invalid authorization code"
#define BAD_REFRESH "Unknown or invalid refresh token."

/* A request that has named its client. */
struct request {
	struct form form;
	const char *client_id;
	const char *secret; /* "" if none was sent */
};

static const char *field(const struct request *q, const char *name)
{
	const char *value = form_get(&q->form, name);
	return value ? value : "";
}

/* --- the client ------------------------------------------------------------------------------ */

/* RFC 6749 section 2.3.1: both halves are form-encoded before they are base64. False if
 * malformed. */
static bool read_basic(struct visit *v, struct request *q)
{
	struct span header = http_header_get(v->r, "authorization");
	struct span scheme = span_cut(&header, ' ');
	if (!header.ptr || !span_iis(scheme, "basic")) {
		return true;
	}
	struct buf raw = BUF_INIT(4096);
	bool good = base64_decode(&raw, span_trim(header)) && span_find(buf_span(&raw), 0) < 0;
	struct span secret = buf_span(&raw);
	struct span id = good ? span_cut(&secret, ':') : SPAN("");
	good = good && secret.ptr;
	if (good) {
		struct buf text = BUF_INIT(8192);
		good = percent_decode(&text, id, true);
		q->client_id = arena_strdup(v->arena, buf_cstr(&text));
		buf_clear(&text);
		good = percent_decode(&text, secret, true) && good;
		q->secret = arena_strdup(v->arena, buf_cstr(&text));
		buf_fini(&text);
	}
	buf_fini(&raw);
	return good;
}

static void fail_client(struct visit *v, const char *hint)
{
	visit_json_error(v, 401, "access_denied", "Unauthorized", hint);
}

static bool read_request(struct visit *v, struct request *q)
{
	if (!visit_read_body(v, &q->form)) {
		visit_json_error(v, 400, "invalid_request",
			"The body must be a form or a JSON object", NULL);
		return false;
	}
	q->client_id = field(q, "client_id");
	q->secret = field(q, "client_secret");
	const char *in_body = q->client_id;
	if (!read_basic(v, q) || (*in_body && strcmp(in_body, q->client_id) != 0)) {
		fail_client(
			v, "the Authorization header names no client, or another than the body");
		return false;
	}
	if (!*q->client_id) {
		visit_json_error(
			v, 400, "invalid_request", "Missing required parameter: client_id", NULL);
		return false;
	}
	if (!visit_knows_client(v->l, q->client_id)) {
		fail_client(v, arena_printf(v->arena, "the app does not know the client '%.100s'",
				       q->client_id));
		return false;
	}
	return true;
}

static bool require(struct visit *v, const struct request *q, const char *name)
{
	if (*field(q, name)) {
		return true;
	}
	visit_json_error(v, 400, "invalid_request",
		arena_printf(v->arena, "Missing required parameter: %s", name), NULL);
	return false;
}

static bool check_audience(struct visit *v, const char *audience)
{
	if (!*audience || visit_knows_audience(v->l, audience)) {
		return true;
	}
	visit_json_error(v, 403, "access_denied",
		arena_printf(v->arena, "Service not enabled within domain: %.500s", audience),
		"no JWT authorizer of the app has this audience");
	return false;
}

/* --- answers --------------------------------------------------------------------------------- */

static void fail_grant(struct visit *v, const char *description, const char *hint)
{
	visit_json_error(v, 403, "invalid_grant", description, hint);
}

static const char *email_of(struct visit *v, const struct grant *g)
{
	struct store_user user;
	bool found = store_user_by_subject(
		v->l->config.store, v->l->config.issuer, g->sub, v->arena, &user);
	return found ? user.email : "";
}

static void reply(struct visit *v, const struct grant *g, const struct tokens *t, const char *how)
{
	visit_event(v->l, LOGIN_TOKENS, email_of(v, g), g->client_id, how);
	struct buf body = BUF_INIT(MAX_ANSWER);
	tokens_write(&body, g, t);
	visit_json(v, 200, buf_span(&body));
	buf_fini(&body);
}

static void issue(struct visit *v, struct grant *g, bool with_refresh, const char *how)
{
	struct tokens t;
	struct err err = ERR_INIT;
	if (tokens_issue(v->l, g, with_refresh, v->arena, &t, &err)) {
		if (err.code == ERR_NOT_FOUND) {
			fail_grant(v, BAD_CODE, err.msg);
		} else {
			visit_json_error(v, 500, "server_error", "Internal error", err.msg);
		}
		return;
	}
	reply(v, g, &t, how);
}

/* --- authorization_code ---------------------------------------------------------------------- */

static bool verifier_matches(const struct grant *g, const char *verifier)
{
	if (!*g->code_challenge) {
		/* A verifier for a code that was asked for without one: somebody took the challenge
		 * out on the way (RFC 9700 section 2.1.1). */
		return !*verifier;
	}
	if (strcmp(g->code_challenge_method, "plain") == 0) {
		return secret_eq(span_of(g->code_challenge), span_of(verifier));
	}
	unsigned char md[SHA256_LEN];
	sha256(md, span_of(verifier));
	struct buf text = BUF_INIT(64);
	base64url_encode(&text, span_n((const char *)md, sizeof md));
	bool same = secret_eq(buf_span(&text), span_of(g->code_challenge));
	buf_fini(&text);
	return same;
}

/* The code stays on record as used, with the grant that its second use will revoke. */
static bool spend(struct visit *v, const char *code, struct grant *g)
{
	struct err err = ERR_INIT;
	if (tokens_begin_grant(v->l, g, v->arena, &err) == 0) {
		g->used = "true";
		if (grant_keep(v->l, GRANT_CODE, code, g, 600 * INT64_C(1000), &err) == 0) {
			g->used = "";
			return true;
		}
	}
	visit_json_error(v, 500, "server_error", "Internal error", err.msg);
	return false;
}

static void exchange_code(struct visit *v, const struct request *q)
{
	if (!require(v, q, "code")) {
		return;
	}
	const char *code = field(q, "code");
	struct grant g;
	if (!grant_find(v->l, GRANT_CODE, code, v->arena, &g)) {
		fail_grant(v, BAD_CODE, "it is unknown or older than 10 minutes");
		return;
	}
	if (*g.used) {
		tokens_revoke(v->l, g.id);
		fail_grant(v, BAD_CODE, "it has been used before; its tokens are revoked now");
		return;
	}
	if (strcmp(g.client_id, q->client_id) != 0) {
		fail_grant(v, BAD_CODE, "it was issued to another client");
		return;
	}
	if (strcmp(g.redirect_uri, field(q, "redirect_uri")) != 0) {
		fail_grant(v, BAD_CODE, "redirect_uri is not the one of the authorization request");
		return;
	}
	if (!verifier_matches(&g, field(q, "code_verifier"))) {
		fail_grant(v, "Failed to verify code verifier", NULL);
		return;
	}
	if (spend(v, code, &g)) {
		issue(v, &g, true, "authorization_code");
	}
}

/* --- refresh_token --------------------------------------------------------------------------- */

static bool is_subset(const char *asked, const char *granted)
{
	struct span rest = span_of(asked);
	while (rest.ptr) {
		struct span word = span_cut(&rest, ' ');
		struct span all = span_of(granted);
		bool found = word.len == 0;
		while (all.ptr && !found) {
			found = span_eq(span_cut(&all, ' '), word);
		}
		if (!found) {
			return false;
		}
	}
	return true;
}

static void refresh(struct visit *v, const struct request *q)
{
	if (!require(v, q, "refresh_token")) {
		return;
	}
	struct grant g;
	if (!tokens_find_refresh(v->l, field(q, "refresh_token"), v->arena, &g) ||
		strcmp(g.client_id, q->client_id) != 0) {
		fail_grant(v, BAD_REFRESH, "it is unknown, revoked, or of another client");
		return;
	}
	const char *scope = field(q, "scope");
	if (!is_subset(scope, g.scope)) {
		visit_json_error(v, 400, "invalid_scope",
			"The scope goes beyond the one that was granted", NULL);
		return;
	}
	if (*scope) {
		g.scope = scope;
	}
	/* OpenID Connect Core 12.2: a refreshed ID token has no nonce of its own. */
	g.nonce = "";
	issue(v, &g, false, "refresh_token");
}

/* --- password, client_credentials ------------------------------------------------------------ */

static void password(struct visit *v, const struct request *q)
{
	struct err err = ERR_INIT;
	struct store_user user;
	if (!require(v, q, "username")) {
		return;
	}
	if (!form_get(&q->form, "password")) {
		visit_json_error(
			v, 400, "invalid_request", "Missing required parameter: password", NULL);
		return;
	}
	if (!check_audience(v, field(q, "audience"))) {
		return;
	}
	if (!session_is_email(field(q, "username")) || !*field(q, "password")) {
		fail_grant(v, "Wrong email or password.",
			"any password will do but an empty one, and the username must be an e-mail "
			"address");
		return;
	}
	if (store_user_get(v->l->config.store, v->l->config.issuer, field(q, "username"), v->arena,
		    &user, &err)) {
		visit_json_error(v, 500, "server_error", "Internal error", err.msg);
		return;
	}
	struct grant g;
	grant_init(&g);
	g.client_id = q->client_id;
	g.sub = user.subject;
	g.audience = field(q, "audience");
	g.gty = "password";
	/* Auth0 grants all of its standard scopes when none is asked for. */
	g.scope = *field(q, "scope") ? field(q, "scope") : "openid profile email";
	issue(v, &g, true, "password");
}

static void client_credentials(struct visit *v, const struct request *q)
{
	if (!*q->secret) {
		fail_client(v, "client_credentials needs a client_secret; any will do");
		return;
	}
	if (!require(v, q, "audience") || !check_audience(v, field(q, "audience"))) {
		return;
	}
	struct grant g;
	grant_init(&g);
	g.client_id = q->client_id;
	g.sub = arena_printf(v->arena, "%s@clients", q->client_id);
	g.audience = field(q, "audience");
	g.gty = "client-credentials";
	g.scope = field(q, "scope");
	issue(v, &g, false, "client_credentials");
}

static const struct {
	const char *type;
	void (*run)(struct visit *v, const struct request *q);
} GRANTS[] = {
	{ "authorization_code", exchange_code },
	{ "refresh_token", refresh },
	{ "password", password },
	{ PASSWORD_REALM, password },
	{ "client_credentials", client_credentials },
};

void token_request(struct visit *v)
{
	struct request q;
	if (!read_request(v, &q) || !require(v, &q, "grant_type")) {
		return;
	}
	const char *type = field(&q, "grant_type");
	for (size_t i = 0; i < COUNT_OF(GRANTS); i++) {
		if (strcmp(GRANTS[i].type, type) == 0) {
			GRANTS[i].run(v, &q);
			return;
		}
	}
	/* Status (unconfirmed). */
	visit_json_error(v, 403, "unsupported_grant_type",
		arena_printf(v->arena, "Unsupported grant type: %.100s", type), NULL);
}

void token_revoke(struct visit *v)
{
	struct request q;
	if (!read_request(v, &q) || !require(v, &q, "token")) {
		return;
	}
	struct grant g;
	const char *token = field(&q, "token");
	/* An unknown token is as good as revoked (RFC 7009 section 2.2); another client's stays. */
	if ((tokens_find_refresh(v->l, token, v->arena, &g) ||
		    tokens_find_access(v->l, token, v->arena, &g)) &&
		strcmp(g.client_id, q.client_id) == 0) {
		tokens_revoke(v->l, g.id);
	}
	visit_text(v, 200, "");
}
