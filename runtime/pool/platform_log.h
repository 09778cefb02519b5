/* What the platform logs of an invocation: START, END and REPORT (lambda.md 3.1), or where the function's log format is
 * JSON one object a line (3.5). */
#pragma once

#include "proxy/base/buf.h"

enum platform_log_format {
	PLATFORM_LOG_TEXT,
	PLATFORM_LOG_JSON
};

struct platform_report {
	struct span request_id; /* a NUL behind it */
	double duration_ms;
	double init_ms; /* of a cold start, else 0 */
	unsigned memory_mb, peak_mb;
	const char *failure; /* "" or an error type */
};

/* trace_id: empty = none. */
void platform_log_start(struct buf *out, enum platform_log_format format, struct span request_id,
	struct span trace_id);
void platform_log_report(
	struct buf *out, enum platform_log_format format, const struct platform_report *report);
