/* What callers may do: the compiled policies of the model's roles, and session policies on top. */
#pragma once

#include "emulator/auth/auth.h"
#include "emulator/auth/policy.h"

struct grants;

/* Compiles every role's policies. A malformed one makes its role refuse everything, with the
 * reason. */
struct grants *grants_create(const struct model *model);
/* NULL is fine. */
void grants_destroy(struct grants *g);

/* As auth_allowed. */
bool grants_allow(struct grants *g, const struct auth_caller *caller, const char *action,
	const char *resource, const struct http_request *r, int64_t now_ms, struct arena *arena,
	const char **reason);

/* As auth_trusts. */
bool grants_trust(const struct model_role *role, const char *principal, const char *action,
	const struct model_pair *keys, size_t n, const char **reason, struct arena *arena);
