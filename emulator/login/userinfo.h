/* GET or POST /userinfo (identity-and-auth.md 7.6). */
#pragma once

#include "emulator/login/visit.h"

void userinfo_request(struct visit *v);
