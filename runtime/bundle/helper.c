/* ask -> (start) -> line down -> line up -> fn.
 * Failures: cannot start, dies twice under one request, answers nonsense: fn with err. */
#include "runtime/bundle/helper.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/list.h"
#include "proxy/base/log.h"
#include "proxy/net/timer.h"
#include "runtime/pool/child.h"
#include "runtime/pool/memory.h"

#define MAX_ANSWER (64 * 1024 * 1024)
#define MAX_REQUEST (8 * 1024 * 1024)
#define STOP_GRACE_MS 1000
#define MAX_TRIES 2
#define MAX_MB 1024
#define WEIGH_EVERY 64 /* answers: reading what the processes hold takes longer than a build may */

struct question {
	struct list link;
	uint64_t id;
	struct buf line;
	unsigned tries;
	helper_fn fn;
	void *ctx;
};

struct helper {
	struct helper_config config;
	struct child *child; /* NULL: not running */
	struct list open; /* struct question, oldest first */
	uint64_t last_id;
	unsigned unweighed; /* answers since its memory was looked at */
	bool replace; /* another is to be started when this one has ended */
	struct buf input; /* the start of an answer's line */
	struct timer *timer; /* for what must not run inside helper_ask */
	bool closing;
	void (*done)(void *ctx);
	void *ctx;
};

static void settle(struct question *q, const cJSON *answer, const struct err *err)
{
	helper_fn fn = q->fn;
	void *ctx = q->ctx;
	list_remove(&q->link);
	buf_fini(&q->line);
	free(q);
	fn(ctx, answer, err);
}

static struct question *find(struct helper *h, uint64_t id)
{
	LIST_FOR (node, &h->open) {
		struct question *q = container_of(node, struct question, link);
		if (q->id == id) {
			return q;
		}
	}
	return NULL;
}

/* Between questions: plugins of the app may keep what they please. */
static void weigh(struct helper *h)
{
	if (++h->unweighed < WEIGH_EVERY || !list_empty(&h->open) || !h->child || h->closing) {
		return;
	}
	h->unweighed = 0;
	unsigned mb = memory_above_mb(child_pid(h->child), h->config.max_mb);
	if (mb > 0) {
		log_info("bundle", "the helper holds %u MB; starting it again", mb);
		h->replace = true;
		child_stop(h->child, STOP_GRACE_MS);
	}
}

static void on_line(struct helper *h, struct span line)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *answer = json_parse(line, &err);
	if (!answer) {
		log_warn("bundle", "the helper answered nonsense: %s", err.msg);
		return;
	}
	struct question *q = find(h, (uint64_t)json_num(answer, "id", 0));
	if (q) {
		settle(q, answer, &err);
	}
	weigh(h);
}

static void on_answers(struct helper *h, struct span bytes)
{
	buf_add_span(&h->input, bytes);
	if (h->input.overflow) {
		log_warn("bundle", "an answer of the helper is too long; starting it again");
		buf_clear(&h->input);
		child_stop(h->child, 0);
		return;
	}
	for (;;) {
		struct span rest = buf_span(&h->input);
		ptrdiff_t end = span_find(rest, '\n');
		if (end < 0) {
			return;
		}
		/* The callback may ask again, which writes elsewhere; the input stays. */
		AUTO_FREE char *line = xstrndup(rest.ptr, (size_t)end);
		buf_consume(&h->input, (size_t)end + 1);
		on_line(h, span_n(line, (size_t)end));
	}
}

static void on_output(void *ctx, enum child_stream stream, struct span bytes)
{
	if (stream == CHILD_EXTRA) {
		on_answers(ctx, bytes);
	} else {
		log_info("bundle", "helper: %.*s", SPAN_ARG(span_trim(bytes)));
	}
}

static void finish_if_done(struct helper *h)
{
	if (!h->closing || h->child) {
		return;
	}
	void (*done)(void *ctx) = h->done;
	void *ctx = h->ctx;
	timer_close(h->timer);
	buf_fini(&h->input);
	free(h);
	if (done) {
		done(ctx);
	}
}

static void on_ended(void *ctx, const struct child_end *end)
{
	struct helper *h = ctx;
	char why[64];
	child_end_text(end, why, sizeof why);
	h->child = NULL;
	buf_clear(&h->input);
	if (h->closing) {
		finish_if_done(h);
		return;
	}
	log_info("bundle", "the helper ended: %s", why);
	if (h->replace || !list_empty(&h->open)) {
		timer_arm(h->timer, 0);
	}
}

static int start(struct helper *h, struct err *err)
{
	AUTO_FREE char *script = xasprintf("%s/bundle/builder/builder.mjs", h->config.runtime_dir);
	AUTO_FREE char *node = xstrdup(h->config.node);
	char *argv[] = { node, script, NULL };
	struct child_config config = { .loop = h->config.loop,
		.argv = argv,
		.env = environ,
		.cwd = "/",
		.input = true,
		.extra = true,
		.ctx = h,
		.on_output = on_output,
		.on_ended = on_ended };
	if (access(script, R_OK) != 0) {
		return err_set(err, ERR_NOT_FOUND, "the bundler is not installed: no '%s'", script);
	}
	h->child = child_open(&config, err);
	return h->child ? 0 : err_wrap(err, "the bundler needs Node.js");
}

static void fail_all(struct helper *h, const struct err *err)
{
	struct list failed;
	list_init(&failed);
	while (!list_empty(&h->open)) {
		struct list *node = list_first(&h->open);
		list_remove(node);
		list_push_back(&failed, node);
	}
	while (!list_empty(&failed)) {
		settle(container_of(list_first(&failed), struct question, link), NULL, err);
	}
}

/* Starts the process if need be, and puts to it what it has not been asked yet. */
static void on_timer(void *ctx)
{
	struct helper *h = ctx;
	struct err err = ERR_INIT;
	bool fresh = !h->child;
	if (h->closing || (list_empty(&h->open) && !h->replace)) {
		return;
	}
	h->replace = false;
	if (fresh && start(h, &err) != 0) {
		fail_all(h, &err);
		return;
	}
	LIST_FOR_SAFE (node, &h->open) {
		struct question *q = container_of(node, struct question, link);
		if (q->tries > 0 && !fresh) {
			continue;
		}
		if (q->tries++ == MAX_TRIES) {
			err_set(&err, ERR_UNAVAILABLE,
				"the bundler ended twice under this request");
			settle(q, NULL, &err);
		} else {
			child_send(h->child, buf_span(&q->line));
		}
	}
}

struct helper *helper_open(const struct helper_config *config)
{
	struct helper *h = xalloc(sizeof *h);
	h->config = *config;
	h->config.max_mb = config->max_mb ? config->max_mb : MAX_MB;
	list_init(&h->open);
	buf_init(&h->input, MAX_ANSWER);
	h->timer = timer_open(config->loop, on_timer, h);
	return h;
}

void helper_ask(struct helper *h, struct span members, helper_fn fn, void *ctx)
{
	struct question *q = xalloc(sizeof *q);
	list_init(&q->link);
	q->id = ++h->last_id;
	q->fn = fn;
	q->ctx = ctx;
	buf_init(&q->line, MAX_REQUEST);
	buf_addf(&q->line, "{\"id\":%" PRIu64 ",", q->id);
	buf_add_span(&q->line, members);
	buf_add_str(&q->line, "}\n");
	list_push_back(&h->open, &q->link);
	if (h->child) {
		q->tries = 1;
		child_send(h->child, buf_span(&q->line));
	} else {
		timer_arm(h->timer, 0);
	}
}

int helper_pid(const struct helper *h)
{
	return h->child ? child_pid(h->child) : 0;
}

void helper_close(struct helper *h, void (*done)(void *ctx), void *ctx)
{
	h->closing = true;
	h->done = done;
	h->ctx = ctx;
	timer_stop(h->timer);
	struct err err = ERR_INIT;
	err_set(&err, ERR_CANCELED, "going down");
	fail_all(h, &err);
	if (h->child) {
		child_end_input(h->child);
		child_stop(h->child, STOP_GRACE_MS);
	}
	finish_if_done(h);
}
