/* url + query (and header values): whatever a client sends becomes an event of valid JSON with no member
 * twice, in both payload formats. Input: target, newline, header lines, blank line, body. */
#include <stddef.h>
#include <stdint.h>

#include "emulator/gateway/event.h"
#include "emulator/gateway/headers.h"
#include "gateway_request.h"
#include "proxy/base/alloc.h"
#include "proxy/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the HTTP parser lets through: no line ends and no NUL. */
static char *cut_line(struct arena *a, struct span *rest)
{
	struct span line = rest->ptr ? span_cut(rest, '\n') : SPAN("");
	char *text = arena_strndup(a, line.ptr ? line.ptr : "", line.len);
	for (size_t i = 0; i < line.len; i++) {
		text[i] = text[i] ? text[i] : '.';
	}
	return text;
}

static void check(const struct event_input *in, bool v2)
{
	struct buf out = BUF_INIT(8 << 20);
	event_write(in, v2, &out);
	if (!out.overflow) {
		struct err err = ERR_INIT;
		cJSON *tree = json_parse_unique(buf_span(&out), &err);
		/* A decoded NUL is legal JSON, only cJSON cannot hold it. */
		ENSURE(tree || memmem(out.ptr, out.len, "\\u0000", 6));
		cJSON_Delete(tree);
	}
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 10240) {
		return 0;
	}
	struct arena *a = arena_create();
	struct span rest = span_n((const char *)data, size);
	const char *target = cut_line(a, &rest);
	struct buf head = BUF_INIT(65536);
	while (rest.ptr) {
		const char *line = cut_line(a, &rest);
		if (!*line) {
			break;
		}
		if (header_is_sendable(span_n(line, strcspn(line, ":")), SPAN(""))) {
			buf_addf(&head, "%s\n", line);
		}
	}
	struct http_request *http = make_request(a, "POST", target, buf_cstr(&head), "");
	http->body = rest;
	struct route_param param = { "id", http->path };
	struct event_input in = { .http = http,
		.account = "1",
		.api_id = "a",
		.route_key = "$default",
		.resource = "$default",
		.params = &param,
		.n_params = 1,
		.stage = "$default",
		.request_id = "id",
		.trace_id = "Root=1-x" };
	check(&in, true);
	check(&in, false);
	buf_fini(&head);
	arena_destroy(a);
	return 0;
}
