/* One handler process and its Runtime API: an execution environment. It runs one invocation at a time;
 * one more may wait in the process if that prefetches. Each invocation that began is answered exactly
 * once; one that did not begin comes back when the worker ends.
 *
 *            spawn           first next         event            next
 *   STARTING ------> ... ------------> IDLE ------------> BUSY -------> IDLE
 *       |  init error, exit, 10 s        | stop             | timeout, exit, stop after the answer
 *       +-----------------------------> ENDING <------------+        ENDING -- process gone --> on_ended
 */
#pragma once

#include <uv.h>

#include "proxy/base/err.h"
#include "runtime/pool/child.h"
#include "runtime/pool/env.h"
#include "runtime/pool/invocation.h"

struct worker;

enum log_kind {
	LOG_PLATFORM,
	LOG_STDOUT,
	LOG_STDERR
};

/* Why a worker ended. */
enum worker_fate {
	FATE_STOPPED, /* worker_stop */
	FATE_INIT_FAILED, /* init error or exit before the first next: `error` is the body for whoever waits */
	FATE_INIT_TIMEOUT, /* 10 s of init: the next one starts under an invocation's own timeout */
	FATE_DIED, /* exit or timeout while it ran or waited */
};

struct worker_end {
	enum worker_fate fate;
	const char *error_type;
	struct span error; /* valid for the call; empty: the process left no words, see `reason` */
	const char *reason; /* "Runtime exited with error: exit status 1", or "" */
	struct list *unstarted; /* struct invocation, handed back: run them elsewhere */
};

struct worker_events {
	void *ctx;
	/* First next. `init_ms` since the spawn, or since the assignment of a spare. */
	void (*on_ready)(void *ctx, struct worker *w, double init_ms);
	/* The answer. The invocation stays the worker's until on_free. */
	void (*on_outcome)(void *ctx, struct worker *w, const struct invocation *inv,
		const struct outcome *outcome);
	/* Pieces of a streamed result; the first call has the content type and no bytes. */
	void (*on_chunk)(void *ctx, struct worker *w, const struct invocation *inv,
		struct span content_type, struct span piece);
	/* The invocation is over (`busy_ms` of it) and freed; there is room for another. */
	void (*on_free)(void *ctx, struct worker *w, double busy_ms);
	/* Whole lines where possible; inv is NULL outside an invocation. */
	void (*on_log)(void *ctx, struct worker *w, const struct invocation *inv,
		enum log_kind kind, struct span text);
	/* Once, and last: the worker is freed when this returns. */
	void (*on_ended)(void *ctx, struct worker *w, const struct worker_end *end);
};

struct worker_config {
	uv_loop_t *loop;
	const struct worker_events *events; /* must outlive the worker */
	const struct env_spec *env;
	char *const *argv;
	const char *cwd;
	struct child
		*spare; /* a booted process to become this worker, or NULL; taken in any case */
	char *const *spare_base; /* the environment that the spare was started with */
	/* Of our own bootstraps: how many events the process may hold ahead (OFFSTAGE_PREFETCH). They talk to the
	 * Runtime API over a socket that they are started with (OFFSTAGE_RUNTIME_FD). 0 for others. */
	unsigned prefetch;
	unsigned
		inspect_port; /* its time stands still while a debugger is connected there; 0 = none */
	struct invocation *first; /* init counts as part of this one (suppressed init), or NULL */
	void *owner; /* worker_owner's answer */
};

/* Starts it. All of the config but `events` and `first` is needed for the call only. NULL with err; then
 * `first` is still the caller's. */
struct worker *worker_open(const struct worker_config *config, struct err *err) MUST_CHECK;
void *worker_owner(const struct worker *w);
int worker_pid(const struct worker *w);
/* Whether worker_run may be called: idle; or busy with room for one more ahead, if `ahead`. */
bool worker_has_room(const struct worker *w, bool ahead);
/* Milliseconds that the running invocation has taken so far; 0 if none runs. */
double worker_running_ms(const struct worker *w);
/* Whether it is the invocation of this wire id that runs. */
bool worker_runs(const struct worker *w, uint64_t id);
/* Takes the invocation. */
void worker_run(struct worker *w, struct invocation *inv);
/* Stops or resumes reading the streamed result of the running invocation. */
void worker_pause(struct worker *w, bool paused);
/* Ends it: soon if it is idle or starting, else after what it runs. on_ended follows. */
void worker_stop(struct worker *w);
/* Ends it now; what it runs is answered as killed. */
void worker_kill(struct worker *w);
