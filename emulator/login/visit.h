/* One request to a login provider and the ways to answer it: what its pages and endpoints
 * share. A visit lives in its exchange's arena; after one of the answers it is gone. */
#pragma once

#include "emulator/login/login.h"
#include "proxy/base/form.h"

struct login_keys;

struct login {
	struct login_config config; /* strings in `arena` */
	struct arena *arena; /* owned */
	struct login_app app; /* strings in `app_arena` */
	struct arena *app_arena; /* owned; swapped with the app */
	const char *iss; /* the claim */
	struct login_keys *keys; /* owned */
	struct http_server *server; /* NULL unless listening */
	void (*closed)(void *ctx);
	void *closed_ctx;
};

struct visit {
	struct login *l;
	struct http_exchange *x;
	const struct http_request *r;
	struct arena *arena; /* the exchange's */
	const char *base; /* "http://localhost:4512": the address as called, without a slash */
	struct form query;
	const char *cors_origin; /* may read the answer; NULL = no CORS headers */
	const char *cookies[3]; /* Set-Cookie values of the answer */
	size_t n_cookies;
};

/* The app knows this client / this API. */
bool visit_knows_client(const struct login *l, const char *client_id);
bool visit_knows_audience(const struct login *l, const char *audience);

/* The request's body as fields: a form, or the string members of a JSON object. False if
 * neither. */
bool visit_read_body(struct visit *v, struct form *out);
/* A cookie's value; NULL if it was not sent. */
const char *visit_cookie(struct visit *v, const char *name);
/* The answer sets a cookie: for this host only, out of reach of scripts and of other sites' posts.
 * max_age_s 0 deletes it. name and value must be plain. */
void visit_set_cookie(struct visit *v, const char *name, const char *value, int64_t max_age_s);

/* 200 or another status with JSON, never to be cached. */
void visit_json(struct visit *v, int status, struct span body);
/* {"error":...,"error_description":...}; also tells the terminal, with `hint` if it is not NULL. */
void visit_json_error(
	struct visit *v, int status, const char *error, const char *description, const char *hint);
/* A page. csp: the Content-Security-Policy. May it be shown in a frame? */
void visit_html(struct visit *v, int status, struct span page, const char *csp, bool framed);
void visit_redirect(struct visit *v, const char *location);
void visit_text(struct visit *v, int status, const char *text);
/* The provider's error page, which never redirects; also tells the terminal. */
void visit_error_page(
	struct visit *v, int status, const char *title, const char *text, const char *hint);

void visit_event(struct login *l, enum login_event_kind kind, const char *user,
	const char *client_id, const char *detail);
