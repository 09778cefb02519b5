#include "proxy/net/http_out.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"

/* A shared segment is not appended to beyond this, so that growing never moves much. */
#define SEGMENT_FULL (64 * 1024)
/* No answer is larger; reaching it breaks the connection. */
#define SEGMENT_MAX ((size_t)1 << 30)
/* What a quiet connection keeps. */
#define KEEP_MAX (16 * 1024)

struct http_out_segment {
	struct buf bytes;
	bool sealed; /* taken whole: appending would move it */
};

static struct http_out_segment *add_segment(struct http_out *o)
{
	if (o->n == o->cap) {
		o->cap = o->cap ? o->cap * 2 : 4;
		o->segments = xrealloc(o->segments, o->cap * sizeof *o->segments);
	}
	struct http_out_segment *s = &o->segments[o->n++];
	s->sealed = false;
	buf_init(&s->bytes, SEGMENT_MAX);
	return s;
}

void http_out_fini(struct http_out *o)
{
	/* A cleared queue still owns the memory of its first segment, which n = 1 covers. */
	for (unsigned i = 0; i < o->n; i++) {
		buf_fini(&o->segments[i].bytes);
	}
	free(o->segments);
	*o = (struct http_out){ 0 };
}

void http_out_clear(struct http_out *o)
{
	o->written = 0;
	if (o->n == 0) {
		return;
	}
	struct http_out_segment *first = &o->segments[0];
	unsigned keep = !first->sealed && first->bytes.cap <= KEEP_MAX;
	for (unsigned i = keep; i < o->n; i++) {
		buf_fini(&o->segments[i].bytes);
	}
	o->n = keep;
	if (keep) {
		buf_clear(&first->bytes);
	}
}

struct buf *http_out_tail(struct http_out *o)
{
	struct http_out_segment *s = o->n ? &o->segments[o->n - 1] : NULL;
	if (!s || s->sealed || s->bytes.len >= SEGMENT_FULL) {
		s = add_segment(o);
	}
	return &s->bytes;
}

void http_out_take(struct http_out *o, struct buf *b)
{
	struct http_out_segment *s = add_segment(o);
	s->bytes = *b;
	s->sealed = true;
	buf_init(b, b->max);
}

void http_out_join(struct http_out *o, struct http_out *from)
{
	for (unsigned i = 0; i < from->n; i++) {
		struct http_out_segment *s = &from->segments[i];
		if (s->sealed || s->bytes.overflow || s->bytes.len > KEEP_MAX) {
			bool overflow = s->bytes.overflow;
			http_out_take(o, &s->bytes);
			o->segments[o->n - 1].bytes.overflow = overflow;
		} else {
			buf_add_span(http_out_tail(o), buf_span(&s->bytes));
		}
	}
	http_out_clear(from);
}

size_t http_out_size(const struct http_out *o)
{
	size_t size = 0;
	for (unsigned i = 0; i < o->n; i++) {
		size += o->segments[i].bytes.len;
	}
	return size - o->written;
}

bool http_out_broken(const struct http_out *o)
{
	for (unsigned i = 0; i < o->n; i++) {
		if (o->segments[i].bytes.overflow) {
			return true;
		}
	}
	return false;
}

unsigned http_out_vectors(const struct http_out *o, uv_buf_t *vectors, unsigned max)
{
	unsigned n = 0;
	size_t skip = o->written;
	for (unsigned i = 0; i < o->n && n < max; i++, skip = 0) {
		const struct buf *b = &o->segments[i].bytes;
		if (b->len > skip) {
			vectors[n++] = uv_buf_init(b->ptr + skip, (unsigned)(b->len - skip));
		}
	}
	return n;
}

void http_out_advance(struct http_out *o, size_t n)
{
	o->written += n;
	unsigned done = 0;
	while (done < o->n && o->written >= o->segments[done].bytes.len && done + 1 < o->n) {
		o->written -= o->segments[done].bytes.len;
		buf_fini(&o->segments[done++].bytes);
	}
	if (done) {
		o->n -= done;
		memmove(o->segments, o->segments + done, o->n * sizeof *o->segments);
	}
	if (o->n == 1 && o->written >= o->segments[0].bytes.len) {
		http_out_clear(o);
	}
}
