#include "runtime/pool/platform_log.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "proxy/base/json.h"

/* {"time":"2024-01-01T00:00:00.000Z","type":"platform.start","record":{"requestId":"..." */
static void open_record(struct buf *out, int64_t now_ms, const char *type, const char *request_id)
{
	char day[32];
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm at;
	gmtime_r(&seconds, &at);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &at);
	buf_addf(out, "{\"time\":\"%s.%03dZ\",\"type\":\"platform.%s\",\"record\":{", day,
		(int)(now_ms % 1000), type);
	json_add_member(out, "requestId", span_of(request_id));
}

void platform_log_start(
	struct buf *out, int64_t now_ms, const char *request_id, const char *trace_id)
{
	open_record(out, now_ms, "start", request_id);
	json_add_member(out, "version", SPAN("$LATEST"));
	if (*trace_id) {
		buf_add_str(out, ",\"tracing\":{");
		json_add_member(out, "type", SPAN("X-Amzn-Trace-Id"));
		json_add_member(out, "value", span_of(trace_id));
		buf_add_char(out, '}');
	}
	buf_add_str(out, "}}\n");
}

static const char *status_of(const char *failure)
{
	return !*failure                                  ? "success"
	       : strcmp(failure, "Sandbox.Timedout") == 0 ? "timeout"
							  : "error";
}

void platform_log_report(struct buf *out, int64_t now_ms, const struct platform_report *r)
{
	const char *status = status_of(r->failure);
	open_record(out, now_ms, "report", r->request_id);
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
	buf_add_str(out, "}}\n");
}
