/* The latest invocations, for assertions in tests (GET /_offstage/invocations) and the console: what came
 * in, what went out, what was logged, how long it took. Bounded in number and bytes: the oldest go first. */
#pragma once

#include "emulator/lambda/lambda.h"
#include "proxy/base/buf.h"

struct history;

#define HISTORY_RECORDS 1000
#define HISTORY_BYTES (32u << 20)
#define HISTORY_LOG_MAX (256u << 10) /* of one invocation */

struct history *history_create(void);
void history_destroy(struct history *h);
/* Everything is copied. A retry (same request id) is a record of its own. */
void history_start(struct history *h, const struct lambda_record *r);
void history_log(struct history *h, const char *request_id, struct span text);
void history_end(struct history *h, const struct lambda_record *r);

struct history_filter {
	struct span function; /* name or handler; ptr NULL = any */
	struct span route; /* "GET /private" */
	struct span request_id;
	size_t limit; /* newest so many; 0 = all */
};

/* Appends a JSON array, oldest first: [{"requestId","function","handler","source","route","startedMs",
 * "durationMs","outcome","errorType","event","response","logs"}]. event and response are JSON values when
 * they are JSON, else strings; a running one has outcome "running" and no response. */
void history_write(const struct history *h, const struct history_filter *f, struct buf *out);
