/* AssumeRoleWithWebIdentity: a role for the token of an OIDC provider of the account, or for
 * the identity pool's own token (identity-and-auth.md 1.8, 4). */
#pragma once

#include "emulator/cognito/call.h"

void web_identity_assume_role(struct call *call);
