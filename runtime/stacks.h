/* The app's declaration: asks the helper to evaluate the stacks, or takes an earlier evaluation whose inputs
 * are all unchanged, and evaluates again when an input changes. */
#pragma once

#include "proxy/base/json.h"
#include "runtime/bundle/helper.h"
#include "runtime/watch/watch.h"

struct stacks;

struct stacks_config {
	struct helper *helper;
	struct watch *watch;
	const char *app_dir, *stage_dir, *stage; /* must outlive it */
	bool frozen; /* evaluated once */
	void *ctx;
	/* An evaluation begins (not when an earlier one is taken). */
	void (*on_begin)(void *ctx);
	/* The helper's answer to synth (bundle/builder): app, stacks, warnings, output. */
	void (*on_stacks)(void *ctx, const cJSON *result);
	/* The app cannot be evaluated: what, where, for the terminal. */
	void (*on_error)(void *ctx, const char *problem);
};

struct stacks *stacks_create(const struct stacks_config *config);
/* An evaluation that runs is forgotten. */
void stacks_destroy(struct stacks *s);
/* After a watch_drain: evaluates if there is need. The callbacks may run inside. True: a file is being
 * saved, call again soon. */
bool stacks_check(struct stacks *s);
