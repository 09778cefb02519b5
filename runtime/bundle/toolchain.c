/* toolchain_run -> waiting -> start (from the timer) -> output ... -> on_ended -> the callback, and the next starts
 *
 * Failures: the command cannot be started; it fails; we go down (it is killed, those in turn never start). */
#include "runtime/bundle/toolchain.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/buf.h"
#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/net/timer.h"
#include "runtime/pool/child.h"

#define MAX_RUNNING 2
#define MAX_OUT (32 * 1024 * 1024)
#define MAX_ERR (1024 * 1024)

struct job {
	struct list link; /* of waiting or running */
	struct toolchain *owner;
	struct toolchain_command command;
	toolchain_fn fn;
	void *ctx;
	struct child *child;
	uint64_t began_ns;
	struct buf out, err;
};

struct toolchain {
	uv_loop_t *loop;
	struct list waiting, running; /* struct job */
	unsigned n_running;
	struct timer *timer;
	bool closing;
	void (*done)(void *ctx);
	void *ctx;
};

/* Calls back and frees the job. */
static void settle(struct job *j, const char *failure)
{
	struct toolchain_result r = { .ok = !failure,
		.failure = failure,
		.out = buf_span(&j->out),
		.err = buf_span(&j->err),
		.ms = j->began_ns ? (double)(clock_mono_ns(&clock_system) - j->began_ns) / 1e6
				  : 0 };
	list_remove(&j->link);
	j->fn(j->ctx, &r);
	buf_fini(&j->out);
	buf_fini(&j->err);
	free(j);
}

static void finish_if_done(struct toolchain *t)
{
	if (!t->closing || !list_empty(&t->running)) {
		return;
	}
	void (*done)(void *ctx) = t->done;
	void *ctx = t->ctx;
	timer_close(t->timer);
	free(t);
	done(ctx);
}

static void on_output(void *ctx, enum child_stream stream, struct span bytes)
{
	struct job *j = ctx;
	buf_add_span(stream == CHILD_STDOUT ? &j->out : &j->err, bytes);
}

static void on_ended(void *ctx, const struct child_end *end)
{
	struct job *j = ctx;
	struct toolchain *t = j->owner;
	char text[64];
	child_end_text(end, text, sizeof text);
	bool ok = end->signal == 0 && end->status == 0;
	t->n_running--;
	if (!t->closing && !list_empty(&t->waiting)) {
		timer_arm(t->timer, 0);
	}
	settle(j, ok ? NULL : text);
	finish_if_done(t);
}

static void start(struct job *j)
{
	struct toolchain *t = j->owner;
	struct child_config child = { .loop = t->loop,
		.argv = j->command.argv,
		.env = j->command.env,
		.cwd = j->command.cwd,
		.ctx = j,
		.on_output = on_output,
		.on_ended = on_ended };
	struct err err = ERR_INIT;
	j->began_ns = clock_mono_ns(&clock_system);
	j->child = child_open(&child, &err);
	if (!j->child) {
		settle(j, err.msg);
		return;
	}
	list_remove(&j->link);
	list_push_back(&t->running, &j->link);
	t->n_running++;
}

static void on_timer(void *ctx)
{
	struct toolchain *t = ctx;
	while (!t->closing && t->n_running < MAX_RUNNING && !list_empty(&t->waiting)) {
		start(container_of(list_first(&t->waiting), struct job, link));
	}
}

struct toolchain *toolchain_open(uv_loop_t *loop)
{
	struct toolchain *t = xalloc(sizeof *t);
	t->loop = loop;
	list_init(&t->waiting);
	list_init(&t->running);
	t->timer = timer_open(loop, on_timer, t);
	return t;
}

void toolchain_run(
	struct toolchain *t, const struct toolchain_command *command, toolchain_fn fn, void *ctx)
{
	struct job *j = xalloc(sizeof *j);
	j->owner = t;
	j->command = *command;
	j->fn = fn;
	j->ctx = ctx;
	buf_init(&j->out, MAX_OUT);
	buf_init(&j->err, MAX_ERR);
	list_push_back(&t->waiting, &j->link);
	timer_arm(t->timer, 0);
}

void toolchain_close(struct toolchain *t, void (*done)(void *ctx), void *ctx)
{
	t->closing = true;
	t->done = done;
	t->ctx = ctx;
	timer_stop(t->timer);
	while (!list_empty(&t->waiting)) {
		settle(container_of(list_first(&t->waiting), struct job, link), "going down");
	}
	LIST_FOR (node, &t->running) {
		child_stop(container_of(node, struct job, link)->child, 0);
	}
	finish_if_done(t);
}
