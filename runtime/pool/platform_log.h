/* What the platform logs of an invocation where the function's log format is JSON (lambda.md 3.5): one object a line. */
#pragma once

#include "proxy/base/buf.h"

struct platform_report {
	const char *request_id;
	double duration_ms;
	double init_ms; /* of a cold start, else 0 */
	unsigned memory_mb, peak_mb;
	const char *failure; /* "" or an error type */
};

/* Both times are Unix milliseconds. */
void platform_log_start(
	struct buf *out, int64_t now_ms, const char *request_id, const char *trace_id);
void platform_log_report(struct buf *out, int64_t now_ms, const struct platform_report *report);
