/* Which route of an API a request is for (reference api-gateway.md section 1). Routes stand in a tree
 * of path segments, so matching costs what the path's length costs, not what the number of routes
 * does. Pure: no I/O, no clock, no allocation while matching. */
#pragma once

#include "emulator/model/model.h"

#define ROUTE_MAX_PARAMS 32

struct route_table;

struct route_param {
	const char *name; /* of the model */
	struct span value; /* of the path, as received */
};

struct route_match {
	const struct model_route *route;
	struct route_param params[ROUTE_MAX_PARAMS];
	size_t n_params;
	unsigned steps; /* nodes visited and segments compared; for tests and curiosity */
};

/* The tree of an API's routes; NULL with err naming the route. The API must outlive it. */
struct route_table *route_table_create(const struct model_api *api, struct err *err) MUST_CHECK;
/* NULL is fine. */
void route_table_destroy(struct route_table *t);

/* The most specific route for the method and path (stage segment already taken off, no query): full
 * matches before greedy ones before $default; inside a class more literal segments, then a later greedy
 * segment; on one path the method itself before ANY. A path whose routes lack the method is no match,
 * there is no 405. False if there is none. */
bool route_match(
	const struct route_table *t, struct span method, struct span path, struct route_match *out);

/* The stage a path selects (1.2), with *rest the path without the stage's segment ("/" if nothing is
 * left); NULL if the API has neither a stage of that name nor $default. */
const struct model_stage *route_stage(
	const struct model_api *api, struct span path, struct span *rest);
