/* GET /v2/logout and /oidc/logout (identity-and-auth.md 7.6). */
#pragma once

#include "emulator/login/visit.h"

void logout_v2(struct visit *v);
void logout_oidc(struct visit *v);
