#include "emulator/login/session.h"

#include "proxy/base/digest.h"
#include "proxy/base/ids.h"

/* As Auth0's default: three days. */
#define LIFETIME_S 259200
#define BROWSER_LIFETIME_S 31536000
#define SECRET_LEN 43
#define BROWSER_COOKIE "did"

/* Cookies do not tell ports apart, so that two providers on localhost need two names. */
static const char *cookie_name(struct visit *v)
{
	char tag[9];
	id_from_name(tag, 8, ID_LOWER_DIGITS, span_of(v->l->config.issuer));
	return arena_printf(v->arena, "auth0_%s", tag);
}

bool session_find(struct visit *v, struct grant *out)
{
	const char *secret = visit_cookie(v, cookie_name(v));
	struct grant session;
	struct store_user user;
	if (!secret || !grant_find(v->l, GRANT_SESSION, secret, v->arena, &session) ||
		!store_user_by_subject(
			v->l->config.store, v->l->config.issuer, session.sub, v->arena, &user)) {
		return false;
	}
	out->sub = session.sub;
	out->sid = session.sid;
	out->auth_time = session.auth_time;
	return true;
}

int session_start(struct visit *v, const char *email, struct grant *g, struct err *err)
{
	struct login *l = v->l;
	struct store_user user;
	if (store_user_get(l->config.store, l->config.issuer, email, v->arena, &user, err)) {
		return -(int)err->code;
	}
	char *secret = arena_alloc(v->arena, SECRET_LEN + 1);
	id_random(secret, SECRET_LEN, ID_URLSAFE);
	char *sid = arena_alloc(v->arena, 33);
	id_random(sid, 32, ID_URLSAFE);
	g->sub = user.subject;
	g->sid = sid;
	g->auth_time =
		arena_printf(v->arena, "%lld", (long long)(clock_now_ms(l->config.clock) / 1000));
	struct grant session;
	grant_init(&session);
	session.sub = g->sub;
	session.sid = g->sid;
	session.auth_time = g->auth_time;
	int rc = grant_keep(l, GRANT_SESSION, secret, &session, LIFETIME_S * INT64_C(1000), err);
	if (!rc) {
		visit_set_cookie(v, cookie_name(v), secret, LIFETIME_S);
	}
	return rc;
}

bool session_end(struct visit *v, const char **email)
{
	const char *secret = visit_cookie(v, cookie_name(v));
	struct grant session;
	*email = "";
	if (!secret || !grant_find(v->l, GRANT_SESSION, secret, v->arena, &session)) {
		return false;
	}
	struct store_user user;
	if (store_user_by_subject(
		    v->l->config.store, v->l->config.issuer, session.sub, v->arena, &user)) {
		*email = user.email;
	}
	grant_drop(v->l, GRANT_SESSION, secret);
	visit_set_cookie(v, cookie_name(v), "", 0);
	return true;
}

const char *session_browser(struct visit *v)
{
	const char *known = visit_cookie(v, BROWSER_COOKIE);
	if (known && strlen(known) == SECRET_LEN && strspn(known, ID_URLSAFE) == SECRET_LEN) {
		return known;
	}
	char *fresh = arena_alloc(v->arena, SECRET_LEN + 1);
	id_random(fresh, SECRET_LEN, ID_URLSAFE);
	visit_set_cookie(v, BROWSER_COOKIE, fresh, BROWSER_LIFETIME_S);
	return fresh;
}

bool session_is_browser(struct visit *v, const char *browser)
{
	const char *sent = visit_cookie(v, BROWSER_COOKIE);
	return sent && *browser && secret_eq(span_of(sent), span_of(browser));
}

bool session_is_email(const char *s)
{
	size_t n = strlen(s);
	const char *at = strchr(s, '@');
	if (!at || at == s || !at[1] || strchr(at + 1, '@') || n > 254) {
		return false;
	}
	for (const char *c = s; *c; c++) {
		/* Bytes above ASCII are of an internationalised address, valid UTF-8 by now. */
		if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("<>\"(),:;\\[]", *c)) {
			return false;
		}
	}
	return at[1] != '.' && at[strlen(at) - 1] != '.';
}
