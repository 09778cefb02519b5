/* How InvokeWithResponseStream answers (reference lambda 5.4): a head, PayloadChunk frames, and one
 * InvokeComplete that says how it ended. */
#pragma once

#include "emulator/lambda/lambda.h"
#include "proxy/net/http_server.h"

/* headers: the caller's own. content_type is the function's; ptr NULL = it named none. */
void invoke_stream_begin(struct http_exchange *x, const struct http_header *headers,
	size_t n_headers, struct span content_type);
/* False: the client reads too slowly; wait for http_on_drain. */
bool invoke_stream_piece(struct http_exchange *x, struct span piece);
/* tail: the client asked for the log. */
void invoke_stream_end(struct http_exchange *x, const struct lambda_result *r, bool tail);
