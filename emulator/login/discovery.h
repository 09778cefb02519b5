/* GET /.well-known/openid-configuration (identity-and-auth.md 7.1). */
#pragma once

#include "emulator/login/visit.h"

void discovery_document(struct visit *v);
