/* An agent's word for how an invocation ended: RESULT's meta (proxy/wire/messages.h). */
#include <stdlib.h>

#include "emulator/lambda/invocation.h"
#include "proxy/base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own size, so that a read past its end is seen. */
	AUTO_FREE char *meta = xstrndup((const char *)data, size);
	meta = xrealloc(meta, size);
	struct invocation *inv =
		invocation_open(&(struct lambda_call){ .function = "f", .request_id = "id" }, NULL);
	struct invocation_result result;
	invocation_read_result(inv, span_n(meta, size), SPAN("{}"), &result);
	const struct lambda_result *r = &result.r;
	ENSURE(r->outcome == LAMBDA_OK || r->outcome == LAMBDA_FUNCTION_ERROR);
	ENSURE(r->outcome != LAMBDA_OK || (!*r->error_type && r->payload.len == 2));
	ENSURE(strlen(r->detail) <= size && r->duration_ms >= 0);
	ENSURE(r->log_tail.len <= LAMBDA_LOG_TAIL);
	invocation_result_fini(&result);
	invocation_free(inv);
	return 0;
}
