/* How callers may name a function: name, partial ARN or ARN, each with or without a qualifier (reference
 * lambda 5.2). Pure. */
#pragma once

#include "emulator/model/model.h"
#include "proxy/base/arena.h"

struct function_name {
	const struct model_function *function; /* NULL = the app has none */
	const char *name; /* without qualifier; the physical name if there is a function */
	const char *qualifier; /* NULL = none */
};

/* How long a name may be: Invoke takes longer ones than the rest. */
#define FUNCTION_NAME_MAX 140
#define FUNCTION_NAME_MAX_INVOKE 256

/* text is percent-decoded already and at most max long, qualifier the query's (NULL = none). False with
 * the error that the service would give: its status, type and message. An unknown function or version is
 * no error here, an unknown alias is. */
struct function_name_fault {
	int status;
	const char *type, *message;
};
bool function_name_parse(const struct model *m, struct span text, const char *qualifier, size_t max,
	struct arena *arena, struct function_name *out, struct function_name_fault *fault);
/* Is the qualifier a published version's number, not an alias? */
bool function_name_is_version(const char *qualifier);
