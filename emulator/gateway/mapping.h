/* Parameter mapping of integrations (reference api-gateway.md 4.4): what is appended, overwritten or
 * removed on the way to the backend, and on the way back. Pure. */
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

/* Refuse keys that are no mapping of that direction, header names that the service does not let be
 * mapped, and a fixed status code that is none. */
int mapping_check_request(const struct model_mapping *m, struct err *err) MUST_CHECK;
int mapping_check_response(const struct model_mapping *m, struct err *err) MUST_CHECK;
/* Some value is read from the body of the request or of the answer. */
bool mapping_reads_body(const struct model_mappings *all);

/* For a request as it came: its query in pieces, with room for what `all` may add, and no headers yet. */
void mapped_request_init(struct mapped_request *m, const struct http_request *http,
	const struct model_mappings *all);
/* The query's text, without '?'; ptr NULL if it is empty. In the arena. */
struct span mapped_request_query(const struct mapped_request *m);

/* `path` is the request's path without the stage. Values: $request.header.N, $request.querystring.N,
 * $request.path[.N], $request.body[.a.b], $context.N, $stageVariables.N, each also as ${...}. What
 * has no value is empty. */
void mapping_apply_request(const struct model_mappings *all, const struct context *c,
	struct span path, struct mapped_request *out);
/* The request as a function is told of it: a copy with what the mappings make of headers, path and query.
 * In the arena. That they reach a function's event, and how, is unconfirmed: what it sees is what a URL
 * would. */
const struct http_request *mapping_request(
	const struct model_mappings *all, const struct context *c, struct span path);
/* On the integration's answer, whose body is only read. Values: $response.header.N,
 * $response.body[.a.b], $context.N, $stageVariables.N. All are read from the answer as it came. A
 * status that is none leaves the integration's. */
void mapping_apply_response(
	const struct model_mappings *all, const struct context *c, struct reply *r);
