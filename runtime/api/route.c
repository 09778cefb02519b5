#include "runtime/api/route.h"

#include "proxy/base/alloc.h"

#define INVOCATION "/2018-06-01/runtime/invocation/"

static const struct {
	const char *method, *path;
	enum route_id id;
} fixed[] = {
	{ "GET", INVOCATION "next", ROUTE_NEXT },
	{ "POST", "/2018-06-01/runtime/init/error", ROUTE_INIT_ERROR },
	{ "GET", "/2018-06-01/ping", ROUTE_PING },
	{ "POST", "/2020-01-01/extension/register", ROUTE_REGISTER },
	{ "GET", "/2020-01-01/extension/event/next", ROUTE_EXTENSION_NEXT },
	{ "POST", "/2020-01-01/extension/init/error", ROUTE_EXTENSION_ERROR },
	{ "POST", "/2020-01-01/extension/exit/error", ROUTE_EXTENSION_ERROR },
	{ "PUT", "/2020-08-15/logs", ROUTE_LOGS },
	{ "PUT", "/2022-07-01/telemetry", ROUTE_TELEMETRY },
};

/* POST <INVOCATION><id>/response and .../error */
static struct route find_result(struct span path)
{
	struct route route = { ROUTE_NONE, { NULL, 0 } };
	struct span prefix = SPAN(INVOCATION);
	if (!span_starts(path, prefix)) {
		return route;
	}
	struct span rest = span_n(path.ptr + prefix.len, path.len - prefix.len);
	struct span id = span_cut(&rest, '/');
	if (id.len > 0 && rest.ptr && span_is(rest, "response")) {
		route = (struct route){ ROUTE_RESPONSE, id };
	} else if (id.len > 0 && rest.ptr && span_is(rest, "error")) {
		route = (struct route){ ROUTE_ERROR, id };
	}
	return route;
}

struct route route_find(struct span method, struct span path)
{
	if (span_is(method, "POST")) {
		struct route result = find_result(path);
		if (result.id != ROUTE_NONE) {
			return result;
		}
	}
	for (size_t i = 0; i < COUNT_OF(fixed); i++) {
		if (span_is(method, fixed[i].method) && span_is(path, fixed[i].path)) {
			return (struct route){ fixed[i].id, { NULL, 0 } };
		}
	}
	return (struct route){ ROUTE_NONE, { NULL, 0 } };
}
