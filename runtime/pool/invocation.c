#include "runtime/pool/invocation.h"

#include <stdlib.h>

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

/* A NUL stands behind it. */
static struct span add_header_text(char **at, struct span text)
{
	char *copy = *at;
	for (size_t i = 0; i < text.len; i++) {
		copy[i] = is_control(text.ptr[i]) ? ' ' : text.ptr[i];
	}
	copy[text.len] = '\0';
	*at += text.len + 1;
	return span_n(copy, text.len);
}

/* All in one piece of memory: one for each request. */
struct invocation *invocation_create(const struct invocation_order *o)
{
	size_t size = sizeof(struct invocation) + o->request_id.len + o->arn.len + o->trace_id.len +
		      o->client_context.len + o->identity.len + 5 + o->payload.len;
	struct invocation *inv = xrealloc(NULL, size);
	*inv = (struct invocation){
		.id = o->id, .timeout_ms = o->timeout_ms, .log_tail = o->log_tail
	};
	list_init(&inv->link);
	char *at = inv->bytes;
	inv->event.request_id = add_header_text(&at, o->request_id);
	inv->event.arn = add_header_text(&at, o->arn);
	inv->event.trace_id = add_header_text(&at, o->trace_id);
	inv->event.client_context = add_header_text(&at, o->client_context);
	inv->event.identity = add_header_text(&at, o->identity);
	inv->event.payload = span_n(at, o->payload.len);
	if (o->payload.len) {
		memcpy(at, o->payload.ptr, o->payload.len);
	}
	return inv;
}

void invocation_destroy(struct invocation *inv)
{
	if (inv) {
		list_remove(&inv->link);
		free(inv);
	}
}
