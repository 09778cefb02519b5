/* What http_parse makes of some bytes, as text that does not depend on how they were cut:
 *   HEAD <method> <target> 1.<minor> <keep|close> <n headers>\n <name>=<value>\n ...
 *   BODY <bytes>\n END <n trailers>\n <name>=<value>\n ... BAD <fault> <detail>\n MORE\n */
#pragma once

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/net/http_parse.h"

static inline void transcript_headers(struct buf *out, const struct http_header *h, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_addf(out, " %.*s=%.*s\n", SPAN_ARG(h[i].name), SPAN_ARG(h[i].value));
	}
}

static inline void transcript_head(
	struct buf *out, const struct http_parse *p, const struct http_request *r)
{
	buf_addf(out, "HEAD %.*s %.*s 1.%d %s %zu\n", SPAN_ARG(r->method), SPAN_ARG(r->target),
		r->minor, p->keep_alive ? "keep" : "close", r->n_headers);
	transcript_headers(out, r->headers, r->n_headers);
}

/* Feeds `bytes` in pieces of `cut` bytes, each from memory of its own, and appends to `out`. */
static inline void transcript(
	struct buf *out, struct span bytes, size_t cut, size_t max_head, size_t max_body)
{
	struct http_parse p;
	http_parse_init(&p, max_head, max_body);
	struct http_request req = { .arena = arena_create() };
	bool in_body = false, bad = false;
	while (bytes.len && !bad) {
		size_t n = bytes.len < cut ? bytes.len : cut;
		char *piece = xstrndup(bytes.ptr, n); /* its own, so that a stray read shows */
		struct span in = span_n(piece, n);
		bytes = span_n(bytes.ptr + n, bytes.len - n);
		enum http_parse_event ev;
		while (!bad && (ev = http_parse_next(&p, &in, &req)) != HTTP_PARSE_MORE) {
			if (in_body && ev != HTTP_PARSE_BODY) {
				buf_add_char(out, '\n');
			}
			if (!in_body && ev == HTTP_PARSE_BODY) {
				buf_add_str(out, "BODY ");
			}
			in_body = ev == HTTP_PARSE_BODY;
			if (ev == HTTP_PARSE_HEAD) {
				transcript_head(out, &p, &req);
			} else if (ev == HTTP_PARSE_BODY) {
				buf_add_span(out, p.piece);
			} else if (ev == HTTP_PARSE_END) {
				buf_addf(out, "END %zu\n", p.n_trailers);
				transcript_headers(out, p.trailers, p.n_trailers);
				arena_reset(req.arena);
				req = (struct http_request){ .arena = req.arena };
			} else {
				buf_addf(out, "BAD %d %s\n", (int)p.fault, p.detail);
				bad = true;
			}
		}
		free(piece);
	}
	if (!bad) {
		buf_add_str(out, in_body ? "\nMORE\n" : "MORE\n");
	}
	arena_destroy(req.arena);
	http_parse_fini(&p);
}
