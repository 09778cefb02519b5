/* Offstage's own endpoints on the service port, under /_offstage/ and /console: for our commands, for tests
 * and for eyes. JSON in and out; errors are {"message":"..."}.
 *
 *   GET  /_offstage/invocations?function=&route=&requestId=&limit=   see history.h
 *   GET  /_offstage/app         app, stage, APIs, functions, pools with the Logins keys they accept
 *   POST /_offstage/token       {"user","provider","clientId","scope","audience"} -> the token endpoint's answer
 *   GET  /console               the page
 *
 * Each takes ?app=&stage= too, and must have them where several apps share one emulator. */
#pragma once

#include "emulator/history.h"
#include "emulator/model/apps.h"
#include "proxy/net/http_server.h"

struct control {
	const struct model *model; /* NULL before the first app */
	const struct history *history;
	/* Tokens for a user from a provider (issuer without trailing slash, "" = the only one). */
	int (*issue_tokens)(void *ctx, const char *provider, const char *user,
		const char *client_id, const char *scope, const char *audience, struct buf *out,
		struct err *err);
	void *ctx;
};

bool control_handles(struct span path);
/* Does the path ask about one app? Then, with several, the request must say which (?app=&stage=). */
bool control_asks_for_app(struct span path);
/* 400 with the apps that there are: {"message","apps":[{"app","stage"}]}. */
void control_refuse_unnamed(const struct apps *apps, struct http_exchange *x);
void control_request(const struct control *c, struct http_exchange *x);
