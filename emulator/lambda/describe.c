#include "emulator/lambda/describe.h"

#include "emulator/lambda/api_error.h"
#include "emulator/lambda/function_config.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"
#include "proxy/base/json.h"

#define PAGE 50

static void reply_json(struct http_exchange *x, struct span body)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	const struct http_header headers[] = { { SPAN("Content-Type"), SPAN("application/json") },
		{ SPAN("x-amzn-RequestId"), span_of(id) } };
	http_reply(x, &(struct http_reply){ .status = 200,
			      .headers = headers,
			      .n_headers = COUNT_OF(headers),
			      .body = body });
}

void describe_list(const struct api_call *c, const struct model *m, int64_t modified_ms)
{
	const char *items = api_call_parameter(c, "MaxItems");
	const char *marker = api_call_parameter(c, "Marker");
	const char *version = api_call_parameter(c, "FunctionVersion");
	uint64_t max = PAGE, from = 0;
	if ((items && (!span_u64(span_of(items), 10000, &max) || !max)) ||
		(marker && !span_u64(span_of(marker), m->n_functions, &from)) ||
		(version && strcmp(version, "ALL") != 0)) {
		api_error_reply(c->x, 400, "ValidationException",
			"1 validation error detected: MaxItems, Marker or FunctionVersion is out "
			"of range");
		return;
	}
	uint64_t to = from + (max < PAGE ? max : PAGE);
	struct buf body = BUF_INIT(16 << 20);
	buf_add_str(&body, "{\"Functions\":[");
	for (uint64_t i = from; i < to && i < m->n_functions; i++) {
		buf_add_str(&body, i > from ? "," : "");
		function_config_add(&body, &m->functions[i], NULL, true, modified_ms);
	}
	buf_add_char(&body, ']');
	if (to < m->n_functions) {
		buf_addf(&body, ",\"NextMarker\":\"%llu\"}", (unsigned long long)to);
	} else {
		buf_add_str(&body, ",\"NextMarker\":null}");
	}
	reply_json(c->x, buf_span(&body));
	buf_fini(&body);
}

void describe_one(const struct api_call *c, int64_t modified_ms)
{
	const struct model_function *f = c->name.function;
	struct buf body = BUF_INIT(1 << 20);
	if (c->operation == API_GET) {
		buf_add_str(&body, "{\"Configuration\":");
	}
	function_config_add(&body, f, c->name.qualifier, false, modified_ms);
	if (c->operation == API_GET) {
		/* The code lies on the developer's disk; clients only want the member to be there. */
		buf_add_str(&body, ",\"Code\":{\"RepositoryType\":\"S3\",\"Location\":\"\"}");
		if (f->reserved_concurrency >= 0) {
			buf_addf(&body, ",\"Concurrency\":{\"ReservedConcurrentExecutions\":%d}",
				f->reserved_concurrency);
		}
		buf_add_char(&body, '}');
	}
	reply_json(c->x, buf_span(&body));
	buf_fini(&body);
}
