/* The meta of what the agent says (proxy/wire/messages.h), written; and of INVOKE, read. */
#pragma once

#include "proxy/base/json.h"
#include "proxy/wire/messages.h"
#include "runtime/pool/worker.h"

/* Each appends one JSON object. */
void messages_app(struct buf *out, const char *app, const char *region);
void messages_stacks(struct buf *out, const cJSON *stacks); /* APP's payload */
void messages_result(struct buf *out, const struct outcome *o);
void messages_chunk(struct buf *out, struct span content_type);
void messages_log(
	struct buf *out, const char *function, const char *request_id, enum log_kind kind);
void messages_note(struct buf *out, const char *kind, const char *function, const char *text);
/* What an INVOKE asks for: fills in the order and returns the name of the function. Both lie in the message, or, where a
 * text has escapes, in `text`, which must be empty. */
struct span messages_order(
	const struct wire_message *m, struct invocation_order *order, struct buf *text);
