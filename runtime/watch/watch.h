/* Changes of files, exactly: what a writer had finished before watch_drain is called is known when it
 * returns. (On Linux the kernel queues an event before the writer's close returns.)
 *
 * A tree is watched whole, without node_modules, .git and what is hidden; single files beyond that by
 * their folders. Each event moves `watch_seq`, a number that lets a user see at no cost that nothing
 * happened; what happened is then asked per file. Between a write and the close a file is
 * "open": half-written, not to be read yet. */
#pragma once

#include <uv.h>

#include "proxy/base/err.h"
#include "proxy/base/span.h"

struct watch;
struct watch_file;

struct watch_config {
	uv_loop_t *loop;
	void *ctx;
	/* Something happened and was read from the kernel; also during watch_drain. Decide later, not here. */
	void (*on_change)(void *ctx);
};

/* NULL with err: the system has no more watches to give (says which limit to raise). */
struct watch *watch_open(const struct watch_config *config, struct err *err) MUST_CHECK;
/* Frees when the loop let go. */
void watch_close(struct watch *w);
/* Watches a folder and all below it. Absolute path. */
int watch_tree(struct watch *w, const char *dir, struct err *err) MUST_CHECK;
/* One file (absolute path; it may not exist yet). Counted: each watch_add needs its watch_drop. */
struct watch_file *watch_add(struct watch *w, const char *path);
void watch_drop(struct watch_file *f);
const char *watch_path(const struct watch_file *f);

/* Reads all pending events now. */
void watch_drain(struct watch *w);
/* Grows with every event that may matter. */
uint64_t watch_seq(const struct watch *w);
/* The seq at which this file was last written, replaced, created or removed; 0 = never. */
uint64_t watch_file_seq(const struct watch_file *f);
/* The seq at which something came, went or moved that decides what an import resolves to: a link, a
 * folder, a source file that nobody had asked about. */
uint64_t watch_shape_seq(const struct watch *w);
/* This moment, for watch_file_rested. */
uint64_t watch_moment(struct watch *w);
/* Whether nothing has happened to the file since that moment, as far as events were read; also of the time
 * before watch_add, if its folder was watched by then. False where that is not sure. */
bool watch_file_rested(const struct watch_file *f, uint64_t moment);
/* True while the file is being written: since its last write it was not closed. For 2 s at most. */
bool watch_file_open(const struct watch_file *f);
