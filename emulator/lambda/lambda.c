/* The registry of functions and of what runs.
 *
 *            lambda_invoke                        first chunk
 *   (new) --------> WAITING --- sent --> SENT --------------------> STREAMING --+ chunk
 *                      |                  |                             |   ^---+
 *                      | no function,     | result, agent lost,         | the same
 *                      | throttled,       | deadline long past          |
 *                      | no agent         v                             |
 *                      +---------------> ENDED <-----------------------+
 *
 * Whoever asked is told at ENDED, unless lambda_cancel took them away before. What ends within
 * lambda_invoke itself is told on the next turn of the loop, so that callers never see their callback
 * before the call has returned. One timer serves both that and the deadlines. */
#include "emulator/lambda/lambda.h"

#include <inttypes.h>
#include <stdlib.h>

#include "emulator/lambda/invocation.h"
#include "proxy/base/digest.h"
#include "proxy/base/alloc.h"
#include "proxy/base/log.h"
#include "proxy/net/timer.h"

/* The agent enforces the function's own timeout, from the moment a process takes the event. This much
 * later (waiting for a process, a build, its 10 s of init) the platform gives up on the agent. */
#define GRACE_S 60
#define BUCKETS 1024
#define NEVER UINT64_MAX

struct lambda {
	const struct clock *clock;
	struct lambda_dispatch dispatch;
	struct timer *timer;
	uint64_t armed_ns; /* when the timer fires; NEVER = not armed */
	struct lambda_slot **slots; /* sorted by name */
	size_t n_slots;
	struct list running; /* struct invocation, soonest deadline first */
	struct list failed; /* struct invocation that ended within lambda_invoke */
	struct list buckets[BUCKETS];
	struct buf meta; /* INVOKE's, while it is sent */
	uint64_t last_wire_id;
	unsigned in_flight;
};

static struct invocation *at(struct list *node)
{
	return container_of(node, struct invocation, order);
}

/* Functions. */

static int slot_find(const void *name, const void *item)
{
	const struct lambda_slot *const *slot = item;
	return strcmp(name, (*slot)->name);
}

static struct lambda_slot *find_slot(struct lambda *l, const char *name)
{
	struct lambda_slot **hit = l->n_slots ? bsearch(name, l->slots, l->n_slots,
							sizeof(struct lambda_slot *), slot_find)
					      : NULL;
	return hit ? *hit : NULL;
}

static int slot_order(const void *a, const void *b)
{
	const struct lambda_slot *const *left = a, *const *right = b;
	return strcmp((*left)->name, (*right)->name);
}

static void free_slot(struct lambda_slot *slot)
{
	free(slot->name);
	free(slot);
}

/* Slots of functions that are gone stay while something of theirs runs. */
static void drop_idle_slots(struct lambda *l)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->n_slots; i++) {
		struct lambda_slot *slot = l->slots[i];
		if (slot->function || slot->in_flight) {
			l->slots[kept++] = slot;
		} else {
			free_slot(slot);
		}
	}
	l->n_slots = kept;
}

void lambda_set_model(struct lambda *l, const struct model *m)
{
	for (size_t i = 0; i < l->n_slots; i++) {
		l->slots[i]->function = NULL;
	}
	size_t n = l->n_slots, old = l->n_slots;
	l->slots = xrealloc(l->slots, (n + m->n_functions + 1) * sizeof(struct lambda_slot *));
	for (size_t i = 0; i < m->n_functions; i++) {
		/* find_slot sees the sorted part only: names are unique within a model. */
		l->n_slots = old;
		struct lambda_slot *slot = find_slot(l, m->functions[i].name);
		if (!slot) {
			slot = xalloc(sizeof *slot);
			slot->name = xstrdup(m->functions[i].name);
			l->slots[n++] = slot;
		}
		slot->function = &m->functions[i];
	}
	l->n_slots = n;
	drop_idle_slots(l);
	qsort(l->slots, l->n_slots, sizeof(struct lambda_slot *), slot_order);
}

/* The timer. */

static void arm_at(struct lambda *l, uint64_t when)
{
	if (when >= l->armed_ns) {
		return;
	}
	uint64_t now = clock_mono_ns(l->clock);
	l->armed_ns = when;
	/* Rounded up: firing early would only mean firing twice. */
	timer_arm(l->timer, when > now ? (when - now + 999999) / 1000000 : 0);
}

static void on_timer(void *ctx)
{
	lambda_tick(ctx);
}

/* Ends. */

static struct lambda_record record_of(const struct invocation *inv)
{
	return (struct lambda_record){ .request_id = inv->request_id,
		.function = inv->function,
		.handler = inv->handler,
		.source = inv->source,
		.started_ms = inv->started_ms,
		.error_type = "",
		.detail = "" };
}

static void tell_end(struct lambda *l, const struct invocation *inv, const struct lambda_result *r)
{
	struct lambda_record record = record_of(inv);
	record.result = r->payload;
	record.outcome = r->outcome;
	record.error_type = r->error_type;
	record.detail = r->detail;
	record.duration_ms = r->duration_ms;
	if (l->dispatch.on_end) {
		l->dispatch.on_end(l->dispatch.ctx, &record);
	}
}

/* The one end. Everything is settled before the caller hears of it, who may call anything. What r points
 * to must not belong to inv, but for `collected`, which is moved out. */
static void finish(struct invocation *inv, const struct lambda_result *r)
{
	struct lambda *l = inv->lambda;
	if (inv->state != INVOCATION_ENDED) {
		invocation_move(inv, INVOCATION_ENDED);
	}
	tell_end(l, inv, r);
	if (inv->wire_id) {
		l->in_flight--;
		inv->slot->in_flight--;
	}
	lambda_done_fn done = inv->done;
	void *ctx = inv->ctx;
	struct buf collected = inv->collected;
	buf_init(&inv->collected, 0);
	invocation_free(inv);
	if (done) {
		done(ctx, r);
	}
	buf_fini(&collected);
}

static void finish_platform(
	struct invocation *inv, const char *type, const char *what, const char *detail)
{
	struct buf body = BUF_INIT(4096);
	struct lambda_result r = { .detail = detail };
	invocation_platform_error(inv, type, what, &body, &r);
	finish(inv, &r);
	buf_fini(&body);
}

static void finish_failed(struct invocation *inv)
{
	AUTO_FREE char *detail = TAKE(inv->detail);
	const struct lambda_result r = {
		.outcome = inv->outcome, .error_type = "", .detail = detail
	};
	finish(inv, &r);
}

/* "Task timed out after 3.00 seconds" (reference lambda 2.5). */
static void finish_late(struct invocation *inv)
{
	AUTO_FREE char *what = xasprintf("Task timed out after %u.00 seconds", inv->timeout_s);
	log_debug("lambda", "%s: the agent let the deadline pass", inv->request_id.ptr);
	if (inv->lambda->dispatch.cancel) {
		inv->lambda->dispatch.cancel(inv->lambda->dispatch.ctx, inv->wire_id);
	}
	finish_platform(inv, "Sandbox.Timedout", what, "the agent did not answer in time");
}

static void run_failed(struct lambda *l)
{
	/* Those that the callbacks add are for the next turn. */
	struct list now;
	list_init(&now);
	while (!list_empty(&l->failed)) {
		struct list *node = list_first(&l->failed);
		list_remove(node);
		list_push_back(&now, node);
	}
	while (!list_empty(&now)) {
		finish_failed(at(list_first(&now)));
	}
}

void lambda_tick(struct lambda *l)
{
	l->armed_ns = NEVER;
	run_failed(l);
	uint64_t now = clock_mono_ns(l->clock);
	while (!list_empty(&l->running) && at(list_first(&l->running))->deadline_ns <= now) {
		finish_late(at(list_first(&l->running)));
	}
	if (!list_empty(&l->failed)) {
		arm_at(l, 0);
	} else if (!list_empty(&l->running)) {
		arm_at(l, at(list_first(&l->running))->deadline_ns);
	}
}

/* Invoking. */

static void fail(struct invocation *inv, enum lambda_outcome outcome, char *detail)
{
	struct lambda *l = inv->lambda;
	invocation_move(inv, INVOCATION_ENDED);
	inv->outcome = outcome;
	inv->detail = detail;
	list_push_back(&l->failed, &inv->order);
	arm_at(l, 0);
}

/* Most functions have equal timeouts, so the place is near the end of the list. */
static void insert_by_deadline(struct lambda *l, struct invocation *inv)
{
	struct list *before = &l->running;
	while (before->prev != &l->running && at(before->prev)->deadline_ns > inv->deadline_ns) {
		before = before->prev;
	}
	list_insert_before(before, &inv->order);
	arm_at(l, at(list_first(&l->running))->deadline_ns);
}

static void dispatch(struct lambda *l, struct invocation *inv, const struct lambda_call *call)
{
	const struct model_function *f = inv->slot->function;
	buf_clear(&l->meta);
	invocation_meta(inv, call, f, &l->meta);
	inv->wire_id = ++l->last_wire_id;
	int rc = l->meta.overflow ? -ERR_LIMIT
				  : l->dispatch.send(l->dispatch.ctx, inv->wire_id,
					    buf_span(&l->meta), call->payload);
	if (rc) {
		inv->wire_id = 0;
		fail(inv, LAMBDA_UNAVAILABLE,
			xasprintf("no agent serves function '%s' now", f->name));
		return;
	}
	invocation_move(inv, INVOCATION_SENT);
	inv->slot->in_flight++;
	l->in_flight++;
	inv->deadline_ns =
		clock_mono_ns(l->clock) + ((uint64_t)f->timeout_s + GRACE_S) * UINT64_C(1000000000);
	list_push_back(&l->buckets[inv->wire_id % BUCKETS], &inv->bucket);
	insert_by_deadline(l, inv);
}

struct invocation *lambda_invoke(struct lambda *l, const struct lambda_call *call)
{
	struct lambda_slot *slot = find_slot(l, call->function);
	const struct model_function *f = slot ? slot->function : NULL;
	struct invocation *inv = invocation_open(call, f);
	inv->lambda = l;
	inv->slot = slot;
	inv->started_ms = clock_now_ms(l->clock);
	if (l->dispatch.on_start) {
		struct lambda_record record = record_of(inv);
		record.event = call->payload;
		l->dispatch.on_start(l->dispatch.ctx, &record);
	}
	if (!f) {
		fail(inv, LAMBDA_UNAVAILABLE,
			xasprintf("there is no function '%s'", call->function));
	} else if (f->reserved_concurrency >= 0 &&
		   slot->in_flight >= (unsigned)f->reserved_concurrency) {
		fail(inv, LAMBDA_THROTTLED,
			xasprintf("function '%s' has its reserved concurrency of %d in use",
				f->name, f->reserved_concurrency));
	} else {
		dispatch(l, inv, call);
	}
	return inv;
}

/* Results. */

static struct invocation *find_wire(struct lambda *l, uint64_t wire_id)
{
	LIST_FOR (node, &l->buckets[wire_id % BUCKETS]) {
		struct invocation *inv = container_of(node, struct invocation, bucket);
		if (inv->wire_id == wire_id) {
			return inv;
		}
	}
	log_debug("lambda", "nobody waits for %" PRIu64 " any more", wire_id);
	return NULL;
}

void lambda_on_result(struct lambda *l, uint64_t wire_id, struct span meta, struct span payload)
{
	struct invocation *inv = find_wire(l, wire_id);
	if (!inv) {
		return;
	}
	struct invocation_result result;
	invocation_read_result(inv, meta, payload, &result);
	finish(inv, &result.r);
	invocation_result_fini(&result);
}

static void credit(struct invocation *inv)
{
	struct lambda *l = inv->lambda;
	size_t bytes = inv->owed;
	inv->owed = 0;
	if (bytes && l->dispatch.credit) {
		l->dispatch.credit(l->dispatch.ctx, inv->wire_id, bytes);
	}
}

void lambda_cancel(struct invocation *inv)
{
	struct lambda *l = inv->lambda;
	inv->done = NULL;
	inv->on_chunk = NULL;
	if (!inv->wire_id) {
		return;
	}
	/* A stream that the caller had slowed runs on into nothing. */
	credit(inv);
	if (l->dispatch.cancel) {
		l->dispatch.cancel(l->dispatch.ctx, inv->wire_id);
	}
}

void lambda_on_chunk(struct lambda *l, uint64_t wire_id, struct span meta, struct span payload)
{
	struct invocation *inv = find_wire(l, wire_id);
	if (!inv) {
		return;
	}
	invocation_move(inv, INVOCATION_STREAMING);
	inv->owed += payload.len;
	if (!inv->on_chunk) {
		/* Nobody listens (any more), or a caller who wants it whole at the end. */
		if (inv->done) {
			buf_add_span(&inv->collected, payload);
		}
		credit(inv);
		return;
	}
	AUTO_JSON cJSON *tree = meta.len ? json_parse(meta, NULL) : NULL;
	/* Within on_chunk the caller may cancel, which leaves inv alive: it ends by its result. */
	if (inv->on_chunk(inv->ctx, json_span(tree, "contentType"), payload)) {
		credit(inv);
	}
}

void lambda_chunk_credit(struct invocation *inv)
{
	credit(inv);
}

void lambda_on_agent_lost(struct lambda *l, bool (*dead)(void *ctx, uint64_t wire_id), void *ctx)
{
	/* Callbacks may start or end others, so the dead are taken aside first. */
	struct list lost;
	list_init(&lost);
	LIST_FOR_SAFE (node, &l->running) {
		if (dead(ctx, at(node)->wire_id)) {
			list_remove(node);
			list_push_back(&lost, node);
		}
	}
	while (!list_empty(&lost)) {
		finish_platform(at(list_first(&lost)), "Runtime.ExitError",
			"Runtime exited without providing a reason",
			"the agent that ran the function has gone");
	}
}

unsigned lambda_in_flight(const struct lambda *l)
{
	return l->in_flight;
}

struct lambda *lambda_create(
	uv_loop_t *loop, const struct clock *clock, const struct lambda_dispatch *dispatch)
{
	struct lambda *l = xalloc(sizeof *l);
	/* An agent may still have what an emulator before this one asked for; its result must find nobody. */
	uint32_t start;
	random_bytes(&start, sizeof start);
	l->last_wire_id = (uint64_t)start << 20;
	l->clock = clock;
	l->dispatch = *dispatch;
	l->armed_ns = NEVER;
	buf_init(&l->meta, 65536);
	l->timer = timer_open(loop, on_timer, l);
	list_init(&l->running);
	list_init(&l->failed);
	for (size_t i = 0; i < BUCKETS; i++) {
		list_init(&l->buckets[i]);
	}
	return l;
}

void lambda_destroy(struct lambda *l)
{
	while (!list_empty(&l->running)) {
		const struct lambda_result r = { .outcome = LAMBDA_UNAVAILABLE,
			.error_type = "",
			.detail = "the emulator is going down" };
		finish(at(list_first(&l->running)), &r);
	}
	while (!list_empty(&l->failed)) {
		finish_failed(at(list_first(&l->failed)));
	}
	timer_close(l->timer);
	for (size_t i = 0; i < l->n_slots; i++) {
		free_slot(l->slots[i]);
	}
	free(l->slots);
	buf_fini(&l->meta);
	free(l);
}
