/* The functions that can be invoked, and the invocations under way. Whoever wants a function run (the
 * gateway, a Lambda authorizer, the Invoke API, a function URL) asks here; whoever runs it is an
 * agent beyond the bridge, reached through the `dispatch` callback that the composition root wires.
 *
 * An invocation has an id (UUID, the AWS request id), a deadline and exactly one end. States:
 *   waiting -> sent -> (streaming ->) ended. `ended` is reached by a result or by the platform (throttled,
 *   no agent, agent lost, deadline long past). lambda_cancel only takes the caller away: the function runs
 *   on and counts against its concurrency until then. Late results find no id and are dropped. */
#pragma once

#include <uv.h>

#include "emulator/model/model.h"
#include "proxy/base/clock.h"

struct lambda;
struct invocation;

enum lambda_outcome {
	LAMBDA_OK, /* payload is the function's result */
	LAMBDA_FUNCTION_ERROR, /* payload is the error body {"errorType":...}; error, exit, timeout */
	LAMBDA_THROTTLED, /* reserved concurrency */
	LAMBDA_UNAVAILABLE, /* no such function or no agent: payload empty, `detail` says which */
};

struct lambda_result {
	enum lambda_outcome outcome;
	struct span payload; /* valid for the call */
	struct span log_tail; /* last 4 KB of this invocation's log, if asked for */
	const char *error_type; /* for a function error; "" otherwise */
	const char *detail; /* plain words for the terminal; "" on success */
	double duration_ms; /* as the worker measured it; 0 if it never ran */
};

typedef void (*lambda_done_fn)(void *ctx, const struct lambda_result *r);

struct lambda_call {
	const char *function; /* physical name */
	struct span payload; /* copied onto the wire before the call returns */
	const char *source; /* "API GET /private", "Invoke", "authorizer": for the terminal */
	const char
		*request_id; /* NULL = a new one; a retry of an asynchronous invoke keeps its own */
	const char *qualifier; /* NULL = none */
	struct span client_context; /* JSON text or empty */
	struct span
		cognito_identity; /* JSON text {"cognitoIdentityId","cognitoIdentityPoolId"} or empty */
	const char *trace_id; /* "Root=1-..." or NULL = a new one */
	bool want_log_tail;
	/* Streaming: on_chunk gets pieces as they come (content_type at the first), then done with an
	 * empty payload. NULL = collect. Return false to slow the sender until lambda_chunk_credit(). */
	bool (*on_chunk)(void *ctx, struct span content_type, struct span piece);
	lambda_done_fn done; /* exactly once, never before lambda_invoke returned */
	void *ctx;
};

/* Never NULL; failures arrive through done. */
struct invocation *lambda_invoke(struct lambda *l, const struct lambda_call *call);
/* The AWS request id; valid until done. */
const char *invocation_id(const struct invocation *inv);
/* The caller no longer cares: done is not called. The function runs on, as in the cloud. */
void lambda_cancel(struct invocation *inv);
void lambda_chunk_credit(struct invocation *inv);

/* What a finished invocation looks like to observers (terminal, /_offstage/invocations). */
struct lambda_record {
	struct span request_id, function, handler, source; /* a NUL stands behind each */
	struct span event; /* at the start only */
	struct span result; /* at the end only; empty after a stream */
	enum lambda_outcome outcome; /* from here on: at the end */
	const char *error_type;
	const char *detail;
	int64_t started_ms;
	double duration_ms;
};

/* How the registry reaches agents; wired by the composition root to the bridge. */
struct lambda_dispatch {
	void *ctx;
	/* Sends INVOKE; wire_id is unique among those in flight. Returns 0, or a negative err code if no
	 * agent serves the function now. meta is JSON text per proxy/wire/messages.h. Never calls back
	 * into this room before it returned. */
	int (*send)(void *ctx, uint64_t wire_id, struct span meta, struct span payload);
	/* Sends CANCEL. */
	void (*cancel)(void *ctx, uint64_t wire_id);
	/* Sends CREDIT: the caller took so many bytes of the stream. */
	void (*credit)(void *ctx, uint64_t wire_id, size_t bytes);
	/* Observers; each may be NULL. */
	void (*on_start)(void *ctx, const struct lambda_record *r);
	void (*on_end)(void *ctx, const struct lambda_record *r);
};

/* The dispatch is copied. */
struct lambda *lambda_create(
	uv_loop_t *loop, const struct clock *clock, const struct lambda_dispatch *dispatch);
/* Ends what runs with LAMBDA_UNAVAILABLE first. */
void lambda_destroy(struct lambda *l);
/* Swaps the functions; running invocations go on. The model must outlive the next swap. */
void lambda_set_model(struct lambda *l, const struct model *m);
/* From the bridge. meta as in messages.h; unknown ids are ignored. */
void lambda_on_result(struct lambda *l, uint64_t wire_id, struct span meta, struct span payload);
void lambda_on_chunk(struct lambda *l, uint64_t wire_id, struct span meta, struct span payload);
/* Every invocation that `dead` says belonged to a lost agent ends with the error Lambda would give. */
void lambda_on_agent_lost(struct lambda *l, bool (*dead)(void *ctx, uint64_t wire_id), void *ctx);
unsigned lambda_in_flight(const struct lambda *l);
/* Reports what failed at once, and ends what is past its deadline by the clock. The loop's timer calls it;
 * tests that own the clock do, too. */
void lambda_tick(struct lambda *l);
