/* What a verified token says, against what is asked of it. Pure: the time is given. Texts where the
 * service's are known are its own (api-gateway.md 5.1, 6; identity-and-auth.md 1.5). */
#pragma once

#include "emulator/model/model.h"
#include "proxy/base/json.h"

struct claims_fault {
	const char *check; /* "issuer", "audience", "expired token" ... */
	const char *description; /* short, for error_description */
	char reason[512]; /* claim and value, for the terminal */
};

/* A JWT authorizer's rules. */
bool claims_fit_authorizer(const cJSON *claims, const struct model_authorizer *a, int64_t now_s,
	struct claims_fault *fault) MUST_CHECK;
/* A login provider's rules; err->msg is Cognito's text without "Invalid login token. ". */
int claims_fit_login(const cJSON *claims, const struct model_oidc_provider *p, int64_t now_s,
	struct err *err) MUST_CHECK;

/* The token's scopes: scp (list or text), else scope split at spaces. NULL-terminated, in the
 * arena. */
const char *const *claims_scopes(const cJSON *claims, struct arena *arena);
/* Appends the claims as the service hands them on: an object of strings (api-gateway.md 2.4). */
void claims_text(const cJSON *claims, struct buf *out);
/* An issuer without scheme and final slash: the Logins key. */
struct span claims_issuer_host(struct span issuer);
