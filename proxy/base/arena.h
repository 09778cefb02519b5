/* Memory that goes in one call: a request's strings and lists, a model's structs. Things with a
 * duty beyond free (a json tree, a buf) register a disposer. Not for what outlives its owner. */
#pragma once

#include "proxy/base/span.h"

struct arena;

struct arena *arena_create(void);
/* Runs the disposers, last registered first, then frees everything. NULL is fine. */
void arena_destroy(struct arena *a);
/* As destroy followed by create, but keeps the first block: for an arena reused per request. */
void arena_reset(struct arena *a);
/* Zeroed, aligned for any type; lives until destroy or reset. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
/* NUL-terminated copy; the span's own length stays the truth for bytes with NULs in them. */
char *arena_strndup(struct arena *a, const char *s, size_t n) __attribute__((returns_nonnull));
struct span arena_span(struct arena *a, struct span s);
/* The parts one behind the other, NUL-terminated. */
char *arena_concat(struct arena *a, const struct span *parts, size_t n)
	__attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));
/* fn(p) runs when the arena goes. */
void arena_on_destroy(struct arena *a, void (*fn)(void *p), void *p);
