/* Which of several apps on one emulator a request of the service port means: in the cloud all of an
 * account's pools, roles and functions answer at one address, and so they do here. */
#pragma once

#include "emulator/model/model.h"
#include "emulator/store/store.h"
#include "proxy/net/http_server.h"

/* What the request names; NULL members are not named. Strings live in the request's arena. */
struct addressee {
	const char *app, *stage; /* our own endpoints: ?app=&stage= */
	const char *pool; /* by itself, by one of its identities, or by the caller's credentials */
	const char *role; /* ARN: to be assumed, or of the caller's credentials */
	const char *function; /* as in the path: name, ARN, or handler */
};

void addressee_read(struct addressee *a, const struct http_request *r, struct store *store);
/* Does any of it belong to this app? */
bool addressee_is(const struct addressee *a, const struct model *m, struct arena *arena);
