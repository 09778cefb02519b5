/* Cognito Identity and STS on the service port: identities for logins, temporary credentials for
 * identities (identity-and-auth.md 1-4). The listener is the composition root's: it asks
 * cognito_handles() of each request and hands over those that are ours. */
#pragma once

#include <uv.h>

#include "emulator/auth/auth.h"
#include "emulator/model/apps.h"
#include "emulator/store/store.h"
#include "proxy/net/http_server.h"

struct cognito;

struct cognito_config {
	const struct clock *clock;
	struct auth *auth;
	struct store *store;
	const char *account; /* 12 digits */
	const char *region;
	struct apps apps; /* whose pools are listed; at NULL = the model's */
	/* Optional, for the terminal: what was refused and why. `type` is the service's error
	 * name, reason what the client was told or, where the service says less, plain words. */
	void (*on_refused)(void *ctx, const char *operation, const char *type, const char *reason);
	void *ctx;
};

/* The config's strings are copied. */
struct cognito *cognito_create(const struct cognito_config *config);
/* No request may be unanswered: close the listener first. NULL is fine. */
void cognito_destroy(struct cognito *c);
/* The model must outlive the next swap. NULL until there is one: then requests get a server
 * error. */
void cognito_set_model(struct cognito *c, const struct model *m);

/* Is it a request, or the preflight of a request, for Cognito Identity or STS? */
bool cognito_handles(const struct http_request *r);
/* Answers it, now or when the login's keys have come. */
void cognito_request(struct cognito *c, struct http_exchange *x);
