/* The JWT authorizer of an HTTP API (api-gateway.md 6), and login tokens for the identity pool
 * and STS (identity-and-auth.md 1.6). Both verify first and read the claims then. */
#pragma once

#include "emulator/auth/auth.h"
#include "emulator/auth/keyset.h"

struct jwt_auth;

/* keys is borrowed. */
struct jwt_auth *jwt_auth_create(const struct clock *clock, struct keyset *keys);
/* NULL is fine. */
void jwt_auth_destroy(struct jwt_auth *j);
/* Forgets verified tokens: the keys have changed. */
void jwt_auth_forget(struct jwt_auth *j);
/* As auth_check and auth_verify_login. */
struct auth_job *jwt_auth_check(
	struct jwt_auth *j, const struct auth_request *r, auth_done_fn done, void *ctx);
struct auth_job *jwt_auth_login(struct jwt_auth *j, const struct model_oidc_provider *provider,
	struct span token, auth_token_fn done, void *ctx);
