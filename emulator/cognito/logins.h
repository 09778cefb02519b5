/* The Logins map of a request: which provider each key means, and whether its token is good
 * (identity-and-auth.md 1.6). One bad token fails the whole call. */
#pragma once

#include "emulator/cognito/call.h"

/* Verifies all of Logins for the pool, then calls `then` with call->logins filled (none if
 * Logins is absent or empty), maybe before returning. A refusal answers the call instead. */
void logins_verify(struct call *call, const struct model_pool *pool, void (*then)(struct call *));
/* The client has gone. */
void logins_cancel(struct call *call);
/* Appends the JSON array of amr: ["authenticated", provider, user ...] or ["unauthenticated"]. */
void logins_amr(const struct call *call, struct buf *out);
