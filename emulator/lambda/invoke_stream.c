#include "emulator/lambda/invoke_stream.h"

#include "emulator/lambda/event_stream.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/json.h"

#define MAX_HEADERS 8

/* Content types come from the function: a header may hold no control characters. */
static struct span header_safe(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f) {
			return (struct span){ NULL, 0 };
		}
	}
	return s;
}

void invoke_stream_begin(struct http_exchange *x, const struct http_header *own, size_t n_own,
	struct span content_type)
{
	struct http_header headers[MAX_HEADERS];
	ENSURE(n_own + 2 <= MAX_HEADERS);
	memcpy(headers, own, n_own * sizeof *own);
	headers[n_own] = (struct http_header){ SPAN("Content-Type"),
		SPAN("application/vnd.amazon.eventstream") };
	/* Where the function's own content type goes is not confirmed (5.4). */
	struct span type = header_safe(content_type);
	headers[n_own + 1] = (struct http_header){ SPAN("X-Amzn-Remapped-Content-Type"),
		type.len ? type : SPAN("application/octet-stream") };
	http_reply_begin(x,
		&(struct http_reply){ .status = 200, .headers = headers, .n_headers = n_own + 2 },
		-1);
}

static bool write_frame(
	struct http_exchange *x, const char *event, const char *content_type, struct span payload)
{
	struct buf frame = BUF_INIT(payload.len + 1024);
	event_stream_add(&frame, event, content_type, payload);
	bool more = http_reply_write(x, buf_span(&frame));
	buf_fini(&frame);
	return more;
}

bool invoke_stream_piece(struct http_exchange *x, struct span piece)
{
	return write_frame(x, "PayloadChunk", "application/octet-stream", piece);
}

void invoke_stream_end(struct http_exchange *x, const struct lambda_result *r, bool tail)
{
	struct buf body = BUF_INIT(16 << 20);
	buf_add_char(&body, '{');
	if (r->outcome != LAMBDA_OK) {
		json_add_member(
			&body, "ErrorCode", span_of(*r->error_type ? r->error_type : "Unhandled"));
		json_add_member(
			&body, "ErrorDetails", r->payload.len ? r->payload : span_of(r->detail));
	}
	json_add_name(&body, "LogResult");
	if (tail) {
		buf_add_char(&body, '"');
		base64_encode(&body, r->log_tail);
		buf_add_char(&body, '"');
	} else {
		buf_add_str(&body, "null");
	}
	buf_add_char(&body, '}');
	write_frame(x, "InvokeComplete", "application/json", buf_span(&body));
	buf_fini(&body);
	http_reply_end(x);
}
