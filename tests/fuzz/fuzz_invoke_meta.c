/* What an emulator asks an agent for: INVOKE's meta (proxy/wire/messages.h). */
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "runtime/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_header_text(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		ENSURE((unsigned char)text.ptr[i] >= ' ' && text.ptr[i] != 0x7f);
	}
	ENSURE(text.ptr[text.len] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own size, so that a read past its end is seen. */
	AUTO_FREE char *meta = xstrndup((const char *)data, size);
	meta = xrealloc(meta, size);
	struct buf text = BUF_INIT(1u << 20);
	const struct wire_message m = {
		.type = WIRE_INVOKE, .id = 7, .meta = span_n(meta, size), .payload = SPAN("{}")
	};
	struct invocation_order order;
	struct span function = messages_order(&m, &order, &text);
	ENSURE(function.len <= size);
	struct invocation *inv = invocation_create(&order);
	const struct runtime_event *e = &inv->event;
	const struct span texts[] = { e->request_id, e->arn, e->trace_id, e->client_context,
		e->identity };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		expect_header_text(texts[i]);
	}
	invocation_destroy(inv);
	buf_fini(&text);
	return 0;
}
