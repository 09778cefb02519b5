/* The operations that show the identity pools of the model. */
#pragma once

#include "emulator/cognito/call.h"

void pools_list(struct call *call);
void pools_describe(struct call *call);
void pools_roles(struct call *call);
