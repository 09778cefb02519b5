#include "emulator/lambda/async_queue.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"
#include "proxy/base/list.h"
#include "proxy/net/timer.h"

#define MAX_EVENTS 1000
/* In the cloud's minutes: how long throttled and failing events are tried again (there 6 hours; here a
 * developer wants to know sooner), and the longest pause between two tries. */
#define MAX_AGE_MIN 300
#define MAX_PAUSE_MIN 5

struct async_queue {
	struct async_queue_config config;
	struct list events;
	size_t n;
};

struct event {
	struct list node;
	struct async_queue *queue;
	struct timer *timer; /* runs while it waits for its next try */
	struct invocation *inv; /* while it runs */
	char *function, *request_id, *source, *qualifier, *trace_id;
	char *payload;
	size_t payload_len;
	uint64_t accepted_ns;
	int attempts, failures, max_retries;
	unsigned pauses; /* after throttles and system errors */
};

static void drop(struct event *e)
{
	list_remove(&e->node);
	e->queue->n--;
	timer_close(e->timer);
	free(e->function);
	free(e->request_id);
	free(e->source);
	free(e->qualifier);
	free(e->trace_id);
	free(e->payload);
	free(e);
}

static void tell_dead(struct async_queue *q, const char *function, const char *request_id,
	const char *condition, int attempts, const char *why)
{
	AUTO_FREE char *line = xasprintf("dead letter: %s %s: %s after %d attempt%s%s%s", function,
		request_id, condition, attempts, attempts == 1 ? "" : "s", *why ? ": " : "", why);
	if (q->config.on_dead_letter) {
		q->config.on_dead_letter(q->config.ctx, line);
	}
}

static void die(struct event *e, const char *condition, const char *why)
{
	tell_dead(e->queue, e->function, e->request_id, condition, e->attempts, why);
	drop(e);
}

static void wait_minutes(struct event *e, double minutes)
{
	timer_arm(e->timer, (uint64_t)(minutes * e->queue->config.minute_ms));
}

/* First retry after a minute, the second after two. */
static void on_function_error(struct event *e, const struct lambda_result *r)
{
	if (++e->failures > e->max_retries) {
		die(e, "RetriesExhausted", r->error_type);
		return;
	}
	wait_minutes(e, e->failures);
}

/* Throttles and system errors: from a second to five minutes apart, until too old. */
static void on_system_error(struct event *e, const struct lambda_result *r)
{
	uint64_t age_ms = (clock_mono_ns(e->queue->config.clock) - e->accepted_ns) / 1000000;
	if (age_ms > (uint64_t)MAX_AGE_MIN * e->queue->config.minute_ms) {
		die(e, "EventAgeExceeded", r->detail);
		return;
	}
	double minutes = (double)(1u << (e->pauses < 10 ? e->pauses++ : 10)) / 60;
	wait_minutes(e, minutes < MAX_PAUSE_MIN ? minutes : MAX_PAUSE_MIN);
}

static void on_done(void *ctx, const struct lambda_result *r)
{
	struct event *e = ctx;
	e->inv = NULL;
	if (r->outcome == LAMBDA_OK) {
		drop(e);
	} else if (r->outcome == LAMBDA_FUNCTION_ERROR) {
		on_function_error(e, r);
	} else {
		on_system_error(e, r);
	}
}

static void run(void *ctx)
{
	struct event *e = ctx;
	const struct lambda_call call = { .function = e->function,
		.payload = span_n(e->payload, e->payload_len),
		.source = e->source,
		.request_id = e->request_id,
		.qualifier = e->qualifier,
		.trace_id = e->trace_id,
		.done = on_done,
		.ctx = e };
	e->attempts++;
	e->inv = lambda_invoke(e->queue->config.lambda, &call);
}

static char *copy_of(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

bool async_queue_add(struct async_queue *q, const struct lambda_call *call, int max_retries)
{
	if (q->n >= MAX_EVENTS) {
		return false;
	}
	struct event *e = xalloc(sizeof *e);
	char id[UUID_LEN + 1];
	uuid_random(id);
	e->queue = q;
	e->timer = timer_open(q->config.loop, run, e);
	e->function = xstrdup(call->function);
	e->request_id = xstrdup(call->request_id ? call->request_id : id);
	e->source = copy_of(call->source);
	e->qualifier = copy_of(call->qualifier);
	e->trace_id = copy_of(call->trace_id);
	e->payload = xstrndup(call->payload.ptr, call->payload.len);
	e->payload_len = call->payload.len;
	e->max_retries = max_retries;
	e->accepted_ns = clock_mono_ns(q->config.clock);
	list_push_back(&q->events, &e->node);
	q->n++;
	run(e);
	return true;
}

void async_queue_refuse(struct async_queue *q, const struct lambda_call *call)
{
	tell_dead(q, call->function, call->request_id, "ZeroReservedConcurrency", 0, "");
}

size_t async_queue_length(const struct async_queue *q)
{
	return q->n;
}

struct async_queue *async_queue_create(const struct async_queue_config *config)
{
	struct async_queue *q = xalloc(sizeof *q);
	q->config = *config;
	q->config.minute_ms = config->minute_ms ? config->minute_ms : 1000;
	list_init(&q->events);
	return q;
}

void async_queue_destroy(struct async_queue *q)
{
	if (!q) {
		return;
	}
	LIST_FOR_SAFE (node, &q->events) {
		struct event *e = container_of(node, struct event, node);
		if (e->inv) {
			lambda_cancel(e->inv);
		}
		drop(e);
	}
	free(q);
}
