#include "runtime/pool/platform_log.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "proxy/base/clock.h"
#include "proxy/base/json.h"

/* Every invocation writes this: no printf, which would cost more than the rest of its log. */
static void add_text_report(struct buf *out, const struct platform_report *r)
{
	if (strcmp(r->failure, "Runtime.ExitError") == 0) {
		buf_addf(out, "RequestId: %s Error: Runtime exited\n", r->request_id.ptr);
	}
	buf_add_span(out, SPAN("END RequestId: "));
	buf_add_span(out, r->request_id);
	buf_add_span(out, SPAN("\nREPORT RequestId: "));
	buf_add_span(out, r->request_id);
	buf_add_span(out, SPAN("\tDuration: "));
	buf_add_fixed2(out, r->duration_ms);
	buf_add_span(out, SPAN(" ms\tBilled Duration: "));
	buf_add_u64(out, (uint64_t)ceil(r->duration_ms + r->init_ms));
	buf_add_span(out, SPAN(" ms\tMemory Size: "));
	buf_add_u64(out, r->memory_mb);
	buf_add_span(out, SPAN(" MB\tMax Memory Used: "));
	buf_add_u64(out, r->peak_mb);
	buf_add_span(out, SPAN(" MB\t"));
	if (r->init_ms > 0) {
		buf_add_span(out, SPAN("Init Duration: "));
		buf_add_fixed2(out, r->init_ms);
		buf_add_span(out, SPAN(" ms\t"));
	}
	if (strcmp(r->failure, "Sandbox.Timedout") == 0) {
		buf_add_span(out, SPAN("Status: timeout"));
	} else if (*r->failure) {
		buf_addf(out, "Status: error\tError Type: %s", r->failure);
	}
	buf_add_char(out, '\n');
}

/* {"time":"2024-01-01T00:00:00.000Z","type":"platform.start","record":{"requestId":"..." */
static void open_record(struct buf *out, const char *type, struct span request_id)
{
	int64_t now_ms = clock_now_ms(&clock_system);
	char day[32];
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm at;
	gmtime_r(&seconds, &at);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &at);
	buf_addf(out, "{\"time\":\"%s.%03dZ\",\"type\":\"platform.%s\",\"record\":{", day,
		(int)(now_ms % 1000), type);
	json_add_member(out, "requestId", request_id);
}

static void add_json_start(struct buf *out, struct span request_id, struct span trace_id)
{
	open_record(out, "start", request_id);
	json_add_member(out, "version", SPAN("$LATEST"));
	if (trace_id.len) {
		buf_add_span(out, SPAN(",\"tracing\":{"));
		json_add_member(out, "type", SPAN("X-Amzn-Trace-Id"));
		json_add_member(out, "value", trace_id);
		buf_add_char(out, '}');
	}
	buf_add_span(out, SPAN("}}\n"));
}

static const char *status_of(const char *failure)
{
	return !*failure                                  ? "success"
	       : strcmp(failure, "Sandbox.Timedout") == 0 ? "timeout"
							  : "error";
}

static void add_json_report(struct buf *out, const struct platform_report *r)
{
	const char *status = status_of(r->failure);
	open_record(out, "report", r->request_id);
	buf_addf(out,
		",\"metrics\":{\"durationMs\":%.3f,\"billedDurationMs\":%.0f,\"memorySizeMB\":%u,"
		"\"maxMemoryUsedMB\":%u",
		r->duration_ms, ceil(r->duration_ms + r->init_ms), r->memory_mb, r->peak_mb);
	if (r->init_ms > 0) {
		buf_addf(out, ",\"initDurationMs\":%.3f", r->init_ms);
	}
	buf_add_char(out, '}');
	json_add_member(out, "status", span_of(status));
	if (strcmp(status, "error") == 0) {
		json_add_member(out, "errorType", span_of(r->failure));
	}
	buf_add_span(out, SPAN("}}\n"));
}

void platform_log_start(struct buf *out, enum platform_log_format format, struct span request_id,
	struct span trace_id)
{
	if (format == PLATFORM_LOG_JSON) {
		add_json_start(out, request_id, trace_id);
	} else {
		buf_add_span(out, SPAN("START RequestId: "));
		buf_add_span(out, request_id);
		buf_add_span(out, SPAN(" Version: $LATEST\n"));
	}
}

void platform_log_report(
	struct buf *out, enum platform_log_format format, const struct platform_report *report)
{
	if (format == PLATFORM_LOG_JSON) {
		add_json_report(out, report);
	} else {
		add_text_report(out, report);
	}
}
