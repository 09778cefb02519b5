/* Parameter mapping of HTTP_PROXY integrations (reference api-gateway.md 4.4): what is appended,
 * overwritten or removed on the way to the backend. Pure. */
#pragma once

#include "emulator/gateway/context.h"
#include "emulator/gateway/reply.h"

/* The backend request under construction. */
struct mapped_request {
	struct arena *arena;
	struct reply head; /* only its headers are used */
	struct span path; /* ptr NULL: the integration's own */
	struct http_header *query; /* raw text, still percent-encoded */
	size_t n_query, query_room;
};

/* Refuses keys that are no mapping and header names that the service does not let be mapped. */
int mapping_check(const struct model_mapping *m, struct err *err) MUST_CHECK;
/* Applies one mapping. `path` is the request's path without the stage. */
void mapping_apply(const struct model_mapping *m, const struct context *c, struct span path,
	struct mapped_request *out);
/* The text with its expressions replaced: $request.header.N, $request.querystring.N,
 * $request.path[.N], $request.body[.a.b], $context.N, $stageVariables.N, each also as ${...}. What has
 * no value is empty. */
struct span mapping_value(const char *text, const struct context *c, struct span path);
