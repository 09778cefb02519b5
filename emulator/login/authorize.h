/* /authorize, and /authorize/resume after the login page (identity-and-auth.md 7.2). */
#pragma once

#include "emulator/login/visit.h"

/* GET, or POST with the parameters as a form. */
void authorize_start(struct visit *v);
void authorize_resume(struct visit *v);
