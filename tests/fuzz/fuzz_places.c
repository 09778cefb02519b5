/* Whatever a compiler says is copied and searched for places. */
#include "runtime/bundle/places.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = BUF_INIT(64 * 1024), first = BUF_INIT(4096);
	places_copy(&out, &first, span_n((const char *)data, size), "/usr/include/linux",
		"/usr/include");
	buf_fini(&out);
	buf_fini(&first);
	return 0;
}
