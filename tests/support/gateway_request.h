/* A struct http_request made from text, for tests without sockets. */
#pragma once

#include "proxy/net/http_server.h"

/* head: "Name: value" lines, each ended by a newline. All memory is the arena's. */
static inline struct http_request *make_request(struct arena *arena, const char *method,
	const char *target, const char *head, const char *body)
{
	struct http_request *r = arena_alloc(arena, sizeof *r);
	struct http_header *h = arena_alloc(arena, 8192 * sizeof *h);
	struct span rest = span_of(arena_strdup(arena, target));
	r->arena = arena;
	r->method = span_of(method);
	r->target = rest;
	r->path = span_cut(&rest, '?');
	r->query = rest;
	r->minor = 1;
	r->headers = h;
	struct span lines = span_of(arena_strdup(arena, head));
	while (lines.ptr && r->n_headers < 8192) {
		struct span value = span_cut(&lines, '\n');
		struct span name = span_cut(&value, ':');
		if (name.len) {
			h[r->n_headers++] = (struct http_header){ name, span_trim(value) };
		}
	}
	r->body = span_of(body);
	r->has_body = *body;
	memcpy(r->peer, "203.0.113.9", 12);
	return r;
}
