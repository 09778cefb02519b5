/* Asynchronous invokes (InvocationType Event): accepted at once, run at least once, retried with the same
 * request id, and told as a dead letter when all was in vain (reference lambda 5.6). The cloud's delays
 * are compressed: a second stands for its minute. */
#pragma once

#include "emulator/lambda/lambda.h"

struct async_queue;

struct async_queue_config {
	uv_loop_t *loop;
	struct lambda *lambda;
	const struct clock *clock;
	unsigned minute_ms; /* what stands for a minute; 0 = 1000 */
	void *ctx;
	/* A line for the terminal; valid for the call. */
	void (*on_dead_letter)(void *ctx, const char *line);
};

struct async_queue *async_queue_create(const struct async_queue_config *config);
/* Drops what waits; what runs runs on unheard. NULL is fine. Before lambda_destroy. */
void async_queue_destroy(struct async_queue *q);
/* Queues and starts the call, whose spans and strings are copied; on_chunk, done and ctx are not used. max_retries counts
 * retries after function errors. False if too many wait. */
bool async_queue_add(
	struct async_queue *q, const struct lambda_call *call, int max_retries) MUST_CHECK;
/* Reserved concurrency 0: the event goes straight to the dead letters. */
void async_queue_refuse(struct async_queue *q, const struct lambda_call *call);
size_t async_queue_length(const struct async_queue *q);
