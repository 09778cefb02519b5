#include "emulator/lambda/function_name.h"

#include <ctype.h>

#define PATTERN                                                                                  \
	"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{" \
	"12}:)?"                                                                                 \
	"(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"

#define QUALIFIER_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789$-_"

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

/* arn:PARTITION:lambda: with any partition of AWS's ("aws", "aws-cn", "aws-us-gov"). */
static void skip_arn(struct span *s)
{
	struct span rest = *s, arn, partition, service;
	if (take(&rest, &arn) && span_is(arn, "arn") && take(&rest, &partition) &&
		span_starts(partition, SPAN("aws")) && word(partition) && take(&rest, &service) &&
		span_is(service, "lambda")) {
		*s = rest;
	}
}

/* The account is not looked at: whoever names another one in an ARN (that of his deployed app) means the
 * function here all the same. */
static bool split(struct span s, struct span *region, struct span *name, struct span *qualifier)
{
	struct span part, before;
	*region = *qualifier = (struct span){ NULL, 0 };
	skip_arn(&s);
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

bool function_name_is_version(const char *qualifier)
{
	uint64_t number;
	return span_u64(span_of(qualifier), UINT64_MAX, &number);
}

/* [a-zA-Z0-9$_-]+, at most 128 (5.2) */
static bool qualifier_like(const char *qualifier)
{
	size_t n = strlen(qualifier);
	return n <= 128 && strspn(qualifier, QUALIFIER_CHARACTERS) == n;
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

/* For convenience the handler as the developer wrote it is a name, too (design 4). A name has neither
 * slash nor point, so that one cannot be taken for the other. */
static bool handler_like(struct span text)
{
	return (span_find(text, '/') >= 0 || span_find(text, '.') >= 0) &&
	       span_find(text, '\0') < 0;
}

/* Two functions of one handler, for the answer that it is no name then; false if there are not two. */
static bool shared_handler(
	const struct model *m, struct span text, const char **one, const char **another)
{
	*one = *another = NULL;
	for (size_t i = 0; i < m->n_functions && !*another; i++) {
		if (span_is(text, m->functions[i].shown_handler)) {
			*another = *one ? m->functions[i].name : NULL;
			*one = *one ? *one : m->functions[i].name;
		}
	}
	return *another != NULL;
}

static bool refuse_value(struct function_name_fault *fault, struct arena *arena, struct span value,
	const char *member, const char *constraint)
{
	return refuse(fault, 400, "ValidationException",
		arena_printf(arena,
			"1 validation error detected: Value '%.*s' at '%s' failed to satisfy "
			"constraint: Member must %s",
			SPAN_ARG(value), member, constraint));
}

/* What the request's own text says, whatever functions there are. */
static bool check_text(struct span text, const char *qualifier, size_t max, struct arena *arena,
	struct span *region, struct span *name, struct span *own, struct function_name_fault *fault)
{
	if (text.len > max) {
		return refuse_value(fault, arena, text, "functionName",
			arena_printf(arena, "have length less than or equal to %zu", max));
	}
	if (!split(text, region, name, own)) {
		return refuse_value(fault, arena, text, "functionName",
			"satisfy regular expression pattern: " PATTERN);
	}
	if (qualifier && !qualifier_like(qualifier)) {
		return refuse_value(fault, arena, span_of(qualifier), "qualifier",
			"satisfy regular expression pattern: (|[a-zA-Z0-9$_-]+)");
	}
	if (own->ptr && qualifier && !span_is(*own, qualifier)) {
		return refuse(fault, 400, "InvalidParameterValueException",
			"The derived qualifier from the function name does not match the specified "
			"qualifier.");
	}
	return true;
}

/* An alias that is not there is told as such; a version that is not (unconfirmed) like a function. */
static bool check_qualifier(
	struct function_name *out, struct arena *arena, struct function_name_fault *fault)
{
	if (!out->function || !out->qualifier || known_qualifier(out->function, out->qualifier)) {
		return true;
	}
	if (function_name_is_version(out->qualifier)) {
		out->function = NULL;
		return true;
	}
	return refuse(fault, 404, "ResourceNotFoundException",
		arena_printf(
			arena, "Cannot find alias arn: %s:%s", out->function->arn, out->qualifier));
}

bool function_name_parse(const struct model *m, struct span text, const char *qualifier, size_t max,
	struct arena *arena, struct function_name *out, struct function_name_fault *fault)
{
	struct span region, name, own;
	*out = (struct function_name){ .name = "", .qualifier = qualifier };
	const char *one, *another;
	if (handler_like(text)) {
		out->function = model_function(m, arena_strndup(arena, text.ptr, text.len));
		out->name = out->function ? out->function->name : "";
	}
	if (out->function) {
		return check_qualifier(out, arena, fault);
	}
	if (shared_handler(m, text, &one, &another)) {
		return refuse(fault, 400, "InvalidParameterValueException",
			arena_printf(arena,
				"'%.*s' is the handler of several functions, among them %s and "
				"%s: call one by its name",
				SPAN_ARG(text), one, another));
	}
	if (!check_text(text, qualifier, max, arena, &region, &name, &own, fault)) {
		return false;
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
	return check_qualifier(out, arena, fault);
}
