/* A deployed stage in the background: a process in a session of its own that runs the frozen copy in a child,
 * starts it again after a crash (with backoff), and ends with it on SIGTERM.
 *
 *   deploy (terminal) --fork--> supervisor (new session, holds the stage's lock) --fork--> the app
 *
 * The app says once through a pipe that it is up; a first start that fails ends the supervisor too. */
#pragma once

#include <sys/types.h>

#include "proxy/base/json.h"
#include "runtime/cli/options.h"
#include "runtime/cli/paths.h"

struct supervised {
	const struct options *options; /* with the port to use */
	const struct paths *paths;
	const char *copy_dir; /* the frozen copy */
	const char *log_path; /* begun anew */
	int lock; /* stage_lock_take's */
};

/* Waits until the app is up: {"endpoints":...,"outputs":...}, the caller's; NULL with err if it did not come
 * up (log_path tells why). */
cJSON *supervisor_start(const struct supervised *s, struct err *err) MUST_CHECK;
/* Stops the supervisor of a stage whose owner has this pid, and waits until its lock is free. */
int supervisor_stop(const char *stage_dir, pid_t pid, struct err *err) MUST_CHECK;
