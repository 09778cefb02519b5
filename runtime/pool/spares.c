#include "runtime/pool/spares.h"

#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/list.h"
#include "proxy/base/log.h"
#include "proxy/net/timer.h"
#include "runtime/pool/env.h"

#define MAX_SIZES 4 /* memory sizes served; the least recently used makes room */
#define REFILL_MS 30 /* the request that took the last one goes first */
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
	struct spare *ready; /* or NULL */
};

struct spares {
	uv_loop_t *loop;
	const struct launch_tools *tools;
	struct arena *arena;
	char **base;
	struct size sizes[MAX_SIZES];
	struct timer *timer;
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

static void on_spare_ended(void *ctx, const struct child_end *end)
{
	struct spare *spare = ctx;
	struct spares *s = spare->owner;
	for (size_t i = 0; i < MAX_SIZES; i++) {
		if (s->sizes[i].ready == spare) {
			s->sizes[i].ready = NULL;
			s->failures++;
			log_info("pool", "a spare process ended (status %d, signal %d)",
				end->status, end->signal);
		}
	}
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
		.ctx = spare,
		.on_output = on_spare_output,
		.on_ended = on_spare_ended };
	struct err err = ERR_INIT;
	spare->child = child_open(&config, &err);
	if (spare->child) {
		size->ready = spare;
		s->live++;
	} else {
		log_info("pool", "no spare process: %s", err.msg);
		s->failures++;
		free(spare);
	}
	arena_destroy(a);
}

static void on_timer(void *ctx)
{
	struct spares *s = ctx;
	for (size_t i = 0; i < MAX_SIZES && s->failures < MAX_FAILURES; i++) {
		if (s->sizes[i].memory_mb && !s->sizes[i].ready) {
			boot(s, &s->sizes[i]);
		}
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
	if (oldest->ready) {
		child_stop(oldest->ready->child, 0);
	}
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
	if (!s->closing && !size_of(s, memory_mb)->ready) {
		timer_arm(s->timer, REFILL_MS);
	}
}

struct child *spares_take(struct spares *s, unsigned memory_mb)
{
	struct size *size = size_of(s, memory_mb);
	struct spare *spare = size->ready;
	if (spare && child_exited(spare->child)) {
		spare = NULL;
	}
	if (!spare) {
		spares_prepare(s, memory_mb);
		return NULL;
	}
	size->ready = NULL;
	struct child *child = spare->child;
	free(spare);
	s->live--;
	s->failures = 0;
	spares_prepare(s, memory_mb);
	return child;
}

void spares_close(struct spares *s, void (*done)(void *ctx), void *ctx)
{
	s->closing = true;
	s->done = done;
	s->ctx = ctx;
	timer_stop(s->timer);
	for (size_t i = 0; i < MAX_SIZES; i++) {
		if (s->sizes[i].ready) {
			child_stop(s->sizes[i].ready->child, 0);
			s->sizes[i].ready = NULL;
		}
	}
	finish_if_done(s);
}
