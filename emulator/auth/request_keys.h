/* The condition keys a request brings: who calls, from where, when (identity-and-auth.md 6.4). */
#pragma once

#include "emulator/auth/auth.h"
#include "emulator/auth/condition.h"

/* r and caller may be NULL. In the arena. */
struct condition_keys request_keys(const struct http_request *r, const struct auth_caller *caller,
	int64_t now_ms, struct arena *arena);
