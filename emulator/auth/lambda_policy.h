/* What a Lambda authorizer answered: its two forms, read and judged (api-gateway.md 8). Pure. */
#pragma once

#include "emulator/auth/policy.h"

struct lambda_policy;

/* simple: {"isAuthorized":...}, else {"principalId":..., "policyDocument":...}. NULL with err for
 * anything else. */
struct lambda_policy *lambda_policy_parse(
	struct span text, bool simple, struct err *err) MUST_CHECK;
/* NULL is fine. */
void lambda_policy_destroy(struct lambda_policy *p);
/* Is this request allowed? *reason in r->arena. */
bool lambda_policy_allows(
	const struct lambda_policy *p, const struct policy_request *r, const char **reason);
/* Both live as long as p. */
const char *lambda_policy_principal(const struct lambda_policy *p);
/* JSON text of the context object, or "null". */
struct span lambda_policy_context(const struct lambda_policy *p);
