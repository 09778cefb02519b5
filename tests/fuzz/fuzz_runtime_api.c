/* A handler process is no friend: any method and path it may send to its Runtime API. Input: "METHOD path". */
#include "proxy/base/alloc.h"
#include "runtime/api/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span path = span_n((const char *)data, size);
	struct span method = span_cut(&path, ' ');
	struct route r = route_find(method, path);
	bool is_result = r.id == ROUTE_RESPONSE || r.id == ROUTE_ERROR;
	ENSURE(is_result == (r.request_id.len > 0));
	ENSURE(!is_result ||
		(r.request_id.ptr > path.ptr && !memchr(r.request_id.ptr, '/', r.request_id.len)));
	return 0;
}
