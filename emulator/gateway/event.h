/* Builds the events that functions are invoked with, by appending to one buffer: payload 2.0 and 1.0 of
 * HTTP APIs (reference api-gateway.md sections 2 and 3), both formats of Lambda authorizers
 * (section 8) and, by event_input.function_url, function URLs (section 12). Pure: times and ids are
 * given. */
#pragma once

#include "emulator/auth/auth.h"
#include "emulator/gateway/route.h"

/* What an event says. All pointers are borrowed for the call; small copies go to http->arena. */
struct event_input {
	const struct http_request *http;
	const char *account, *api_id;
	const char *route_key; /* "GET /pets/{id}", "$default" */
	const char *resource; /* the route's path for payload 1.0, "$default" */
	const struct route_param *params;
	size_t n_params;
	const char *stage;
	const struct model_pair *variables;
	size_t n_variables;
	const char *request_id, *trace_id;
	int64_t now_ms;
	const struct auth_verdict *verdict; /* NULL: no authorizer */
	bool function_url;
};

/* Payload 2.0 or 1.0. */
void event_write(const struct event_input *in, bool v2, struct buf *out);
/* What a Lambda authorizer gets: arn is its routeArn / methodArn, sources the resolved values of its
 * identity sources. in->verdict is not used. */
void event_write_authorizer(const struct event_input *in, bool v2, struct span arn,
	const struct span *sources, size_t n_sources, struct buf *out);
#define EVENT_TRACE_LEN 48
/* The trace that the request belongs to: the one that its client began, or a new one. NUL-terminated. */
void event_trace_id(const struct http_request *http, int64_t now_ms, char out[EVENT_TRACE_LEN]);
/* True if a body of this content type is given as text, not base64 (2.3). ptr NULL: no header. */
bool event_body_is_text(struct span content_type);
/* x-forwarded-for as the integration sees it: the client's own, if any, then the peer. */
struct span event_forwarded_for(const struct http_request *http);
