/* POST /oauth/token and POST /oauth/revoke (identity-and-auth.md 7.3, 7.6). */
#pragma once

#include "emulator/login/visit.h"

void token_request(struct visit *v);
void token_revoke(struct visit *v);
