/* One invocation: what was asked, where it stands, and what it is told at its end. No I/O and no loop;
 * lambda.c owns the invocations, counts them and watches their deadlines. */
#pragma once

#include "emulator/lambda/lambda.h"
#include "proxy/base/ids.h"
#include "proxy/base/json.h"
#include "proxy/base/list.h"

/* What a function may answer: 6 MiB and 100 bytes (reference lambda 1.4). */
#define LAMBDA_MAX_RESULT 6291556
/* A streamed answer that a caller collects; streams have their own, larger quota (1.4). */
#define LAMBDA_MAX_STREAM (20 * 1024 * 1024)
#define LAMBDA_LOG_TAIL 4096

enum invocation_state {
	INVOCATION_WAITING,
	INVOCATION_SENT,
	INVOCATION_STREAMING,
	INVOCATION_ENDED
};

/* A function by name, with what runs of it now. Survives the swap of models while something runs. */
struct lambda_slot {
	char *name;
	const struct model_function *function; /* of the current model; NULL = gone */
	unsigned in_flight;
};

struct invocation {
	enum invocation_state state;
	struct lambda *lambda;
	struct lambda_slot *slot; /* NULL for a function that is not there */
	struct list order; /* by deadline, or of those that failed at once */
	struct list bucket; /* by wire id */
	uint64_t wire_id;
	uint64_t deadline_ns; /* monotonic */
	int64_t started_ms;
	unsigned timeout_s;
	struct span request_id, function, handler, source; /* behind the struct, NUL after each */
	bool (*on_chunk)(void *ctx, struct span content_type, struct span piece);
	lambda_done_fn done; /* NULL once the caller has gone */
	void *ctx;
	size_t owed; /* bytes of the stream taken but not yet credited */
	struct buf collected; /* chunks for a caller who wants no stream */
	/* For those that failed at once. */
	enum lambda_outcome outcome;
	char *detail;
	char texts[];
};

/* A new one in state WAITING. f may be NULL. */
struct invocation *invocation_open(const struct lambda_call *call, const struct model_function *f);
void invocation_free(struct invocation *inv);
/* The only way to change the state; ENSUREs that the picture in lambda.c has the arrow. */
void invocation_move(struct invocation *inv, enum invocation_state next);
/* Appends INVOKE's meta (proxy/wire/messages.h). */
void invocation_meta(const struct invocation *inv, const struct lambda_call *call,
	const struct model_function *f, struct buf *out);

/* What a RESULT says, with the memory it points to. */
struct invocation_result {
	struct lambda_result r;
	struct buf text, error, log_tail;
};
/* Reads RESULT; a result that makes no sense counts as a crash of the runtime. */
void invocation_read_result(struct invocation *inv, struct span meta, struct span payload,
	struct invocation_result *out);
/* The body of an error that the platform makes, errorType first: {"errorType":..,"errorMessage":
 * "RequestId: <id> Error: <what>"} (reference lambda 2.5). `out` must live while r is used. */
void invocation_platform_error(const struct invocation *inv, const char *type, const char *what,
	struct buf *out, struct lambda_result *r);
void invocation_result_fini(struct invocation_result *r);
