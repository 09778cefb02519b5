#include "emulator/lambda/function_name.h"

#include <ctype.h>

#define PATTERN                                                                                  \
	"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{" \
	"12}:)?"                                                                                 \
	"(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"

static bool word(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (!isalnum((unsigned char)c) && c != '-' && c != '_') {
			return false;
		}
	}
	return s.len > 0;
}

static bool digits(struct span s, size_t n)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!isdigit((unsigned char)s.ptr[i])) {
			return false;
		}
	}
	return s.len == n;
}

/* xx-word-N, e.g. us-east-1 */
static bool region_like(struct span s)
{
	return s.len > 5 && s.ptr[2] == '-' && s.ptr[s.len - 2] == '-' &&
	       isdigit((unsigned char)s.ptr[s.len - 1]) && word(s);
}

/* Cuts the next part off; false, and nothing cut, if it is the last. */
static bool take(struct span *s, struct span *part)
{
	struct span rest = *s;
	*part = span_cut(&rest, ':');
	if (!rest.ptr) {
		return false;
	}
	*s = rest;
	return true;
}

static bool split(struct span s, struct span *region, struct span *name, struct span *qualifier)
{
	struct span part, before;
	*region = *qualifier = (struct span){ NULL, 0 };
	if (span_starts(s, SPAN("arn:aws:lambda:"))) {
		s = span_n(s.ptr + 15, s.len - 15);
	}
	before = s;
	if (take(&s, &part) && region_like(part)) {
		*region = part;
	} else {
		s = before;
	}
	before = s;
	if (!take(&s, &part) || !digits(part, 12)) {
		s = before;
	}
	if (span_starts(s, SPAN("function:"))) {
		s = span_n(s.ptr + 9, s.len - 9);
	}
	*name = span_cut(&s, ':');
	*qualifier = s;
	return word(*name) && (!s.ptr || word(s) || span_is(s, "$LATEST"));
}

static bool refuse(
	struct function_name_fault *fault, int status, const char *type, const char *message)
{
	*fault = (struct function_name_fault){ status, type, message };
	return false;
}

static bool known_qualifier(const struct model_function *f, const char *qualifier)
{
	for (size_t i = 0; i < f->qualifiers.n; i++) {
		if (strcmp(f->qualifiers.at[i], qualifier) == 0) {
			return true;
		}
	}
	return strcmp(qualifier, "$LATEST") == 0;
}

/* For convenience the handler as the developer wrote it is a name, too (design 4). */
static bool by_handler(
	const struct model *m, struct span text, struct arena *arena, struct function_name *out)
{
	if (span_find(text, '/') < 0 && span_find(text, '.') < 0) {
		return false;
	}
	out->function = model_function(m, arena_strndup(arena, text.ptr, text.len));
	out->name = out->function ? out->function->name : "";
	return out->function != NULL;
}

bool function_name_parse(const struct model *m, struct span text, const char *qualifier,
	struct arena *arena, struct function_name *out, struct function_name_fault *fault)
{
	struct span region, name, own;
	*out = (struct function_name){ .name = "", .qualifier = qualifier };
	if (by_handler(m, text, arena, out)) {
		return true;
	}
	if (text.len > 256 || !split(text, &region, &name, &own)) {
		return refuse(fault, 400, "ValidationException",
			arena_printf(arena,
				"1 validation error detected: Value '%.*s' at 'functionName' "
				"failed to satisfy "
				"constraint: Member must satisfy regular expression "
				"pattern: " PATTERN,
				SPAN_ARG(text)));
	}
	if (own.ptr && qualifier && !span_is(own, qualifier)) {
		return refuse(fault, 400, "InvalidParameterValueException",
			"The derived qualifier from the function name does not match the specified "
			"qualifier.");
	}
	out->name = arena_strndup(arena, name.ptr, name.len);
	out->qualifier = own.ptr ? arena_strndup(arena, own.ptr, own.len) : qualifier;
	if (region.ptr && !span_is(region, m->region)) {
		return refuse(fault, 404, "ResourceNotFoundException",
			arena_printf(arena,
				"Functions from '%.*s' are not reachable in this region ('%s')",
				SPAN_ARG(region), m->region));
	}
	out->function = model_function(m, out->name);
	if (out->function && out->qualifier && !known_qualifier(out->function, out->qualifier)) {
		return refuse(fault, 404, "ResourceNotFoundException",
			arena_printf(arena, "Cannot find alias arn: %s:%s", out->function->arn,
				out->qualifier));
	}
	return true;
}
