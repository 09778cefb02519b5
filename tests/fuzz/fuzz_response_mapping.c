/* response mapping: whatever a function returns becomes an answer that can be sent (a final status, header
 * lines that cannot be broken) or a refusal with a reason. The first byte chooses the
 * format, and whether it is a whole result or the prelude of a stream. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "emulator/gateway/reply.h"
#include "proxy/base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct reply *r)
{
	ENSURE(r->status >= 200 && r->status <= 599);
	for (size_t i = 0; i < r->n_headers; i++) {
		struct span name = r->headers[i].name;
		struct span value = r->headers[i].value;
		ENSURE(name.len && span_find(name, ':') < 0 && span_find(name, ' ') < 0);
		for (size_t k = 0; k < 3; k++) {
			ENSURE(span_find(name, "\r\n\0"[k]) < 0 &&
				span_find(value, "\r\n\0"[k]) < 0);
		}
		ENSURE(!reply_is_reserved(name));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1) {
		return 0;
	}
	/* A copy of its own size, so that a read past the end is seen. */
	char *payload = xalloc(size);
	memcpy(payload, data + 1, size - 1);
	struct arena *a = arena_create();
	struct buf scratch = BUF_INIT(1 << 20);
	struct reply r;
	struct err err = ERR_INIT;
	reply_init(&r, a);
	static const enum reply_format formats[] = { REPLY_V1, REPLY_V2, REPLY_URL };
	struct span text = span_n(payload, size - 1);
	unsigned choice = data[0] % 4;
	if (choice < 3 ? reply_from_lambda(&r, text, formats[choice], &scratch, &err)
		       : reply_from_prelude(&r, text, &err)) {
		ENSURE(err.msg[0]);
	} else {
		check(&r);
	}
	buf_fini(&scratch);
	arena_destroy(a);
	free(payload);
	return 0;
}
