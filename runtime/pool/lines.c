#include "runtime/pool/lines.h"

#define LINE_MAX_BYTES (256 * 1024)

void lines_init(
	struct lines *l, int stream, void (*fn)(void *ctx, int stream, struct span text), void *ctx)
{
	buf_init(&l->rest, LINE_MAX_BYTES + 1);
	l->stream = stream;
	l->fn = fn;
	l->ctx = ctx;
}

void lines_fini(struct lines *l)
{
	buf_fini(&l->rest);
}

void lines_flush(struct lines *l)
{
	if (l->rest.len > 0) {
		buf_add_char(&l->rest, '\n');
		struct buf text = l->rest;
		buf_init(&l->rest, LINE_MAX_BYTES + 1);
		l->fn(l->ctx, l->stream, buf_span(&text));
		buf_fini(&text);
	}
}

/* Keeps the start of a line, passing it on in pieces if it is longer than any line should be. */
static void keep(struct lines *l, struct span part)
{
	while (part.len > 0) {
		size_t room = LINE_MAX_BYTES - l->rest.len;
		size_t n = part.len < room ? part.len : room;
		buf_add(&l->rest, part.ptr, n);
		part = span_n(part.ptr + n, part.len - n);
		if (l->rest.len == LINE_MAX_BYTES) {
			lines_flush(l);
		}
	}
}

void lines_feed(struct lines *l, struct span bytes)
{
	const char *last = bytes.len ? memrchr(bytes.ptr, '\n', bytes.len) : NULL;
	if (!last) {
		keep(l, bytes);
		return;
	}
	size_t whole = (size_t)(last - bytes.ptr) + 1;
	if (l->rest.len > 0) {
		const char *first = memchr(bytes.ptr, '\n', whole);
		size_t n = (size_t)(first - bytes.ptr);
		keep(l, span_n(bytes.ptr, n));
		lines_flush(l);
		bytes = span_n(bytes.ptr + n + 1, bytes.len - n - 1);
		whole -= n + 1;
	}
	if (whole > 0) {
		l->fn(l->ctx, l->stream, span_n(bytes.ptr, whole));
	}
	keep(l, span_n(bytes.ptr + whole, bytes.len - whole));
}
