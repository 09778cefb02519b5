/* A login provider for when there is no network: Auth0's endpoints and shapes for one issuer, on a
 * listener of its own, signing with a key that the store keeps (identity-and-auth.md 7). It knows
 * everybody: whoever gives an e-mail address is logged in as its owner. */
#pragma once

#include <uv.h>

#include "emulator/store/store.h"
#include "proxy/base/clock.h"
#include "proxy/net/http_server.h"

struct login;

enum login_event_kind {
	LOGIN_SIGNED_IN, /* somebody used the login page */
	LOGIN_TOKENS, /* tokens were handed out */
	LOGIN_SIGNED_OUT,
	LOGIN_REFUSED, /* detail says what, and what to do about it */
};

struct login_event {
	enum login_event_kind kind;
	const char *issuer; /* as configured */
	const char *user; /* e-mail address, "" if there is none */
	const char *client_id; /* "" if there is none */
	const char *detail; /* plain words: the grant, the reason */
};

/* What the app knows the provider for. An empty list of clients means that any client id will
 * do. */
struct login_app {
	const char *name; /* shown on the login page; "" for none */
	const char *const *client_ids;
	size_t n_client_ids;
	const char *const *audiences; /* of the app's APIs */
	size_t n_audiences;
};

struct login_config {
	uv_loop_t *loop;
	const struct clock *clock;
	struct store *store;
	/* As the app declares it. The iss claim is this, with a slash at the end if the host is
	 * Auth0's, which always has one. */
	const char *issuer;
	/* Callbacks and logout targets beyond loopback http: exact, or "https://" and
	 * "*.example.com/cb" in one */
	const char *const *allow_callbacks;
	size_t n_allow_callbacks;
	const char *host; /* --host if it is not loopback: accepted as Host; NULL otherwise */
	void (*on_event)(void *ctx, const struct login_event *event); /* optional */
	void *ctx;
};

/* Copies the config's strings. Loads the signing keys, or makes them: then it takes some tenths
 * of a second. NULL with err set. */
struct login *login_create(
	const struct login_config *config, const struct login_app *app, struct err *err) MUST_CHECK;
/* The app has changed. Copied. */
void login_set_app(struct login *l, const struct login_app *app);
/* Before login_listen, or never listened. NULL is fine. */
void login_destroy(struct login *l);

/* Listens at once; see http_server_open. */
int login_listen(struct login *l, const char *host, unsigned port, struct err *err) MUST_CHECK;
unsigned login_port(const struct login *l);
/* Stops listening and frees l; done(ctx) runs when all is closed (NULL allowed). */
void login_close(struct login *l, unsigned grace_ms, void (*done)(void *ctx), void *ctx);

const char *login_issuer(const struct login *l); /* as configured */
const char *login_iss(const struct login *l); /* the claim */
/* The public keys, for auth_add_local_keys. Lives as long as l. */
struct span login_jwks(const struct login *l);

/* Logs the user in without a browser and appends the token endpoint's answer (access_token,
 * id_token, ...). client_id NULL: the app's first. scope NULL: "openid profile email". audience
 * NULL: none. ERR_INVALID for what is no e-mail address, an unknown client or audience. */
int login_issue_tokens(struct login *l, const char *email, const char *client_id, const char *scope,
	const char *audience, struct buf *out, struct err *err) MUST_CHECK;

/* Answers one request: what the listener does, and tests. */
void login_request(struct login *l, struct http_exchange *x);
