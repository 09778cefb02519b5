/* The files that a build was made of, and whether that build still holds. A file counts as changed if an
 * event named it since, or if it is not the file that it was (device, inode, size, times): the two
 * together miss nothing, neither a write within one tick of the clock nor a moved folder. */
#pragma once

#include "proxy/base/buf.h"
#include "runtime/watch/watch.h"

struct inputs;

enum inputs_state {
	INPUTS_SAME,
	INPUTS_CHANGED,
	INPUTS_UNSETTLED, /* changed, and being written or missing just now: ask again soon */
};

struct inputs *inputs_create(struct watch *w);
void inputs_destroy(struct inputs *in);
/* Call before the build reads anything: from here on changes count. */
void inputs_begin(struct inputs *in);
/* Call with what the build read, and the paths whose creation would change it. Both are copied. */
void inputs_end(struct inputs *in, const char *const *paths, size_t n, const char *const *missing,
	size_t n_missing);
/* After a watch_drain. Costs nothing when no event came since the last call. */
enum inputs_state inputs_check(struct inputs *in);
size_t inputs_count(const struct inputs *in);
const char *inputs_path(const struct inputs *in, size_t i);
/* One line per input that changes with it: path, size, times; and one per folder between them and `root`,
 * which changes when an entry comes, goes or is turned elsewhere. For a cache that outlives the program. */
void inputs_signature(const struct inputs *in, const char *root, struct buf *out);
