/* Lambda authorizers (REQUEST): asks the function once per set of identity values and keeps its
 * answer for the authorizer's TTL, for all of its routes (api-gateway.md 8). */
#pragma once

#include "emulator/auth/auth.h"

struct lambda_auth;

/* All borrowed. */
struct lambda_auth *lambda_auth_create(
	uv_loop_t *loop, const struct clock *clock, struct lambda *lambda);
/* No check may be waiting. NULL is fine. */
void lambda_auth_destroy(struct lambda_auth *l);
/* Forgets kept answers: the functions may have changed. */
void lambda_auth_forget(struct lambda_auth *l);
/* As auth_check. arn: execute_arn of the request, in its arena. */
struct auth_job *lambda_auth_check(struct lambda_auth *l, const struct auth_request *r,
	const char *arn, auth_done_fn done, void *ctx);
