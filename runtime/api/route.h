/* Which call of the Runtime, Extensions, Logs and Telemetry APIs a request line means (lambda.md 1.1, 8). */
#pragma once

#include "proxy/base/span.h"

enum route_id {
	ROUTE_NONE,
	ROUTE_NEXT,
	ROUTE_RESPONSE,
	ROUTE_ERROR,
	ROUTE_INIT_ERROR,
	ROUTE_PING,
	ROUTE_REGISTER,
	ROUTE_EXTENSION_NEXT,
	ROUTE_EXTENSION_ERROR,
	ROUTE_LOGS,
	ROUTE_TELEMETRY,
};

struct route {
	enum route_id id;
	struct span request_id; /* of ROUTE_RESPONSE and ROUTE_ERROR; borrowed from path */
};

/* Methods and paths are compared exactly; ROUTE_NONE for all others. */
struct route route_find(struct span method, struct span path);
