/* The Lambda Runtime API (2018-06-01) for one execution environment: one loopback listener for one
 * handler process, since official clients accept no path prefix (lambda.md 1.1). It keeps the order of
 * calls that AWS keeps (1.5) and the exact answers (1.3); what the calls mean is its owner's business.
 *
 *   INIT -next-> IDLE -deliver-> RUNNING -response, error-> ANSWERED -next-> IDLE
 *                                   |                          ^
 *                                   +-streamed head-> STREAMING-+ last chunk
 *
 * A bootstrap that prefetches keeps one GET next more outstanding: an event can be delivered ahead while
 * another runs, and becomes the running one when that one ends.
 *
 * Callbacks may run runtime_api_deliver and runtime_api_close. Spans are valid for the call. */
#pragma once

#include <uv.h>

#include "proxy/base/err.h"
#include "proxy/base/span.h"

struct runtime_api;

/* 6 MiB and 100 bytes, both ways (lambda.md 1.4). */
#define RUNTIME_MAX_PAYLOAD 6291556
#define RUNTIME_MAX_AHEAD 16

/* What GET next answers (lambda.md 1.2). Empty texts are left out. No CR, LF or NUL in any of them. */
struct runtime_event {
	struct span request_id;
	struct span arn;
	struct span trace_id;
	struct span client_context; /* JSON text */
	struct span identity; /* JSON text */
	int64_t deadline_ms; /* Unix time */
	struct span payload;
};

struct runtime_api_config {
	const char *function; /* the three that extension/register tells */
	const char *version;
	const char *handler;
	unsigned
		prefetch; /* how many GET next the process keeps outstanding beyond the usual one */
	void *ctx;
	/* The first GET next: init is done. */
	void (*on_ready)(void *ctx);
	/* POST init/error; `type` is the error type header's value, maybe empty. */
	void (*on_init_error)(void *ctx, struct span type, struct span body);
	/* A whole result. */
	void (*on_response)(void *ctx, struct span body);
	void (*on_error)(void *ctx, struct span type, struct span body);
	/* The result is above RUNTIME_MAX_PAYLOAD, or its response mode is unknown: the process was told, the
	 * invocation has failed with this type and message. */
	void (*on_refused)(void *ctx, const char *type, const char *message);
	/* A streamed result: its head, pieces, and its end. `complete` is false if it was cut short; type and
	 * body (base64 JSON) come from the trailers of a stream that broke in the handler, else empty. */
	void (*on_stream)(void *ctx, struct span content_type);
	void (*on_stream_data)(void *ctx, struct span piece);
	void (*on_stream_end)(void *ctx, bool complete, struct span type, struct span body);
	/* The GET next that follows the answer: the invocation is over. An event that was delivered ahead is
	 * the running one now. */
	void (*on_over)(void *ctx);
};

/* Listens on a free port of 127.0.0.1. The config is copied, its strings must outlive the object. */
struct runtime_api *runtime_api_open(
	uv_loop_t *loop, const struct runtime_api_config *config, struct err *err) MUST_CHECK;
/* "127.0.0.1:port", as AWS_LAMBDA_RUNTIME_API wants it. */
const char *runtime_api_address(const struct runtime_api *a);
/* The process's end is a socket that it was started with: our bootstraps', which are spared TCP. */
void runtime_api_adopt(struct runtime_api *a, int fd);
/* How many events it can take now: 0 or 1, and what the process may hold ahead if it prefetches. */
unsigned runtime_api_room(const struct runtime_api *a);
/* Answers a waiting GET next. Needs room. The event is lent until on_over for it has run. */
void runtime_api_deliver(struct runtime_api *a, const struct runtime_event *event);
/* Stops or goes on reading a streamed result. */
void runtime_api_pause(struct runtime_api *a, bool paused);
/* Closes all connections; no callback runs any more. The process should be dead before: official clients
 * spin when their server goes (design 12). */
void runtime_api_close(struct runtime_api *a);
