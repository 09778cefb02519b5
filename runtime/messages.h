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
/* The invocation that an INVOKE asks for; the caller's. Appends the name of its function, and NUL. */
struct invocation *messages_invocation(const struct wire_message *m, struct buf *function);
