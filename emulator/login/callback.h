/* Where may the provider send a browser? Callbacks and logout targets on loopback http are allowed,
 * others only by --allow-callback. Exact comparison, as Auth0's (identity-and-auth.md 7.2). */
#pragma once

#include "emulator/login/visit.h"

/* Never true for what could be read as another address by a browser: control characters, spaces,
 * backslashes, user names, fragments. */
bool callback_allowed(const struct login_config *config, const char *uri);
/* May pages of this origin read the token endpoint's answers? The same list, by origin. */
bool callback_origin_allowed(const struct login_config *config, struct span origin);
/* "http://localhost:3000" of a URI that is allowed; "myapp:" for schemes without an authority. */
const char *callback_origin(const char *uri, struct arena *arena);
