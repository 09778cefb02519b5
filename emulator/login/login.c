#include "emulator/login/login.h"

#include <stdlib.h>

#include "emulator/login/authorize.h"
#include "emulator/login/callback.h"
#include "emulator/login/discovery.h"
#include "emulator/login/host_check.h"
#include "emulator/login/keys.h"
#include "emulator/login/logout.h"
#include "emulator/login/pages.h"
#include "emulator/login/session.h"
#include "emulator/login/signin.h"
#include "emulator/login/token.h"
#include "emulator/login/tokens.h"
#include "emulator/login/userinfo.h"
#include "emulator/login/visit.h"
#include "proxy/base/alloc.h"

/* --- life ------------------------------------------------------------------------------------ */

static const char *const *copy_list(struct arena *arena, const char *const *list, size_t n)
{
	const char **copy = arena_alloc(arena, (n + 1) * sizeof *copy);
	for (size_t i = 0; i < n; i++) {
		copy[i] = arena_strdup(arena, list[i]);
	}
	return copy;
}

static const char *host_of(const char *issuer, struct arena *arena)
{
	const char *scheme = strstr(issuer, "://");
	const char *host = scheme ? scheme + 3 : issuer;
	return arena_strndup(arena, host, strcspn(host, "/"));
}

/* Auth0's iss always ends in a slash, however the app writes its issuer down. */
static const char *iss_of(const char *issuer, struct arena *arena)
{
	struct span host = span_of(host_of(issuer, arena));
	bool bare = issuer[strlen(issuer) - 1] != '/';
	return span_ends(host, SPAN(".auth0.com")) && bare ? arena_printf(arena, "%s/", issuer)
							   : arena_strdup(arena, issuer);
}

struct login *login_create(
	const struct login_config *config, const struct login_app *app, struct err *err)
{
	if (!*config->issuer) {
		err_set(err, ERR_INVALID, "a login provider needs an issuer");
		return NULL;
	}
	struct login *l = xalloc(sizeof *l);
	l->arena = arena_create();
	l->config = *config;
	l->config.issuer = arena_strdup(l->arena, config->issuer);
	l->config.allow_callbacks =
		copy_list(l->arena, config->allow_callbacks, config->n_allow_callbacks);
	l->config.host = config->host ? arena_strdup(l->arena, config->host) : NULL;
	l->iss = iss_of(config->issuer, l->arena);
	login_set_app(l, app);
	l->keys = login_keys_create(
		config->store, config->issuer, host_of(config->issuer, l->arena), err);
	if (!l->keys) {
		login_destroy(l);
		return NULL;
	}
	return l;
}

void login_set_app(struct login *l, const struct login_app *app)
{
	struct arena *arena = arena_create();
	l->app = (struct login_app){
		.name = arena_strdup(arena, app->name),
		.client_ids = copy_list(arena, app->client_ids, app->n_client_ids),
		.n_client_ids = app->n_client_ids,
		.audiences = copy_list(arena, app->audiences, app->n_audiences),
		.n_audiences = app->n_audiences,
	};
	arena_destroy(l->app_arena);
	l->app_arena = arena;
}

void login_destroy(struct login *l)
{
	if (!l) {
		return;
	}
	login_keys_destroy(l->keys);
	arena_destroy(l->app_arena);
	arena_destroy(l->arena);
	free(l);
}

const char *login_issuer(const struct login *l)
{
	return l->config.issuer;
}

const char *login_iss(const struct login *l)
{
	return l->iss;
}

struct span login_jwks(const struct login *l)
{
	return login_keys_jwks(l->keys);
}

/* --- without a browser ----------------------------------------------------------------------- */

static int check_issue(struct login *l, const char *email, const char *client_id,
	const char *audience, struct err *err)
{
	if (!session_is_email(email)) {
		return err_set(err, ERR_INVALID, "'%s' is no e-mail address", email);
	}
	if (!client_id) {
		return err_set(err, ERR_INVALID, "the app names no client id for '%s': give one",
			l->config.issuer);
	}
	if (!visit_knows_client(l, client_id)) {
		return err_set(err, ERR_INVALID, "the app does not know the client id '%s' of '%s'",
			client_id, l->config.issuer);
	}
	if (audience && !visit_knows_audience(l, audience)) {
		return err_set(err, ERR_INVALID,
			"no JWT authorizer of the app has the audience '%s'", audience);
	}
	return 0;
}

int login_issue_tokens(struct login *l, const char *email, const char *client_id, const char *scope,
	const char *audience, struct buf *out, struct err *err)
{
	if (!client_id && l->app.n_client_ids) {
		client_id = l->app.client_ids[0];
	}
	if (check_issue(l, email, client_id, audience, err)) {
		return -(int)err->code;
	}
	struct arena *arena = arena_create();
	struct store_user user;
	struct tokens t;
	struct grant g;
	grant_init(&g);
	int rc = store_user_get(l->config.store, l->config.issuer, email, arena, &user, err);
	if (!rc) {
		g.client_id = client_id;
		g.sub = user.subject;
		g.scope = scope ? scope : "openid profile email";
		g.audience = audience ? audience : "";
		rc = tokens_issue(l, &g, true, arena, &t, err);
	}
	if (!rc) {
		tokens_write(out, &g, &t);
		visit_event(l, LOGIN_TOKENS, user.email, client_id, "command line");
	}
	arena_destroy(arena);
	return rc;
}

/* --- requests -------------------------------------------------------------------------------- */

static void jwks(struct visit *v)
{
	visit_json(v, 200, login_jwks(v->l));
}

static void show_index(struct visit *v)
{
	struct buf page = BUF_INIT(1 << 16);
	page_index(&page, v->l, v->base);
	visit_html(v, 200, buf_span(&page), PAGE_CSP "; form-action 'none'", false);
	buf_fini(&page);
}

enum cors {
	CORS_NONE,
	CORS_APP,
	CORS_ANY
};

static const struct route {
	const char *path;
	enum cors cors;
	void (*get)(struct visit *v); /* NULL: not that method */
	void (*post)(struct visit *v);
} ROUTES[] = {
	{ "/.well-known/openid-configuration", CORS_ANY, discovery_document, NULL },
	{ "/.well-known/jwks.json", CORS_ANY, jwks, NULL },
	{ "/authorize", CORS_NONE, authorize_start, authorize_start },
	{ "/authorize/resume", CORS_NONE, authorize_resume, NULL },
	{ "/u/login", CORS_NONE, signin_page, signin_post },
	{ "/oauth/token", CORS_APP, NULL, token_request },
	{ "/oauth/revoke", CORS_APP, NULL, token_revoke },
	{ "/userinfo", CORS_APP, userinfo_request, userinfo_request },
	{ "/v2/logout", CORS_NONE, logout_v2, NULL },
	{ "/oidc/logout", CORS_NONE, logout_oidc, NULL },
	{ "/", CORS_NONE, show_index, NULL },
};

static const struct route *find_route(struct span path)
{
	for (size_t i = 0; i < COUNT_OF(ROUTES); i++) {
		if (span_is(path, ROUTES[i].path)) {
			return &ROUTES[i];
		}
	}
	return NULL;
}

static void allow_cors(struct visit *v, const struct route *route)
{
	struct span origin = http_header_get(v->r, "origin");
	if (route->cors == CORS_ANY) {
		v->cors_origin = "*";
	} else if (route->cors == CORS_APP && callback_origin_allowed(&v->l->config, origin)) {
		v->cors_origin = arena_strndup(v->arena, origin.ptr, origin.len);
	}
}

static void preflight(struct visit *v)
{
	struct span asked = http_header_get(v->r, "access-control-request-headers");
	struct http_header headers[6];
	size_t n = 0;
	headers[n++] = (struct http_header){ SPAN("Vary"), SPAN("Origin") };
	if (v->cors_origin) {
		headers[n++] = (struct http_header){ SPAN("Access-Control-Allow-Origin"),
			span_of(v->cors_origin) };
		headers[n++] = (struct http_header){ SPAN("Access-Control-Allow-Methods"),
			SPAN("GET, POST, OPTIONS") };
		headers[n++] = (struct http_header){ SPAN("Access-Control-Allow-Headers"),
			asked.ptr ? asked
				  : SPAN("auth0-client, content-type, authorization, dpop") };
		headers[n++] =
			(struct http_header){ SPAN("Access-Control-Max-Age"), SPAN("86400") };
	}
	struct http_reply reply = { .status = 204, .headers = headers, .n_headers = n };
	http_reply(v->x, &reply);
}

static void fail_method(struct visit *v)
{
	visit_json_error(v, 405, "method_not_allowed",
		arena_printf(v->arena, "%.20s is not allowed here",
			arena_strndup(v->arena, v->r->method.ptr, v->r->method.len)),
		NULL);
}

static void dispatch(struct visit *v, const struct route *route)
{
	bool get = span_is(v->r->method, "GET") || span_is(v->r->method, "HEAD");
	void (*run)(struct visit *) = get ? route->get : NULL;
	if (span_is(v->r->method, "POST")) {
		run = route->post;
	}
	if (run) {
		run(v);
	} else {
		fail_method(v);
	}
}

static bool check_host(struct visit *v)
{
	struct span host = http_header_get(v->r, "host");
	if (http_header_count(v->r, "host") == 1 && host_is_ours(host, v->l->config.host)) {
		v->base = arena_printf(v->arena, "http://%.*s", SPAN_ARG(host));
		return true;
	}
	visit_event(v->l, LOGIN_REFUSED, "", "",
		arena_printf(v->arena, "a request for the host '%.100s'",
			arena_strndup(v->arena, host.ptr ? host.ptr : "", host.len)));
	visit_text(v, 403,
		"This login provider answers to localhost, 127.0.0.1 and [::1] only.\n"
		"To reach it under another name, start offstage with --host NAME.\n");
	return false;
}

void login_request(struct login *l, struct http_exchange *x)
{
	const struct http_request *r = http_request(x);
	struct visit *v = arena_alloc(r->arena, sizeof *v);
	*v = (struct visit){ .l = l, .x = x, .r = r, .arena = r->arena };
	if (!check_host(v)) {
		return;
	}
	const struct route *route = find_route(r->path);
	if (!route) {
		visit_error_page(v, 404, "Not found", "There is nothing at this address.",
			arena_strndup(v->arena, r->path.ptr, r->path.len));
		return;
	}
	allow_cors(v, route);
	if (span_is(r->method, "OPTIONS")) {
		preflight(v);
	} else if (!form_parse(&v->query, r->query, v->arena)) {
		visit_error_page(v, 400, "Invalid request", "The query string is malformed.", NULL);
	} else {
		dispatch(v, route);
	}
}
