/* Frames of application/vnd.amazon.eventstream, as InvokeWithResponseStream answers with (reference lambda
 * 5.4). Pure. */
#pragma once

#include "proxy/base/buf.h"

/* Appends one event: its type ("PayloadChunk"), its content type and its bytes. */
void event_stream_add(
	struct buf *out, const char *event_type, const char *content_type, struct span payload);
