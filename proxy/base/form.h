/* application/x-www-form-urlencoded text, from a body or a query string (WHATWG URL, "urlencoded
 * parsing"; RFC 6749 appendix B). Strict: a malformed escape, a NUL or bytes that are not UTF-8 are
 * refused, since whoever sends them is not a form. */
#pragma once

#include "proxy/base/arena.h"

#define FORM_MAX_FIELDS 100

struct form_field {
	const char *name, *value;
};

struct form {
	struct form_field *fields; /* in order, repeats kept */
	size_t n;
};

/* Fills out with decoded strings in the arena; false if the text is no form or has more than
 * FORM_MAX_FIELDS fields, then out is empty. */
bool form_parse(struct form *out, struct span text, struct arena *arena)
	__attribute__((warn_unused_result));
/* The first value of that name; NULL if there is none. */
const char *form_get(const struct form *form, const char *name);
