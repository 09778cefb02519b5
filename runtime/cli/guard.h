/* Stands between `exec` and its command, as a process of its own: hands signals on, takes the exit code back,
 * and when the command has ended, or `exec` was killed outright, ends all that the command left running.
 *
 * It adopts what the command orphans (PR_SET_CHILD_SUBREAPER), so nothing gets out of its sight. */
#pragma once

#define GUARD_WORD "--guard" /* argv[1] of the program as guard; the command follows */

/* Runs argv; returns its exit code, 128 + n after signal n, 127 or 126 if it cannot be run. */
int guard_run(char **argv);
