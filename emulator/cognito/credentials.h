/* GetCredentialsForIdentity: temporary credentials for an identity (identity-and-auth.md 3.1). */
#pragma once

#include "emulator/cognito/call.h"

#define CREDENTIALS_LIFETIME_MS (3600 * INT64_C(1000))

void credentials_for_identity(struct call *call);
