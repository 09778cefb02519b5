/* Reads JSON in one pass, without a tree: a body of megabytes is skipped over once and then unescaped
 * straight to where it goes; what is small and comes with each request costs no allocations. Unlike cJSON's trees, strings may hold NUL (\u0000).
 * Grammar: RFC 8259, nesting at most 64. Bytes above 0x7f in strings are passed as they are. */
#pragma once

#include "proxy/base/buf.h"

struct scan {
	const char *p, *end;
	char close; /* '}' or ']' */
	bool first;
	bool bad; /* the text is not JSON; only known once scan_next has returned false */
};

/* True if text is an object or an array, blanks around it allowed: then scan_next gives its parts. */
bool scan_open(struct scan *s, struct span text);
/* The next member or element: its quoted name (empty in an array) and its raw value. False at the end
 * or, with s->bad set, where the text is malformed (also after the closing bracket). */
bool scan_next(struct scan *s, struct span *name, struct span *value);
/* True if text is exactly one JSON value; *value is the value without blanks around it. */
bool scan_one(struct span text, struct span *value);

static inline bool scan_is_string(struct span value)
{
	return value.len >= 2 && value.ptr[0] == '"';
}

/* The quoted string's content if it needs no unescaping, else ptr NULL. */
struct span scan_plain(struct span quoted);
/* Appends the string's content. Lone surrogates become U+FFFD. */
void scan_unescape(struct buf *out, struct span quoted);
/* Only for scan_says: compares what may be equal. */
bool scan_compare(struct span quoted, struct span text);
/* True if the quoted string says exactly this (for member names: most differ in the first byte). */
static inline bool scan_says(struct span quoted, const char *text)
{
	char first = quoted.ptr[1];
	return (first == *text || first == '\\' || !*text) && scan_compare(quoted, span_of(text));
}
