/* What our own commands show to an emulator on another machine. The service port is plain HTTP, so the bridge's
 * token itself must not travel there: this is derived from it and opens the control endpoints only. */
#pragma once

#include "proxy/base/digest.h"

#define CONTROL_TOKEN_LEN ((size_t)SHA256_LEN * 2)

void control_token(char out[CONTROL_TOKEN_LEN + 1], struct span bridge_token);
