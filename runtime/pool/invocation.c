#include "runtime/pool/invocation.h"

#include <stdlib.h>

static char *header_text(const char *s)
{
	char *copy = xstrdup(s ? s : "");
	for (char *c = copy; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f) {
			*c = ' ';
		}
	}
	return copy;
}

struct invocation *invocation_create(
	uint64_t id, const struct invocation_texts *texts, struct span payload)
{
	struct invocation *inv = xalloc(sizeof *inv);
	list_init(&inv->link);
	inv->id = id;
	const char *sources[] = { texts->request_id, texts->arn, texts->trace_id,
		texts->client_context, texts->identity };
	for (size_t i = 0; i < COUNT_OF(sources); i++) {
		inv->strings[i] = header_text(sources[i]);
	}
	buf_init(&inv->payload, payload.len + 1);
	buf_add_span(&inv->payload, payload);
	inv->event = (struct runtime_event){ inv->strings[0], inv->strings[1], inv->strings[2],
		inv->strings[3], inv->strings[4], 0, buf_span(&inv->payload) };
	return inv;
}

void invocation_destroy(struct invocation *inv)
{
	if (!inv) {
		return;
	}
	list_remove(&inv->link);
	for (size_t i = 0; i < COUNT_OF(inv->strings); i++) {
		free(inv->strings[i]);
	}
	buf_fini(&inv->payload);
	free(inv);
}
