/* One FUNCTION of the OUTPUTS message (wire/messages.h), read into what the runtime needs. */
#pragma once

#include "proxy/base/arena.h"
#include "proxy/base/json.h"
#include "runtime/bundle/bundler.h"
#include "runtime/pool/env.h"

struct function_place {
	const char *app_dir, *stage_dir, *runtime_dir; /* absolute */
	const char *region, *endpoint;
};

struct function_spec {
	struct env_spec env; /* task_root and handler are the build's to set */
	struct build_order order;
	const char *shown; /* "functions/private.handler" as the developer wrote it */
	const char *arn; /* without qualifier */
	unsigned timeout_ms;
	const char *inline_code; /* source text in the template (Code.ZipFile), or NULL */
};

/* Reads it into the arena, where all strings then are. ERR_INVALID if it has no name or handler. */
int function_spec_read(struct function_spec *spec, struct arena *a, const cJSON *function,
	const struct function_place *place, struct err *err) MUST_CHECK;
/* The parts whose change makes another function of it, as text: all but the credentials, which each
 * OUTPUTS brings anew and which stay good. */
char *function_spec_key(const cJSON *function);
/* Writes inline code to where the order says that it is. */
int function_spec_write_inline(const struct function_spec *spec, struct err *err) MUST_CHECK;
