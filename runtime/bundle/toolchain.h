/* Runs the commands with which developers build their own code (go, cargo, make). A few run at once, the
 * others in turn, so that a save that concerns many functions does not stop the machine. */
#pragma once

#include <uv.h>

#include "proxy/base/err.h"
#include "proxy/base/span.h"

struct toolchain;

struct toolchain_command {
	char *const *argv,
		*const *env; /* NULL-terminated; both, and cwd, must live until the callback */
	const char *cwd;
};

/* How a command ended; spans are valid for the call. */
struct toolchain_result {
	bool ok; /* it ran and exited with 0 */
	const char *failure; /* !ok: "exit status 2", or why it could not run */
	struct span out, err; /* what it printed; of very much the beginning */
	double ms; /* that it ran */
};
typedef void (*toolchain_fn)(void *ctx, const struct toolchain_result *result);

struct toolchain *toolchain_open(uv_loop_t *loop);
/* fn runs exactly once, never inside this call. */
void toolchain_run(
	struct toolchain *t, const struct toolchain_command *command, toolchain_fn fn, void *ctx);
/* Kills what runs; all are called back; frees, then done. */
void toolchain_close(struct toolchain *t, void (*done)(void *ctx), void *ctx);
