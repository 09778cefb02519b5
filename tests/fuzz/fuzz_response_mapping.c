/* response mapping: whatever a function returns becomes an answer that can be sent (a final status, header
 * lines that cannot be broken) or a refusal with a reason. The first byte chooses the format. */
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
	if (reply_from_lambda(&r, span_n(payload, size - 1), data[0] & 1, &scratch, &err)) {
		ENSURE(err.msg[0]);
	} else {
		check(&r);
	}
	buf_fini(&scratch);
	arena_destroy(a);
	free(payload);
	return 0;
}
