/* The commands. Each returns the exit code: 0 done; 1 the app or the command failed; 2 wrong usage; 130
 * interrupted. */
#pragma once

#include "runtime/cli/options.h"

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_INTERRUPTED = 130
};

int command_run(const struct options *o);
