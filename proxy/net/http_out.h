/* Bytes on their way out: of a connection, or of an exchange whose turn to answer has not come.
 * Small pieces share a segment; a large body given whole is a segment of its own and is never
 * copied. */
#pragma once

#include <uv.h>

#include "proxy/base/buf.h"

struct http_out_segment;

struct http_out {
	struct http_out_segment *segments;
	unsigned n, cap;
	size_t written; /* bytes of the first segment that have left */
};

void http_out_fini(struct http_out *o);
/* Drops the bytes, keeps a little memory for the next answer. */
void http_out_clear(struct http_out *o);
/* A buffer to append to; valid until the next call with o. */
struct buf *http_out_tail(struct http_out *o);
/* Takes the memory of b, which is empty afterwards. */
void http_out_take(struct http_out *o, struct buf *b);
/* Moves all of `from` behind what is in o. */
void http_out_join(struct http_out *o, struct http_out *from);
size_t http_out_size(const struct http_out *o);
/* Some append did not fit: the bytes are not whole. */
bool http_out_broken(const struct http_out *o);
/* The first bytes still to be written, as at most max vectors; returns how many. */
unsigned http_out_vectors(const struct http_out *o, uv_buf_t *vectors, unsigned max);
/* n bytes have been written. */
void http_out_advance(struct http_out *o, size_t n);
