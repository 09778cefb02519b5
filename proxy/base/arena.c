#include "proxy/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"

#define BLOCK_SIZE 4000

struct block {
	struct block *next;
	size_t used, cap;
	max_align_t data[];
};

struct disposer {
	struct disposer *next;
	void (*fn)(void *p);
	void *p;
};

struct arena {
	struct block *blocks; /* newest first; the last one is the first ever made */
	struct disposer *disposers;
};

static struct block *block_create(size_t cap)
{
	struct block *b = xrealloc(NULL, sizeof *b + cap);
	b->next = NULL;
	b->used = 0;
	b->cap = cap;
	return b;
}

struct arena *arena_create(void)
{
	struct arena *a = xalloc(sizeof *a);
	a->blocks = block_create(BLOCK_SIZE);
	return a;
}

static void run_disposers(struct arena *a)
{
	/* The nodes live in the arena; each runs once, newest first. */
	for (struct disposer *d = a->disposers; d; d = d->next) {
		d->fn(d->p);
	}
	a->disposers = NULL;
}

static void drop_blocks(struct block *b, const struct block *keep)
{
	while (b != keep) {
		struct block *next = b->next;
		free(b);
		b = next;
	}
}

void arena_destroy(struct arena *a)
{
	if (a) {
		run_disposers(a);
		drop_blocks(a->blocks, NULL);
		free(a);
	}
}

void arena_reset(struct arena *a)
{
	run_disposers(a);
	struct block *first = a->blocks;
	while (first->next) {
		first = first->next;
	}
	drop_blocks(a->blocks, first);
	first->used = 0;
	a->blocks = first;
}

void *arena_alloc(struct arena *a, size_t n)
{
	ENSURE(n < SIZE_MAX / 2);
	n = (n + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	struct block *b = a->blocks;
	if (b->cap - b->used < n) {
		b = block_create(n > BLOCK_SIZE ? n : BLOCK_SIZE);
		b->next = a->blocks;
		a->blocks = b;
	}
	void *p = (char *)b->data + b->used;
	b->used += n;
	return memset(p, 0, n);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = arena_alloc(a, n + 1);
	if (n) {
		memcpy(p, s, n);
	}
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

struct span arena_span(struct arena *a, struct span s)
{
	return span_n(arena_strndup(a, s.ptr, s.len), s.len);
}

char *arena_concat(struct arena *a, const struct span *parts, size_t n)
{
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		len += parts[i].len;
	}
	char *text = arena_alloc(a, len + 1);
	char *at = text;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].len) {
			memcpy(at, parts[i].ptr, parts[i].len);
		}
		at += parts[i].len;
	}
	return text;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	ENSURE(n >= 0);
	char *p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void arena_on_destroy(struct arena *a, void (*fn)(void *p), void *p)
{
	struct disposer *d = arena_alloc(a, sizeof *d);
	d->next = a->disposers;
	d->fn = fn;
	d->p = p;
	a->disposers = d;
}
