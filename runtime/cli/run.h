/* The program's halves on one loop: the emulator, the agent, or both joined by a real WebSocket. What
 * `start`, `exec`, `serve`, `connect` and a deployed copy run. Knows the order in which they come up and go
 * down, signals, and endpoints.json.
 *
 * Up: state folder -> emulator listens -> agent connects, synthesizes, sends APP -> OUTPUTS -> ready.
 * Down: agent first (workers end before their Runtime API goes), then the emulator, then endpoints.json. */
#pragma once

#include <uv.h>

#include "proxy/base/json.h"
#include "runtime/cli/options.h"

struct emulator;

/* An emulator that is not in this process. */
struct run_remote {
	const char *url; /* of its bridge */
	const char *fingerprint; /* "" = ordinary verification */
};

struct run {
	const struct options *options;
	const char *app_dir; /* absolute; NULL: no agent, the emulator alone */
	const char *state_dir; /* NULL: nothing survives */
	const char *stage_dir; /* <app>/.offstage/<stage>, or a throw-away folder */
	const char *runtime_dir; /* paths.h */
	const char *token; /* NULL: a fresh one, as both halves are here */
	const struct run_remote *remote; /* NULL: the emulator is here */
	bool for_others; /* URLs are for other machines */
	const char *tls_cert, *tls_key; /* PEM files: the bridge also over TLS; NULL = not */
	bool frozen; /* deploy: no watching */
	/* The emulator listens, before anybody can have connected; NULL = nobody cares. */
	void (*on_listening)(void *ctx, const struct emulator *e);
	/* Everything answers, for the first time or after a change of the stacks. `endpoints` is what
	 * endpoints.json now holds, `outputs` all that the emulator said. */
	void (*on_ready)(void *ctx, const cJSON *endpoints, const cJSON *outputs, bool first);
	void *ctx;
};

/* Runs until a signal, run_stop or a failure; the loop is the caller's and empty afterwards. Returns the
 * exit code. */
int run_app(uv_loop_t *loop, const struct run *run);
/* The same on a loop of its own. */
int run_alone(const struct run *run);
/* From on_ready or later: go down in good order, with this exit code. */
void run_stop(int exit_code);
/* Who wants signals: fn answers whether it has dealt with one. NULL: they stop the program again. */
void run_on_signal(bool (*fn)(void *ctx, int number), void *ctx);
