/* Which of several apps on one emulator a request of the service port means: in the cloud all of an
 * account's pools, roles and functions answer at one address, and so they do here. Each stage has its own;
 * where the same name stands in two of them, the caller's credentials say which. */
#pragma once

#include "emulator/model/apps.h"
#include "emulator/store/store.h"
#include "proxy/net/http_server.h"

/* What the request names and who sent it; NULL members are not known. Strings live in the request's arena. */
struct addressee {
	const char *app, *stage; /* our own commands: ?app=&stage= */
	const char *pool; /* by itself or by one of its identities */
	const char *role; /* ARN, to be assumed */
	const char *function; /* as in the path: name, ARN, or handler */
	/* Of the credentials that signed; static users have neither. */
	const char *caller_pool, *caller_role;
	const char *region; /* that was signed for */
};

void addressee_read(struct addressee *a, const struct http_request *r, struct store *store);
/* Whose it is. What names nothing that an app has goes to the caller's own, else to the first; NULL if
 * there is none, or if our own commands name one that is not there. *other is set if a function's name
 * fits a second app as well and nothing tells which is meant. */
const struct model *addressee_choose(const struct addressee *a, const struct apps *apps,
	struct arena *arena, const struct model **other);
