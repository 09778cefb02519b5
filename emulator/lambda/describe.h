/* ListFunctions, GetFunction and GetFunctionConfiguration (reference lambda 5.5). Who may ask has been
 * settled; each function gives the exchange's one answer. */
#pragma once

#include "emulator/lambda/api_call.h"

/* One page of the model's functions. modified_ms: when the model came. */
void describe_list(const struct api_call *c, const struct model *m, int64_t modified_ms);
/* c->name.function, whole or its configuration only, as the operation says. */
void describe_one(const struct api_call *c, int64_t modified_ms);
