/* A growing byte buffer with the size it may never pass given at birth. An append that would
 * pass it sets `overflow` and drops the bytes; callers build freely and check once at the end.
 * The struct is public so that it can be embedded; ptr may be NULL while empty. */
#pragma once

#include "proxy/base/alloc.h"
#include "proxy/base/span.h"

/* cap is at most max + 1, so what fits into cap needs no look at max. */
struct buf {
	char *ptr;
	size_t len;
	size_t cap;
	size_t max;
	bool overflow;
};

#define BUF_INIT(limit)                    \
	{                                  \
		NULL, 0, 0, (limit), false \
	}

void buf_init(struct buf *b, size_t max);
/* Frees the memory; the buffer may be used again with the same maximum. NULL-safe. */
void buf_fini(struct buf *b);
/* Empties, keeps memory and clears overflow. */
void buf_clear(struct buf *b);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_add_u64(struct buf *b, uint64_t value);
#define BUF_U64_SIZE 21 /* where buf_on has room for any */
/* As "%.2f", for what is not negative and below 10^15; several times as fast. */
void buf_add_fixed2(struct buf *b, double value);
/* Only for buf_reserve: moves to where n more bytes have room. */
char *buf_grow(struct buf *b, size_t n);
/* Drops n bytes from the front (moves the rest down). */
void buf_consume(struct buf *b, size_t n);
/* Moves the memory out; b is empty afterwards. The caller frees. NUL-terminated (not counted). */
char *buf_take(struct buf *b, size_t *len);
/* NUL-terminated view of the content, valid until the next change. */
const char *buf_cstr(struct buf *b);

static inline struct span buf_span(const struct buf *b)
{
	return (struct span){ b->ptr, b->len };
}

/* A buffer on the caller's `size` bytes, for size - 1 of content at most: it never moves and needs no buf_fini. */
static inline struct buf buf_on(char *place, size_t size)
{
	return (struct buf){ place, 0, size, size - 1, false };
}

/* Appending where there is room is a few instructions in its caller: a request does it hundreds of times. */

/* Room for n more bytes: returns where they go (then buf_commit), or NULL on overflow. */
static inline char *buf_reserve(struct buf *b, size_t n)
{
	bool fits = !b->overflow && n < b->cap - b->len;
	return __builtin_expect(fits, true) ? b->ptr + b->len : buf_grow(b, n);
}

static inline void buf_commit(struct buf *b, size_t n)
{
	ENSURE(b->len + n < b->cap);
	b->len += n;
}

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = n ? buf_reserve(b, n) : NULL;
	if (to) {
		memcpy(to, p, n);
		b->len += n;
	}
}

static inline void buf_add_span(struct buf *b, struct span s)
{
	buf_add(b, s.ptr, s.len);
}

static inline void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

static inline void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}
