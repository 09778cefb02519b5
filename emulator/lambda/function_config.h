/* FunctionConfiguration, as GetFunction and ListFunctions show it (reference lambda 5.5). */
#pragma once

#include "emulator/model/model.h"

/* Appends the object. qualifier (NULL = none) goes to FunctionArn and Version; a list leaves out what the
 * service's list leaves out. modified_ms: when the model came. */
void function_config_add(struct buf *out, const struct model_function *f, const char *qualifier,
	bool in_list, int64_t modified_ms);
