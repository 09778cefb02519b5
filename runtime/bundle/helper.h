/* The resident Node process that synthesizes apps and bundles handlers (bundle/builder). Started at the
 * first request, so that a warm start needs none; started again if it dies, and then asked again, once per
 * request. One that has grown too large is replaced when nobody waits for it. */
#pragma once

#include <uv.h>

#include "proxy/base/err.h"
#include "proxy/base/json.h"

struct helper;

/* Exactly once per request, never inside helper_ask. answer is the helper's whole answer ({"ok":...}), or
 * NULL with err set when there is none. */
typedef void (*helper_fn)(void *ctx, const cJSON *answer, const struct err *err);

struct helper_config {
	uv_loop_t *loop;
	const char *node; /* both strings must outlive it */
	const char *runtime_dir; /* bundle/builder/builder.mjs lies below */
	unsigned max_mb; /* that it and esbuild may hold; 0 = 1024 */
};

struct helper *helper_open(const struct helper_config *config);
/* `members` is the inside of the request object without id: "\"op\":\"ping\"". */
void helper_ask(struct helper *h, struct span members, helper_fn fn, void *ctx);
/* Whether a process runs (for status and tests), and its pid or 0. */
int helper_pid(const struct helper *h);
/* Open requests get ERR_CANCELED; frees when the process is gone, then done (NULL allowed). */
void helper_close(struct helper *h, void (*done)(void *ctx), void *ctx);
