#include "emulator/gateway/route_key.h"

#include "emulator/gateway/route.h"
#include "proxy/base/alloc.h"

#define MAX_SEGMENTS 256

static const char *const METHODS[] = { "ANY", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT",
	"DELETE" };

static bool known_method(struct span method)
{
	for (size_t i = 0; i < COUNT_OF(METHODS); i++) {
		if (span_is(method, METHODS[i])) {
			return true;
		}
	}
	return false;
}

enum route_segment route_segment_kind(struct span segment, struct span *name)
{
	if (span_find(segment, '{') < 0 && span_find(segment, '}') < 0) {
		return ROUTE_SEGMENT_LITERAL;
	}
	if (segment.len < 3 || segment.ptr[0] != '{' || segment.ptr[segment.len - 1] != '}') {
		return ROUTE_SEGMENT_BAD;
	}
	*name = span_n(segment.ptr + 1, segment.len - 2);
	bool greedy = name->ptr[name->len - 1] == '+';
	name->len -= greedy;
	if (!name->len || span_find(*name, '{') >= 0 || span_find(*name, '}') >= 0) {
		return ROUTE_SEGMENT_BAD;
	}
	return greedy ? ROUTE_SEGMENT_GREEDY : ROUTE_SEGMENT_PARAM;
}

static int check_segments(struct span key, struct span path, struct err *err)
{
	struct span rest = span_n(path.ptr + 1, path.len - 1);
	size_t segments = 0;
	size_t params = 0;
	while (rest.ptr) {
		struct span name;
		struct span segment = span_cut(&rest, '/');
		enum route_segment kind = route_segment_kind(segment, &name);
		if (kind == ROUTE_SEGMENT_BAD) {
			return err_set(err, ERR_INVALID,
				"route '%.*s': '%.*s' is no path segment: a parameter is a whole "
				"segment, {name} or {name+}",
				SPAN_ARG(key), SPAN_ARG(segment));
		}
		if (kind == ROUTE_SEGMENT_GREEDY && rest.ptr) {
			return err_set(err, ERR_INVALID,
				"route '%.*s': '%.*s' must be the last segment", SPAN_ARG(key),
				SPAN_ARG(segment));
		}
		params += kind != ROUTE_SEGMENT_LITERAL;
		if (++segments > MAX_SEGMENTS || params > ROUTE_MAX_PARAMS) {
			return err_set(err, ERR_LIMIT, "route '%.*s' has too many segments",
				SPAN_ARG(key));
		}
	}
	return 0;
}

int route_key_parse(struct span key, struct span *method, struct span *path, struct err *err)
{
	if (span_is(key, "$default")) {
		*method = *path = SPAN("");
		return 0;
	}
	struct span rest = key;
	*method = span_cut(&rest, ' ');
	if (!known_method(*method)) {
		return err_set(err, ERR_INVALID,
			"route '%.*s': the method must be ANY, GET, HEAD, OPTIONS, PATCH, POST, "
			"PUT "
			"or DELETE",
			SPAN_ARG(key));
	}
	if (!rest.ptr || !rest.len || rest.ptr[0] != '/') {
		return err_set(err, ERR_INVALID, "route '%.*s': the path must begin with '/'",
			SPAN_ARG(key));
	}
	if (rest.len > 1 && rest.ptr[rest.len - 1] == '/') {
		return err_set(err, ERR_INVALID, "route '%.*s': the path must not end in '/'",
			SPAN_ARG(key));
	}
	*path = rest;
	return check_segments(key, rest, err);
}
