#include "emulator/login/signin.h"

#include "emulator/login/callback.h"
#include "emulator/login/pages.h"
#include "emulator/login/session.h"

#define MAX_PAGE (1 << 17)
#define REMEMBERED 4
#define TRANSACTION_LIFETIME_MS (3600 * INT64_C(1000))

static void fail_expired(struct visit *v)
{
	visit_error_page(v, 400, "Login expired",
		"This login was not started in this browser, or it has expired. Go back to the "
		"application and try again.",
		NULL);
}

/* Browsers hold the redirects after the form's post to form-action too, so the callback's
 * origin must be on it. Their grammar has no IPv6 hosts: for such a callback the directive is
 * left out. */
static const char *page_csp(struct visit *v, const char *redirect_uri)
{
	const char *origin = callback_origin(redirect_uri, v->arena);
	if (strchr(origin, '[')) {
		return PAGE_CSP;
	}
	return arena_printf(v->arena, "%s; form-action 'self' %s", PAGE_CSP, origin);
}

static void show(struct visit *v, const struct grant *g, const char *state, const char *email,
	const char *problem)
{
	struct store_user *users;
	size_t n = store_users(v->l->config.store, v->l->config.issuer, v->arena, &users);
	struct page_login p = {
		.app = v->l->app.name,
		.client_id = g->client_id,
		.state = state,
		.email = email,
		.problem = problem,
		.signup = strcmp(g->screen_hint, "signup") == 0,
		.users = users,
		.n_users = n < REMEMBERED ? n : REMEMBERED,
	};
	struct buf page = BUF_INIT(MAX_PAGE);
	page_login(&page, v->l, &p);
	visit_html(v, problem ? 400 : 200, buf_span(&page), page_csp(v, g->redirect_uri), false);
	buf_fini(&page);
}

void signin_page(struct visit *v)
{
	const char *state = form_get(&v->query, "state");
	struct grant g;
	if (!state || !grant_find(v->l, GRANT_TRANSACTION, state, v->arena, &g) ||
		!session_is_browser(v, g.browser)) {
		fail_expired(v);
		return;
	}
	show(v, &g, state, g.login_hint, NULL);
}

/* The page must have been opened by this browser, and its form sent from here: else another site
 * could log somebody in as whom it pleases. */
static bool is_own_post(struct visit *v, const struct grant *g)
{
	struct span origin = http_header_get(v->r, "origin");
	return session_is_browser(v, g->browser) && (!origin.ptr || span_is(origin, v->base));
}

static const char *trimmed(struct visit *v, const char *s)
{
	struct span t = span_trim(span_of(s));
	return arena_strndup(v->arena, t.ptr, t.len);
}

void signin_post(struct visit *v)
{
	struct form form;
	struct grant g;
	struct err err = ERR_INIT;
	const char *state = visit_read_body(v, &form) ? form_get(&form, "state") : NULL;
	if (!state || !grant_find(v->l, GRANT_TRANSACTION, state, v->arena, &g) ||
		!is_own_post(v, &g)) {
		fail_expired(v);
		return;
	}
	const char *sent = form_get(&form, "username");
	const char *email = trimmed(v, sent ? sent : "");
	if (!session_is_email(email)) {
		show(v, &g, state, email, "Enter an e-mail address, such as jane@example.com.");
		return;
	}
	if (session_start(v, email, &g, &err) ||
		grant_keep(v->l, GRANT_TRANSACTION, state, &g, TRANSACTION_LIFETIME_MS, &err)) {
		visit_error_page(
			v, 500, "Something went wrong", "The login could not be kept.", err.msg);
		return;
	}
	visit_event(v->l, LOGIN_SIGNED_IN, email, g.client_id, "login page");
	visit_redirect(v, arena_printf(v->arena, "/authorize/resume?state=%s", state));
}
