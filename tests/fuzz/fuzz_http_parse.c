/* http_parse: the same events whatever the cut, and nothing read outside the pieces. */
#include <stddef.h>
#include <stdint.h>

#include "parse_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1) {
		return 0;
	}
	struct span bytes = span_n((const char *)data + 1, size - 1);
	size_t cuts[] = { size, 1, (size_t)data[0] + 1 };
	struct buf whole = BUF_INIT(1 << 24);
	transcript(&whole, bytes, cuts[0], 2048, 512);
	for (size_t i = 1; i < COUNT_OF(cuts); i++) {
		struct buf again = BUF_INIT(1 << 24);
		transcript(&again, bytes, cuts[i], 2048, 512);
		ENSURE(span_eq(buf_span(&again), buf_span(&whole)));
		buf_fini(&again);
	}
	buf_fini(&whole);
	return 0;
}
