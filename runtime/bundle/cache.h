/* What a build, or a synthesis, came to, kept on disk beside its output: good for as long as what was asked
 * for and every file that it was made of are the same. A warm start so needs no helper process. */
#pragma once

#include "proxy/base/json.h"
#include "runtime/watch/inputs.h"

/* The kept result if it still holds: then `inputs` has been given its paths (inputs_begin, inputs_end). The
 * caller frees it with cJSON_Delete. NULL if there is none or it is out of date: then inputs are to be begun
 * anew. `question` is all that the result depends on besides files, `app` the folder it is about. */
cJSON *cache_load(const char *path, struct span question, const char *app, struct inputs *inputs);
/* Keeps `result` (JSON) for `question` and the present state of `inputs`. A failure is only logged. */
void cache_store(const char *path, struct span question, const char *app, struct span result,
	const struct inputs *inputs);
