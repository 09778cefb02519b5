#include "proxy/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Most of the texts of a request fit, so that they are allocated once and do not grow. */
#define FIRST_CAP 256

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf)BUF_INIT(max);
}

void buf_fini(struct buf *b)
{
	if (b) {
		free(b->ptr);
		buf_init(b, b->max);
	}
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->overflow = false;
}

char *buf_grow(struct buf *b, size_t n)
{
	if (b->overflow || n > b->max || b->len > b->max - n) {
		b->overflow = true;
		return NULL;
	}
	/* One byte more than asked, so that buf_cstr never has to move a full buffer. */
	size_t cap = b->cap > FIRST_CAP / 2 ? b->cap * 2 : FIRST_CAP;
	while (cap < b->len + n + 1) {
		cap *= 2;
	}
	if (cap - 1 > b->max) {
		cap = b->max + 1;
	}
	b->ptr = xrealloc(b->ptr, cap);
	b->cap = cap;
	return b->ptr + b->len;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	char small[256];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	ENSURE(n >= 0);
	if ((size_t)n < sizeof small) {
		buf_add(b, small, (size_t)n);
		return;
	}
	char *to = buf_reserve(b, (size_t)n);
	if (to) {
		va_start(ap, fmt);
		vsnprintf(to, (size_t)n + 1, fmt, ap);
		va_end(ap);
		b->len += (size_t)n;
	}
}

void buf_add_u64(struct buf *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buf_add(b, digits + at, sizeof digits - at);
}

void buf_add_fixed2(struct buf *b, double value)
{
	uint64_t hundredths = value > 0 ? (uint64_t)(value * 100 + 0.5) : 0;
	buf_add_u64(b, hundredths / 100);
	buf_add(b,
		(char[]){ '.', (char)('0' + hundredths / 10 % 10), (char)('0' + hundredths % 10) },
		3);
}

void buf_consume(struct buf *b, size_t n)
{
	ENSURE(n <= b->len);
	if (n && n < b->len) {
		memmove(b->ptr, b->ptr + n, b->len - n);
	}
	b->len -= n;
}

const char *buf_cstr(struct buf *b)
{
	if (!b->ptr) {
		return "";
	}
	b->ptr[b->len] = '\0';
	return b->ptr;
}

char *buf_take(struct buf *b, size_t *len)
{
	if (!b->ptr) {
		b->ptr = xalloc(1);
		b->cap = 1;
	}
	char *p = b->ptr;
	p[b->len] = '\0';
	if (len) {
		*len = b->len;
	}
	buf_init(b, b->max);
	return p;
}
