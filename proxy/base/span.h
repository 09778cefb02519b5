/* A borrowed view of bytes: not NUL-terminated, valid for the call only unless the header that
 * hands it out says longer. An empty span may have a NULL ptr. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *ptr;
	size_t len;
};

#define SPAN(literal) ((struct span){ "" literal, sizeof(literal) - 1 })
/* For printf("%.*s", SPAN_ARG(s)). */
#define SPAN_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct span span_of(const char *s)
{
	return (struct span){ s, s ? strlen(s) : 0 };
}

static inline struct span span_n(const char *p, size_t n)
{
	return (struct span){ p, n };
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_is(struct span a, const char *s)
{
	return span_eq(a, span_of(s));
}

/* Copies the text and a NUL behind it to *at, which moves behind both: several texts in one piece of memory. */
static inline struct span span_pack(char **at, struct span text)
{
	char *copy = *at;
	if (text.len) {
		memcpy(copy, text.ptr, text.len);
	}
	copy[text.len] = '\0';
	*at += text.len + 1;
	return span_n(copy, text.len);
}

/* ASCII case-insensitive, for header names, schemes and hosts; no locale. */
bool span_ieq(struct span a, struct span b);
static inline bool span_iis(struct span a, const char *s)
{
	return a.len == strlen(s) && span_ieq(a, span_of(s));
}
bool span_starts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);
/* Index of the first c, or -1. */
ptrdiff_t span_find(struct span s, char c);
/* Cuts s at the first sep: returns what stood before it and leaves the rest in *s. Without a
 * separator returns all of it and leaves *s with ptr NULL, which also marks the end of a loop:
 *   struct span rest = ...; while (rest.ptr) { struct span part = span_cut(&rest, ','); ... } */
struct span span_cut(struct span *s, char sep);
/* Without spaces and tabs at both ends. */
struct span span_trim(struct span s);
/* Decimal digits only, no sign, at most max; false leaves *out alone. */
bool span_u64(struct span s, uint64_t max, uint64_t *out);
/* Byte order; a shorter prefix sorts first. */
int span_cmp(struct span a, struct span b);
