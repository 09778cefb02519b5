/* The code of one function, always that of the last save: asks for a build when an input has changed and
 * keeps what came out. A cached build of an earlier run counts if all its inputs are unchanged. */
#pragma once

#include "runtime/bundle/bundler.h"
#include "runtime/watch/inputs.h"

struct target;

enum target_state {
	TARGET_READY, /* root and handler are those of the files as they are */
	TARGET_BROKEN, /* the files as they are do not build: target_message */
	TARGET_BUILDING, /* on_built will be called */
	TARGET_UNSETTLED, /* a file is being saved: check again in some milliseconds */
};

struct target_config {
	struct build_means means;
	struct watch *watch;
	struct build_order order; /* copied */
	bool frozen; /* built once, whatever becomes of the files */
	void *ctx;
	/* A build began; a build ended. `changed`: there is other code to load than before. */
	void (*on_begin)(void *ctx);
	void (*on_built)(void *ctx, bool changed, double ms);
};

struct target *target_create(const struct target_config *config);
/* A build that runs is forgotten. */
void target_destroy(struct target *t);
/* After a watch_drain. Starts a build if one is needed; on_built may run inside. */
enum target_state target_check(struct target *t);
/* Whether the latest build succeeded. */
bool target_is_good(const struct target *t);
/* After a watch_drain. Writes what came out to the cache, unless the cache has it or files have changed since;
 * a build does not do so itself, because whoever waits for it goes first. */
void target_keep(struct target *t);
const char *target_root(const struct target *t);
const char *target_handler(const struct target *t);
/* Of a broken one: one line; and what the terminal shows. */
const char *target_message(const struct target *t);
const char *target_problem(const struct target *t);
