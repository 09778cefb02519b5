/* ListFunctions, GetFunction and GetFunctionConfiguration (reference lambda 5.5). Who may ask has been
 * settled; each function gives the exchange's one answer. */
#pragma once

#include "emulator/lambda/api_call.h"
#include "emulator/model/apps.h"

/* One page of the functions of all apps. */
void describe_list(const struct api_call *c, const struct apps *apps);
/* c->name.function, which is m's: whole or its configuration only, as the operation says. */
void describe_one(const struct api_call *c, const struct model *m);
