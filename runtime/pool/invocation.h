/* One event on its way to a handler and its answer back: made by the agent from an INVOKE message, queued
 * by the pool, run by one worker, answered exactly once, freed by whoever answers. */
#pragma once

#include "proxy/base/buf.h"
#include "proxy/base/list.h"
#include "runtime/api/runtime_api.h"

struct invocation {
	struct list link; /* of the function's queue, while it waits */
	uint64_t id; /* the wire's */
	unsigned timeout_ms;
	bool log_tail; /* the caller wants the last 4 KB of the log */
	uint64_t queued_ns; /* monotonic; when it came */
	struct runtime_event event; /* texts, a NUL behind each, and payload are its own */
	char bytes[];
};

/* What is asked of a function. */
struct invocation_order {
	uint64_t id;
	struct span request_id, arn, trace_id, client_context, identity; /* empty = none */
	struct span payload;
	unsigned timeout_ms;
	bool log_tail;
};

/* Copies the texts (control characters become blanks: they travel as header values) and the payload. */
struct invocation *invocation_create(const struct invocation_order *order);
void invocation_destroy(struct invocation *inv);

/* How an invocation ended; spans are valid for the call. */
struct outcome {
	bool ok; /* false: a function error, payload is its body */
	const char *error_type; /* "" if ok or unknown */
	struct span payload; /* empty after a stream */
	struct span stream_error; /* base64 JSON of a stream that broke midway, else empty */
	double duration_ms;
	struct span log_tail; /* text, if log_tail was asked for */
	const char *detail; /* for the developer, "" if nothing to add */
};
