/* Which role an identity gets (identity-and-auth.md 3.1, "Role choice"). */
#pragma once

#include "emulator/cognito/call.h"

/* The role for call->identity with call->logins, whose trust policy has agreed; NULL if the
 * call has failed. Reads CustomRoleArn. */
const struct model_role *roles_choose(struct call *call, const struct model_pool *pool);
