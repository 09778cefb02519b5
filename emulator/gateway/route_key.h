/* Route keys as they are declared (reference api-gateway.md 1.1). Pure. */
#pragma once

#include "proxy/base/err.h"
#include "proxy/base/span.h"

/* Checks "METHOD /path" or "$default" and splits it; method and path are empty for $default. Methods
 * are those of 1.1; {name} is a whole segment, {name+} the last one, no slash at the end. */
int route_key_parse(
	struct span key, struct span *method, struct span *path, struct err *err) MUST_CHECK;

enum route_segment {
	ROUTE_SEGMENT_LITERAL,
	ROUTE_SEGMENT_PARAM,
	ROUTE_SEGMENT_GREEDY,
	ROUTE_SEGMENT_BAD
};

/* What one segment of a route's path is; *name is a parameter's name. */
enum route_segment route_segment_kind(struct span segment, struct span *name);
