/* A request from its text, for tests without sockets: "GET /x HTTP/1.1\nHost: a\n\nbody". Header
 * lines that start with a blank continue the one before, as the published vectors have them. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/net/http_server.h"

#define REQUEST_HEADERS_MAX 64

static inline struct span next_line(struct span *rest)
{
	struct span line = span_cut(rest, '\n');
	if (line.len && line.ptr[line.len - 1] == '\r') {
		line.len--;
	}
	return line;
}

static inline void request_target(struct http_request *r, struct span target)
{
	r->target = target;
	r->path = span_cut(&target, '?');
	r->query = target;
}

/* Takes the request line apart at its first and last space: the vectors' paths hold spaces. */
static inline struct http_request *request_parse(struct arena *arena, struct span text)
{
	struct http_request *r = arena_alloc(arena, sizeof *r);
	struct http_header *headers = arena_alloc(arena, REQUEST_HEADERS_MAX * sizeof *headers);
	r->arena = arena;
	r->minor = 1;
	r->headers = headers;
	memcpy(r->peer, "127.0.0.1", 10);
	struct span rest = arena_span(arena, text);
	struct span line = next_line(&rest);
	r->method = span_cut(&line, ' ');
	size_t end = line.len;
	while (end > 0 && line.ptr[end - 1] != ' ') {
		end--;
	}
	assert_true(end > 0);
	request_target(r, span_n(line.ptr, end - 1));
	while (rest.ptr) {
		line = next_line(&rest);
		if (line.len == 0) {
			break;
		}
		if (line.ptr[0] == ' ' || line.ptr[0] == '\t') {
			struct http_header *last = &headers[r->n_headers - 1];
			struct span more = span_trim(line);
			last->value = span_of(arena_printf(
				arena, "%.*s %.*s", SPAN_ARG(last->value), SPAN_ARG(more)));
			continue;
		}
		assert_true(r->n_headers < REQUEST_HEADERS_MAX);
		struct span value = line;
		struct span name = span_cut(&value, ':');
		headers[r->n_headers++] = (struct http_header){ name, span_trim(value) };
	}
	r->body = rest.ptr ? rest : (struct span){ NULL, 0 };
	r->has_body = r->body.len > 0;
	return r;
}

/* A further header; the request came from request_parse. */
static inline void request_add(struct http_request *r, const char *name, const char *value)
{
	struct http_header *headers = arena_alloc(r->arena, (r->n_headers + 1) * sizeof *headers);
	memcpy(headers, r->headers, r->n_headers * sizeof *headers);
	headers[r->n_headers++] = (struct http_header){ span_of(name), span_of(value) };
	r->headers = headers;
}
