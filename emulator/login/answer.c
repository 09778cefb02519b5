#include "emulator/login/answer.h"

#include "emulator/login/callback.h"
#include "emulator/login/pages.h"
#include "emulator/login/tokens.h"
#include "proxy/base/encode.h"
#include "proxy/base/ids.h"

#define CODE_LEN 48
#define CODE_LIFETIME_MS (600 * INT64_C(1000))
#define MAX_PARAMETERS 8 /* code, four of the access token, id_token, state */
#define MAX_PAGE (1 << 18)

struct parameters {
	struct form_field at[MAX_PARAMETERS];
	size_t n;
};

static void add(struct parameters *p, const char *name, const char *value)
{
	p->at[p->n++] = (struct form_field){ name, value };
}

static bool has_tokens(const struct grant *g)
{
	return grant_has_scope(g->response_type, "token") ||
	       grant_has_scope(g->response_type, "id_token");
}

const char *answer_mode(const struct grant *g)
{
	static const char *const modes[] = { "query", "fragment", "form_post", "web_message" };
	if (!*g->response_mode) {
		return has_tokens(g) ? "fragment" : "query";
	}
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		if (strcmp(g->response_mode, modes[i]) == 0) {
			return i == 0 && has_tokens(g) ? NULL : modes[i];
		}
	}
	return NULL;
}

static void redirect(struct visit *v, const struct grant *g, const struct parameters *p, char mark)
{
	struct buf location = BUF_INIT(MAX_PAGE);
	buf_add_str(&location, g->redirect_uri);
	char sep = mark == '?' && strchr(g->redirect_uri, '?') ? '&' : mark;
	for (size_t i = 0; i < p->n; i++) {
		buf_add_char(&location, sep);
		sep = '&';
		buf_add_str(&location, p->at[i].name);
		buf_add_char(&location, '=');
		percent_encode(&location, span_of(p->at[i].value), "");
	}
	visit_redirect(v, buf_cstr(&location));
	buf_fini(&location);
}

/* The scripts of these two pages carry a nonce; the pages themselves load nothing. */
static void send_page(
	struct visit *v, const struct grant *g, const struct parameters *p, const char *mode)
{
	struct buf page = BUF_INIT(MAX_PAGE);
	char nonce[25];
	id_random(nonce, 24, ID_URLSAFE);
	bool framed = strcmp(mode, "web_message") == 0;
	const char *origin = callback_origin(g->redirect_uri, v->arena);
	if (framed) {
		page_web_message(&page, origin, p->at, p->n, nonce);
	} else {
		page_form_post(&page, g->redirect_uri, p->at, p->n, nonce);
	}
	const char *csp =
		framed ? arena_printf(v->arena, "default-src 'none'; script-src 'nonce-%s'", nonce)
		       : arena_printf(v->arena, "%s; script-src 'nonce-%s'", PAGE_CSP, nonce);
	visit_html(v, 200, buf_span(&page), csp, framed);
	buf_fini(&page);
}

static void deliver(struct visit *v, const struct grant *g, struct parameters *p)
{
	if (*g->state) {
		add(p, "state", g->state);
	}
	const char *mode = answer_mode(g);
	if (!mode || strcmp(mode, "query") == 0) {
		redirect(v, g, p, '?');
	} else if (strcmp(mode, "fragment") == 0) {
		redirect(v, g, p, '#');
	} else {
		send_page(v, g, p, mode);
	}
}

void answer_error(
	struct visit *v, const struct grant *g, const char *error, const char *description)
{
	visit_event(v->l, LOGIN_REFUSED, "", g->client_id,
		arena_printf(v->arena, "%s: %s", error, description));
	struct parameters p = { .n = 0 };
	add(&p, "error", error);
	add(&p, "error_description", description);
	deliver(v, g, &p);
}

static int add_code(struct visit *v, const struct grant *g, struct parameters *p, struct err *err)
{
	char *code = arena_alloc(v->arena, CODE_LEN + 1);
	id_random(code, CODE_LEN, ID_URLSAFE);
	add(p, "code", code);
	return grant_keep(v->l, GRANT_CODE, code, g, CODE_LIFETIME_MS, err);
}

static int add_access(struct visit *v, struct grant *g, struct parameters *p, struct err *err)
{
	const char *token = NULL;
	if (tokens_begin_grant(v->l, g, v->arena, err) ||
		tokens_access(v->l, g, v->arena, &token, err)) {
		return -(int)err->code;
	}
	add(p, "access_token", token);
	add(p, "scope", g->scope);
	add(p, "expires_in", arena_printf(v->arena, "%d", ACCESS_TOKEN_LIFETIME_S));
	add(p, "token_type", "Bearer");
	return 0;
}

void answer_success(struct visit *v, struct grant *g)
{
	struct parameters p = { .n = 0 };
	struct err err = ERR_INIT;
	const char *code = NULL;
	const char *access = NULL;
	if (grant_has_scope(g->response_type, "code")) {
		if (add_code(v, g, &p, &err)) {
			answer_error(v, g, "server_error", err.msg);
			return;
		}
		code = p.at[0].value;
	}
	if (grant_has_scope(g->response_type, "token")) {
		size_t at = p.n;
		if (add_access(v, g, &p, &err)) {
			answer_error(v, g, "server_error", err.msg);
			return;
		}
		access = p.at[at].value;
	}
	if (grant_has_scope(g->response_type, "id_token")) {
		const char *id = NULL;
		if (!tokens_id(v->l, g, code, access, v->arena, &id)) {
			answer_error(v, g, "login_required", "Login required");
			return;
		}
		add(&p, "id_token", id);
	}
	deliver(v, g, &p);
}
