#include "runtime/pool/invocation.h"

#include <stdlib.h>

static const char *add_header_text(char **at, const char *s)
{
	char *copy = *at;
	size_t n = s ? strlen(s) : 0;
	for (size_t i = 0; i < n; i++) {
		bool control = (unsigned char)s[i] < ' ' || s[i] == 0x7f;
		copy[i] = control ? ' ' : s[i];
	}
	copy[n] = '\0';
	*at += n + 1;
	return copy;
}

/* All in one piece of memory: one for each request. */
struct invocation *invocation_create(
	uint64_t id, const struct invocation_texts *texts, struct span payload)
{
	const char *sources[] = { texts->request_id, texts->arn, texts->trace_id,
		texts->client_context, texts->identity };
	size_t size = sizeof(struct invocation) + payload.len;
	for (size_t i = 0; i < COUNT_OF(sources); i++) {
		size += (sources[i] ? strlen(sources[i]) : 0) + 1;
	}
	struct invocation *inv = xrealloc(NULL, size);
	*inv = (struct invocation){ .id = id };
	list_init(&inv->link);
	char *at = inv->bytes;
	inv->event.request_id = add_header_text(&at, texts->request_id);
	inv->event.arn = add_header_text(&at, texts->arn);
	inv->event.trace_id = add_header_text(&at, texts->trace_id);
	inv->event.client_context = add_header_text(&at, texts->client_context);
	inv->event.identity = add_header_text(&at, texts->identity);
	inv->event.payload = span_n(at, payload.len);
	if (payload.len) {
		memcpy(at, payload.ptr, payload.len);
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
