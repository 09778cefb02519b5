/* GetOpenIdToken, the first half of the classic flow (identity-and-auth.md 1.8): a token in the
 * name of the identity pool itself, which STS takes in AssumeRoleWithWebIdentity. */
#pragma once

#include "emulator/cognito/call.h"

void open_id_token(struct call *call);
/* Loads the pool's signing key, or makes it, and tells auth its public half. */
int open_id_load_key(struct cognito *c, struct err *err) MUST_CHECK;
