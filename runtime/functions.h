/* The functions of the app: their code kept fresh, their processes, and the invocations that wait for a
 * build. What a request may see is decided here: an invocation runs code that was saved before it came, or
 * later code, never older. */
#pragma once

#include <uv.h>

#include "proxy/base/json.h"
#include "runtime/bundle/helper.h"
#include "runtime/pool/fleet.h"
#include "runtime/watch/watch.h"

struct functions;

struct functions_config {
	uv_loop_t *loop;
	struct helper *helper;
	struct watch *watch;
	const char *app_dir, *stage_dir, *runtime_dir; /* absolute; must outlive it */
	const char *node;
	unsigned max_workers;
	unsigned inspect_port; /* 0 = none */
	bool frozen;
	void *ctx;
	/* The answer of invocation `id`; once each. */
	void (*on_outcome)(void *ctx, uint64_t id, const struct outcome *outcome);
	/* A streamed result: first its content type (ptr set), then bytes. */
	void (*on_chunk)(void *ctx, uint64_t id, struct span content_type, struct span piece);
	/* Output; id is 0 and request_id "" outside an invocation. */
	void (*on_log)(void *ctx, const char *function, uint64_t id, const char *request_id,
		enum log_kind kind, struct span text);
	/* "building", "built", "build-error". */
	void (*on_note)(void *ctx, const char *kind, const char *function, const char *text);
};

struct functions *functions_open(const struct functions_config *config);
/* Kills the processes; open invocations are answered; frees when all is gone, then done. */
void functions_close(struct functions *fs, void (*done)(void *ctx), void *ctx);
/* The OUTPUTS payload: what functions there are now. Those that did not change keep their processes. */
void functions_update(struct functions *fs, const cJSON *outputs);
/* Answers through on_outcome in any case. The order's arn, if empty, and timeout_ms, if 0, are the function's. */
void functions_invoke(struct functions *fs, struct span name, const struct invocation_order *order);
void functions_cancel(struct functions *fs, uint64_t id);
/* So many bytes of the stream of invocation `id` were taken. */
void functions_credit(struct functions *fs, uint64_t id, size_t bytes);
/* Files changed: builds again what is in use. */
void functions_refresh(struct functions *fs);
