#include "runtime/pool/spares.h"

#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/list.h"
#include "proxy/base/log.h"
#include "proxy/net/timer.h"
#include "runtime/pool/env.h"

#define MAX_SIZES 4 /* memory sizes served; the least recently used makes room */
#define MAX_READY 2 /* of the size used last, so that two saves in a row find one each; else 1 */
#define REFILL_MS 15 /* the request for which one was taken goes first; then one at a time */
#define MAX_FAILURES 3 /* in a row: something is wrong with node itself */

/* A process that nobody has taken yet. */
struct spare {
	struct spares *owner;
	struct child *child;
};

/* A memory size that is in use. */
struct size {
	unsigned memory_mb; /* 0: an empty slot */
	uint64_t used; /* the higher the later */
	struct spare *ready[MAX_READY]; /* the oldest first */
	size_t n_ready;
};

struct spares {
	uv_loop_t *loop;
	const struct launch_tools *tools;
	struct arena *arena;
	char **base;
	struct size sizes[MAX_SIZES];
	struct timer *timer;
	bool armed;
	bool crowded;
	uint64_t uses;
	unsigned live; /* spares not taken whose end has not been seen */
	unsigned failures;
	bool closing;
	void (*done)(void *ctx);
	void *ctx;
};

static void finish_if_done(struct spares *s)
{
	if (!s->closing || s->live > 0) {
		return;
	}
	void (*done)(void *ctx) = s->done;
	void *ctx = s->ctx;
	timer_close(s->timer);
	arena_destroy(s->arena);
	free(s);
	if (done) {
		done(ctx);
	}
}

static void on_spare_output(void *ctx, enum child_stream stream, struct span bytes)
{
	(void)ctx;
	log_debug("pool", "spare, stream %d: %.*s", (int)stream, SPAN_ARG(bytes));
}

static struct spare *size_pop(struct size *size, size_t at)
{
	struct spare *spare = size->ready[at];
	size->n_ready--;
	memmove(&size->ready[at], &size->ready[at + 1], (size->n_ready - at) * sizeof spare);
	return spare;
}

static void forget(struct spares *s, const struct spare *spare, const struct child_end *end)
{
	for (size_t i = 0; i < MAX_SIZES; i++) {
		struct size *size = &s->sizes[i];
		for (size_t k = 0; k < size->n_ready; k++) {
			if (size->ready[k] == spare) {
				(void)size_pop(size, k);
				s->failures++;
				log_info("pool", "a spare process ended (status %d, signal %d)",
					end->status, end->signal);
				return;
			}
		}
	}
}

static void on_spare_ended(void *ctx, const struct child_end *end)
{
	struct spare *spare = ctx;
	struct spares *s = spare->owner;
	forget(s, spare, end);
	free(spare);
	s->live--;
	finish_if_done(s);
}

static void boot(struct spares *s, struct size *size)
{
	struct arena *a = arena_create();
	struct launch launch = launch_build(a, s->tools, "nodejs", size->memory_mb, "");
	struct spare *spare = xalloc(sizeof *spare);
	spare->owner = s;
	struct child_config config = { .loop = s->loop,
		.argv = launch.argv,
		.env = s->base,
		.cwd = "/",
		.input = true,
		.socket = true,
		.ctx = spare,
		.on_output = on_spare_output,
		.on_ended = on_spare_ended };
	struct err err = ERR_INIT;
	spare->child = child_open(&config, &err);
	if (spare->child) {
		size->ready[size->n_ready++] = spare;
		s->live++;
	} else {
		log_info("pool", "no spare process: %s", err.msg);
		s->failures++;
		free(spare);
	}
	arena_destroy(a);
}

static size_t wanted(const struct spares *s, const struct size *size)
{
	if (size->memory_mb == 0) {
		return 0;
	}
	return size->used == s->uses && !s->crowded ? MAX_READY : 1;
}

/* The size that lacks one most urgently: none ready at all, or used last. */
static struct size *lacking(struct spares *s)
{
	struct size *found = NULL;
	for (size_t i = 0; i < MAX_SIZES; i++) {
		struct size *size = &s->sizes[i];
		if (size->n_ready >= wanted(s, size)) {
			continue;
		}
		if (!found || size->n_ready < found->n_ready ||
			(size->n_ready == found->n_ready && size->used > found->used)) {
			found = size;
		}
	}
	return found;
}

static void refill_soon(struct spares *s)
{
	if (!s->armed && !s->closing && lacking(s)) {
		s->armed = true;
		timer_arm(s->timer, REFILL_MS);
	}
}

static void on_timer(void *ctx)
{
	struct spares *s = ctx;
	struct size *size = lacking(s);
	s->armed = false;
	if (size && s->failures < MAX_FAILURES) {
		boot(s, size);
		refill_soon(s);
	}
}

static void stop_all(struct size *size)
{
	while (size->n_ready > 0) {
		child_stop(size_pop(size, size->n_ready - 1)->child, 0);
	}
}

/* The slot of that size; the one that was used longest ago is given up for a new size. */
static struct size *size_of(struct spares *s, unsigned memory_mb)
{
	struct size *oldest = &s->sizes[0];
	for (size_t i = 0; i < MAX_SIZES; i++) {
		struct size *size = &s->sizes[i];
		if (size->memory_mb == memory_mb) {
			size->used = ++s->uses;
			return size;
		}
		if (size->used < oldest->used) {
			oldest = size;
		}
	}
	stop_all(oldest);
	*oldest = (struct size){ .memory_mb = memory_mb, .used = ++s->uses };
	return oldest;
}

struct spares *spares_open(uv_loop_t *loop, const struct launch_tools *tools)
{
	struct spares *s = xalloc(sizeof *s);
	s->loop = loop;
	s->tools = tools;
	s->arena = arena_create();
	struct env_var marks[] = { { "OFFSTAGE_SPARE", "1" } };
	s->base = env_base(s->arena, environ, marks, COUNT_OF(marks));
	s->timer = timer_open(loop, on_timer, s);
	return s;
}

char *const *spares_base(const struct spares *s)
{
	return s->base;
}

void spares_prepare(struct spares *s, unsigned memory_mb)
{
	(void)size_of(s, memory_mb);
	refill_soon(s);
}

struct child *spares_take(struct spares *s, unsigned memory_mb, bool crowded)
{
	s->crowded = crowded;
	struct size *size = size_of(s, memory_mb);
	struct child *child = NULL;
	for (size_t i = 0; i < size->n_ready && !child; i++) {
		if (!child_exited(size->ready[i]->child)) {
			struct spare *spare = size_pop(size, i);
			child = spare->child;
			free(spare);
			s->live--;
			s->failures = 0;
		}
	}
	refill_soon(s);
	return child;
}

void spares_close(struct spares *s, void (*done)(void *ctx), void *ctx)
{
	s->closing = true;
	s->done = done;
	s->ctx = ctx;
	timer_stop(s->timer);
	for (size_t i = 0; i < MAX_SIZES; i++) {
		stop_all(&s->sizes[i]);
	}
	finish_if_done(s);
}
