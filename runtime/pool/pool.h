/* Which worker gets which invocation, when another worker is worth its start, and when one has idled too
 * long: decisions only. What they mean for processes is done by the struct pool_ops given at creation, and
 * time comes from a clock, so that tests play a day in a millisecond.
 *
 * A function has a queue and seats, one per worker. New code (pool_function_renew) makes all its present
 * seats leave after what they run; whatever still waits runs on the new code. */
#pragma once

#include "proxy/base/clock.h"
#include "runtime/pool/invocation.h"

struct pool;
struct pool_function;

enum seat_state {
	SEAT_STARTING,
	SEAT_IDLE,
	SEAT_BUSY,
	SEAT_LEAVING
};

/* One worker as the pool sees it. `worker` is the ops' own. */
struct seat {
	struct list link; /* of its function's seats, most recently used first */
	struct pool_function *function;
	void *worker;
	enum seat_state state;
	unsigned n_ahead; /* events that wait in the process behind the running one */
	bool has_first; /* starts under an invocation's own time (suppressed init) */
	uint64_t since_ns; /* start, or since when it is idle */
};

struct pool_ops {
	/* Starts a worker for the seat and returns it; `first`, if given, is run as part of init. NULL: it
	 * could not be started; then fail() is called for an invocation that waits. */
	void *(*start)(void *ctx, struct seat *seat, struct invocation *first);
	void (*run)(void *ctx, struct seat *seat, struct invocation *inv);
	/* It has room for an invocation now, or (ahead) for one behind what it runs. */
	bool (*has_room)(void *ctx, const struct seat *seat, bool ahead);
	double (*running_ms)(void *ctx, const struct seat *seat);
	/* Leave after what you run; pool_seat_ended follows. */
	void (*stop)(void *ctx, struct seat *seat);
	/* Answers an invocation that never ran, and frees it. Body empty: the worker could not be started. */
	void (*fail)(void *ctx, struct pool_function *f, struct invocation *inv, const char *type,
		struct span body);
};

struct pool_config {
	const struct pool_ops *ops;
	void *ctx;
	const struct clock *clock;
	unsigned max_workers; /* over all functions; 0 = 100 */
	unsigned max_starting; /* of one function at once; 0 = 4 */
	bool one_each; /* a function's next worker starts when the one before has ended */
};

/* What is known of a function's speed, in milliseconds; 0 = not yet. */
struct pool_measure {
	double duration; /* moving average */
	double peak; /* the longest of late */
	double cold_start;
	unsigned count;
};

struct pool *pool_create(const struct pool_config *config);
/* All seats must have ended, all functions be closed. */
void pool_destroy(struct pool *p);
/* `data` is the caller's; `prefetch`: its processes can hold an event ahead. */
struct pool_function *pool_function_open(struct pool *p, void *data, bool prefetch);
void *pool_function_data(const struct pool_function *f);
const struct pool_measure *pool_function_measure(const struct pool_function *f);
/* Its code changed: present seats leave after what they run. */
void pool_function_renew(struct pool_function *f);
/* As renew, and what waits is failed as canceled; it is freed with its last seat. */
void pool_function_close(struct pool_function *f);
/* Takes the invocation; runs it as soon as that is wise. */
void pool_submit(struct pool_function *f, struct invocation *inv);
/* Takes back an invocation that still waits; NULL if none of that id does. The caller frees it. */
struct invocation *pool_withdraw(struct pool_function *f, uint64_t id);
/* A worker sits ready, unused, for the next invocation: starts one if there is none. */
void pool_warm(struct pool_function *f);

/* News of the workers. */
void pool_seat_ready(struct seat *seat, double init_ms);
void pool_seat_free(struct seat *seat, double busy_ms);
enum seat_end {
	SEAT_GONE,
	SEAT_INIT_FAILED,
	SEAT_INIT_TIMEOUT
};
/* type and body say why init failed. `unstarted` (struct invocation, oldest first) go back to the front of the queue. Frees the seat. */
void pool_seat_ended(struct seat *seat, enum seat_end end, const char *type, struct span body,
	struct list *unstarted);

/* Retires what idles, reconsiders what waits: to be called every 10 ms while something waits, every few
 * seconds else. */
void pool_tick(struct pool *p);
bool pool_is_waiting(const struct pool *p);
/* Calls stop() for every seat, also those that are leaving: the owner now means it. */
void pool_kill(struct pool *p);
/* Calls fn for each seat of a function that has not ended, until it returns true. */
struct seat *pool_find_seat(
	struct pool_function *f, bool (*fn)(const struct seat *seat, uint64_t id), uint64_t id);
/* Seats that have not ended; waiting invocations of a function. */
unsigned pool_seats(const struct pool *p);
/* More than half of all places are taken: memory counts. */
bool pool_is_crowded(const struct pool *p);
unsigned pool_waiting(const struct pool_function *f);
