/* The developer's side of Lambda: functions, and the processes that run them. It turns the pool's decisions
 * into workers. The agent tells it what functions there are, gives it invocations, and gets each answered
 * exactly once. */
#pragma once

#include <uv.h>

#include "runtime/pool/env.h"
#include "runtime/pool/launch.h"
#include "runtime/pool/pool.h"
#include "runtime/pool/worker.h"

struct fleet;
struct fleet_function;

struct fleet_config {
	uv_loop_t *loop;
	struct launch_tools tools; /* strings must outlive the fleet */
	unsigned max_workers; /* processes over all functions; 0 = the pool's default */
	bool spares; /* keep booted processes ready */
	void *ctx;
	/* The answer; once per invocation that was given in. `inv` is valid for the call. */
	void (*on_outcome)(void *ctx, struct fleet_function *f, const struct invocation *inv,
		const struct outcome *outcome);
	/* A streamed result: the first call has the content type (ptr set) and no bytes. */
	void (*on_chunk)(void *ctx, struct fleet_function *f, const struct invocation *inv,
		struct span content_type, struct span piece);
	/* inv is NULL for output outside an invocation. */
	void (*on_log)(void *ctx, struct fleet_function *f, const struct invocation *inv,
		enum log_kind kind, struct span text);
};

struct fleet *fleet_open(const struct fleet_config *config);
/* Kills all workers, answers what is open, frees when all is gone; then done. */
void fleet_close(struct fleet *fl, void (*done)(void *ctx), void *ctx);

/* The spec is copied. `data` is the caller's. */
struct fleet_function *fleet_function_open(
	struct fleet *fl, const struct env_spec *spec, void *data);
/* NULL after fleet_function_close. */
void *fleet_function_data(const struct fleet_function *f);
const char *fleet_function_name(const struct fleet_function *f);
/* New code or settings: what waits and what comes runs with them, what runs finishes as it began. */
void fleet_function_renew(struct fleet_function *f, const struct env_spec *spec);
/* What waits is failed; what runs is finished and answered. f must not be used afterwards. */
void fleet_function_close(struct fleet_function *f);
/* Takes the invocation. */
void fleet_invoke(struct fleet_function *f, struct invocation *inv);
/* Nobody waits for it any more: dropped silently if it has not begun, else it runs to its end as in the
 * cloud. True if it was dropped. */
bool fleet_cancel(struct fleet_function *f, uint64_t id);
/* Stops or resumes reading the streamed result of invocation `id`. */
void fleet_pause(struct fleet_function *f, uint64_t id, bool paused);
/* Boots a process for the function though nothing waits yet. */
void fleet_warm(struct fleet_function *f);
/* A function of this kind may be called: what can be booted ahead of that is. */
void fleet_expect(struct fleet *fl, const struct env_spec *spec);
unsigned fleet_workers(const struct fleet *fl);
