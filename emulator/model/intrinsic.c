#include "emulator/model/intrinsic.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

struct scope scope_root(struct template_stack *stack, struct template_resource *owner,
	const char *what, struct err *err)
{
	return (struct scope){ .stack = stack, .owner = owner, .member = what, .err = err };
}

struct scope scope_member(const struct scope *up, const char *member)
{
	struct scope s = *up;
	s.up = up;
	s.member = member;
	s.depth++;
	return s;
}

struct scope scope_item(const struct scope *up, size_t index)
{
	struct scope s = scope_member(up, NULL);
	s.index = index;
	return s;
}

static void add_path(struct buf *out, const struct scope *s)
{
	if (s->up) {
		add_path(out, s->up);
	}
	if (s->member) {
		buf_addf(out, "%s%s", s->up ? "." : "", s->member);
	} else {
		buf_addf(out, "[%zu]", s->index);
	}
}

int scope_fault(const struct scope *s, const char *fmt, ...)
{
	struct buf text = BUF_INIT(4096);
	va_list ap;
	va_start(ap, fmt);
	char message[256];
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	buf_addf(&text, "stack '%s', ", s->stack->name);
	if (s->owner) {
		buf_addf(&text, "resource '%s', ", s->owner->logical_id);
	}
	add_path(&text, s);
	int rc = err_set(s->err, ERR_INVALID, "%s: %s", buf_cstr(&text), message);
	buf_fini(&text);
	return rc;
}

static int count_work(const struct scope *s)
{
	if (s->depth > TEMPLATE_MAX_DEPTH) {
		return scope_fault(s, "references nest deeper than %d", TEMPLATE_MAX_DEPTH);
	}
	if (++s->stack->set->work > TEMPLATE_MAX_WORK) {
		return scope_fault(s, "the template grows too large");
	}
	return 0;
}

/* Text may double with each reference, so what it costs is counted by its length too. */
static int make_text(const struct scope *s, struct buf *text, cJSON **out)
{
	s->stack->set->work += text->len / 64;
	if (text->overflow) {
		return scope_fault(s, "text is larger than %d bytes", TEMPLATE_MAX_TEXT);
	}
	*out = cJSON_CreateString(buf_cstr(text));
	return 0;
}

static bool add_scalar(struct buf *out, const cJSON *value)
{
	if (cJSON_IsString(value)) {
		buf_add_str(out, value->valuestring);
	} else if (cJSON_IsNumber(value) || cJSON_IsBool(value)) {
		json_add_tree(out, value);
	} else {
		return false;
	}
	return true;
}

static int eval_into(const struct scope *s, const cJSON *node, struct buf *out)
{
	AUTO_JSON cJSON *value = NULL;
	int rc = intrinsic_eval(s, node, &value);
	if (rc == 0 && !add_scalar(out, value)) {
		rc = scope_fault(s, "must be text");
	}
	return rc;
}

int intrinsic_text(const struct scope *s, const cJSON *node, char **out)
{
	struct buf text = BUF_INIT(TEMPLATE_MAX_TEXT);
	int rc = eval_into(s, node, &text);
	if (rc == 0) {
		*out = xstrdup(buf_cstr(&text));
	}
	buf_fini(&text);
	return rc;
}

/* The arguments of a function, evaluated: a list of min..max items. */
static int eval_list(const struct scope *s, const cJSON *node, int min, int max, cJSON **out)
{
	AUTO_JSON cJSON *list = NULL;
	int rc = intrinsic_eval(s, node, &list);
	if (rc) {
		return rc;
	}
	int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : -1;
	if (n < min || n > max) {
		return min == max ? scope_fault(s, "takes a list of %d items", min)
				  : scope_fault(s, "takes a list of %d to %d items", min, max);
	}
	*out = TAKE(list);
	return 0;
}

static int fn_ref(const struct scope *s, const cJSON *arg, cJSON **out)
{
	if (!cJSON_IsString(arg)) {
		return scope_fault(s, "takes the name of a resource or parameter");
	}
	return template_ref(s, arg->valuestring, out);
}

/* "Id.Attribute" or ["Id", "Attribute"]; attributes may hold dots themselves ("Endpoint.Address"). */
static int fn_getatt(const struct scope *s, const cJSON *arg, cJSON **out)
{
	if (cJSON_IsString(arg)) {
		struct span attribute = span_of(arg->valuestring);
		struct span id = span_cut(&attribute, '.');
		if (!attribute.ptr) {
			return scope_fault(s, "'%s' names no attribute", arg->valuestring);
		}
		AUTO_FREE char *name = xstrndup(id.ptr, id.len);
		return template_attribute(s, name, attribute.ptr, out);
	}
	AUTO_JSON cJSON *list = NULL;
	int rc = eval_list(s, arg, 2, 2, &list);
	if (rc) {
		return rc;
	}
	const char *id = json_value(list->child);
	const char *attribute = json_value(list->child->next);
	if (!id || !attribute) {
		return scope_fault(s, "takes a logical id and the name of an attribute");
	}
	return template_attribute(s, id, attribute, out);
}

/* One ${...} of Fn::Sub: a variable of the call, "Id.Attribute" or what Ref takes. */
static int sub_value(
	const struct scope *s, const cJSON *variables, struct span name, struct buf *out)
{
	AUTO_FREE char *text = xstrndup(name.ptr, name.len);
	cJSON *variable = json_get(variables, text);
	if (variable) {
		struct scope at = scope_member(s, text);
		return eval_into(&at, variable, out);
	}
	AUTO_JSON cJSON *value = NULL;
	char *dot = strchr(text, '.');
	int rc;
	if (dot) {
		*dot = '\0';
		rc = template_attribute(s, text, dot + 1, &value);
	} else {
		rc = template_ref(s, text, &value);
	}
	if (rc == 0 && !add_scalar(out, value)) {
		rc = scope_fault(s, "'${%.*s}' is no text", SPAN_ARG(name));
	}
	return rc;
}

static int substitute(
	const struct scope *s, const char *pattern, const cJSON *variables, struct buf *out)
{
	const char *at = pattern;
	for (const char *open = strstr(at, "${"); open; open = strstr(at, "${")) {
		const char *close = strchr(open, '}');
		if (!close) {
			break;
		}
		buf_add(out, at, (size_t)(open - at));
		if (open[2] == '!') {
			/* ${!Name} is the way to write ${Name} itself. */
			buf_add_str(out, "${");
			buf_add(out, open + 3, (size_t)(close - open - 2));
		} else {
			struct span name = span_trim(span_n(open + 2, (size_t)(close - open - 2)));
			int rc = sub_value(s, variables, name, out);
			if (rc) {
				return rc;
			}
		}
		at = close + 1;
	}
	buf_add_str(out, at);
	return 0;
}

static int fn_sub(const struct scope *s, const cJSON *arg, cJSON **out)
{
	const cJSON *pattern = cJSON_IsArray(arg) ? arg->child : arg;
	const cJSON *variables = cJSON_IsArray(arg) && arg->child ? arg->child->next : NULL;
	if (!cJSON_IsString(pattern) || (cJSON_IsArray(arg) && !cJSON_IsObject(variables))) {
		return scope_fault(s, "takes text, or text and an object of variables");
	}
	struct buf text = BUF_INIT(TEMPLATE_MAX_TEXT);
	int rc = substitute(s, pattern->valuestring, variables, &text);
	if (rc == 0) {
		rc = make_text(s, &text, out);
	}
	buf_fini(&text);
	return rc;
}

static int join_into(const struct scope *s, const cJSON *list, struct buf *text)
{
	const char *separator = json_value(list->child);
	if (!separator || !cJSON_IsArray(list->child->next)) {
		return scope_fault(s, "takes a separator and a list");
	}
	bool first = true;
	JSON_FOR (item, list->child->next) {
		if (!first) {
			buf_add_str(text, separator);
		}
		first = false;
		if (!add_scalar(text, item)) {
			return scope_fault(s, "joins text only");
		}
	}
	return 0;
}

static int fn_join(const struct scope *s, const cJSON *arg, cJSON **out)
{
	AUTO_JSON cJSON *list = NULL;
	int rc = eval_list(s, arg, 2, 2, &list);
	if (rc) {
		return rc;
	}
	struct buf text = BUF_INIT(TEMPLATE_MAX_TEXT);
	rc = join_into(s, list, &text);
	if (rc == 0) {
		rc = make_text(s, &text, out);
	}
	buf_fini(&text);
	return rc;
}

static bool small_number(const cJSON *item, int *out)
{
	uint64_t n;
	if (cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 100000) {
		*out = item->valueint;
		return true;
	}
	if (cJSON_IsString(item) && span_u64(span_of(item->valuestring), 100000, &n)) {
		*out = (int)n;
		return true;
	}
	return false;
}

static int fn_select(const struct scope *s, const cJSON *arg, cJSON **out)
{
	AUTO_JSON cJSON *list = NULL;
	int rc = eval_list(s, arg, 2, 2, &list);
	if (rc) {
		return rc;
	}
	int index;
	cJSON *items = list->child->next;
	if (!small_number(list->child, &index) || !cJSON_IsArray(items)) {
		return scope_fault(s, "takes an index and a list");
	}
	if (index >= cJSON_GetArraySize(items)) {
		return scope_fault(
			s, "index %d is outside a list of %d", index, cJSON_GetArraySize(items));
	}
	*out = cJSON_DetachItemFromArray(items, index);
	return 0;
}

static cJSON *split_text(const char *text, const char *separator)
{
	cJSON *parts = cJSON_CreateArray();
	for (const char *hit = strstr(text, separator); hit; hit = strstr(text, separator)) {
		AUTO_FREE char *part = xstrndup(text, (size_t)(hit - text));
		cJSON_AddItemToArray(parts, cJSON_CreateString(part));
		text = hit + strlen(separator);
	}
	cJSON_AddItemToArray(parts, cJSON_CreateString(text));
	return parts;
}

static int fn_split(const struct scope *s, const cJSON *arg, cJSON **out)
{
	AUTO_JSON cJSON *list = NULL;
	int rc = eval_list(s, arg, 2, 2, &list);
	if (rc) {
		return rc;
	}
	const char *separator = json_value(list->child);
	const char *text = json_value(list->child->next);
	if (!separator || !*separator || !text) {
		return scope_fault(s, "takes a separator and text");
	}
	s->stack->set->work += strlen(text);
	*out = split_text(text, separator);
	return 0;
}

/* Only the branch that is taken is evaluated, as the other may refer to what is not there. */
static int fn_if(const struct scope *s, const cJSON *arg, cJSON **out)
{
	if (!cJSON_IsArray(arg) || cJSON_GetArraySize(arg) != 3 || !cJSON_IsString(arg->child)) {
		return scope_fault(s, "takes the name of a condition and two values");
	}
	bool value;
	int rc = template_condition(s, arg->child->valuestring, &value);
	if (rc) {
		return rc;
	}
	struct scope at = scope_item(s, value ? 1 : 2);
	return intrinsic_eval(&at, value ? arg->child->next : arg->child->next->next, out);
}

static int fn_condition(const struct scope *s, const cJSON *arg, cJSON **out)
{
	bool value;
	/* Stands below its function's name already: {"Fn::Not": arg} is put together again. */
	cJSON *call = cJSON_CreateObject();
	cJSON_AddItemReferenceToObject(call, s->member, (cJSON *)(uintptr_t)arg);
	int rc = intrinsic_condition(s, call, &value);
	cJSON_Delete(call);
	if (rc == 0) {
		*out = cJSON_CreateBool(value);
	}
	return rc;
}

static int fn_find_in_map(const struct scope *s, const cJSON *arg, cJSON **out)
{
	AUTO_JSON cJSON *list = NULL;
	int rc = eval_list(s, arg, 3, 4, &list);
	if (rc) {
		return rc;
	}
	const char *map = json_value(list->child);
	const char *top = json_value(list->child->next);
	const char *second = json_value(list->child->next->next);
	if (!map || !top || !second) {
		return scope_fault(s, "takes the names of a mapping and two keys");
	}
	const cJSON *mapping = json_get(json_get(s->stack->tree, "Mappings"), map);
	const cJSON *value = json_get(json_get(mapping, top), second);
	const cJSON *otherwise = json_get(list->child->next->next->next, "DefaultValue");
	if (!value && !otherwise) {
		return mapping ? scope_fault(s, "mapping '%s' has no value for '%s', '%s'", map,
					 top, second)
			       : scope_fault(s, "there is no mapping '%s'", map);
	}
	*out = cJSON_Duplicate(value ? value : otherwise, true);
	return 0;
}

static int fn_import_value(const struct scope *s, const cJSON *arg, cJSON **out)
{
	AUTO_FREE char *name = NULL;
	int rc = intrinsic_text(s, arg, &name);
	return rc ? rc : template_import(s, name, out);
}

static int fn_base64(const struct scope *s, const cJSON *arg, cJSON **out)
{
	AUTO_FREE char *text = NULL;
	int rc = intrinsic_text(s, arg, &text);
	if (rc) {
		return rc;
	}
	struct buf encoded = BUF_INIT(TEMPLATE_MAX_TEXT);
	base64_encode(&encoded, span_of(text));
	rc = make_text(s, &encoded, out);
	buf_fini(&encoded);
	return rc;
}

static int fn_get_azs(const struct scope *s, const cJSON *arg, cJSON **out)
{
	AUTO_FREE char *region = NULL;
	int rc = intrinsic_text(s, arg, &region);
	if (rc) {
		return rc;
	}
	*out = cJSON_CreateArray();
	for (char zone = 'a'; zone <= 'c'; zone++) {
		AUTO_FREE char *name =
			xasprintf("%s%c", *region ? region : s->stack->set->in->region, zone);
		cJSON_AddItemToArray(*out, cJSON_CreateString(name));
	}
	return 0;
}

/* IPv4 blocks only: nothing that is emulated has addresses, the result must only look right. */
static int fn_cidr(const struct scope *s, const cJSON *arg, cJSON **out)
{
	AUTO_JSON cJSON *list = NULL;
	int rc = eval_list(s, arg, 2, 3, &list);
	if (rc) {
		return rc;
	}
	struct span block = span_of(json_value(list->child));
	AUTO_FREE char *address = xstrndup(block.ptr, block.len);
	address[strcspn(address, "/")] = '\0';
	struct in_addr base;
	int count, bits = 8;
	cJSON *bits_item = list->child->next->next;
	if (inet_pton(AF_INET, address, &base) != 1 || !small_number(list->child->next, &count) ||
		count < 1 || count > 256 ||
		(bits_item && (!small_number(bits_item, &bits) || bits < 1 || bits > 31))) {
		return scope_fault(
			s, "takes an IPv4 block, a count up to 256 and a number of bits");
	}
	*out = cJSON_CreateArray();
	for (uint32_t i = 0; i < (uint32_t)count; i++) {
		struct in_addr at = { htonl(ntohl(base.s_addr) + (i << bits)) };
		char text[INET_ADDRSTRLEN + 4];
		char shown[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &at, shown, sizeof shown);
		snprintf(text, sizeof text, "%s/%d", shown, 32 - bits);
		cJSON_AddItemToArray(*out, cJSON_CreateString(text));
	}
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(const struct scope *s, const cJSON *arg, cJSON **out);
} functions[] = {
	{ "Ref", fn_ref },
	{ "Fn::GetAtt", fn_getatt },
	{ "Fn::Sub", fn_sub },
	{ "Fn::Join", fn_join },
	{ "Fn::Select", fn_select },
	{ "Fn::Split", fn_split },
	{ "Fn::If", fn_if },
	{ "Fn::Equals", fn_condition },
	{ "Fn::And", fn_condition },
	{ "Fn::Or", fn_condition },
	{ "Fn::Not", fn_condition },
	{ "Fn::FindInMap", fn_find_in_map },
	{ "Fn::ImportValue", fn_import_value },
	{ "Fn::Base64", fn_base64 },
	{ "Fn::GetAZs", fn_get_azs },
	{ "Fn::Cidr", fn_cidr },
};

/* True if the object is a call: one member, called Ref or Fn::something. */
static bool is_call(const cJSON *node)
{
	const cJSON *only = cJSON_IsObject(node) ? node->child : NULL;
	return only && !only->next &&
	       (strcmp(only->string, "Ref") == 0 || strncmp(only->string, "Fn::", 4) == 0);
}

static int call(const struct scope *s, const cJSON *member, cJSON **out)
{
	struct scope at = scope_member(s, member->string);
	for (size_t i = 0; i < COUNT_OF(functions); i++) {
		if (strcmp(functions[i].name, member->string) == 0) {
			return functions[i].fn(&at, member, out);
		}
	}
	return scope_fault(&at, "the function '%s' is not known", member->string);
}

static int eval_children(const struct scope *s, const cJSON *node, cJSON *into)
{
	size_t index = 0;
	JSON_FOR (item, node) {
		struct scope at =
			cJSON_IsArray(node) ? scope_item(s, index) : scope_member(s, item->string);
		cJSON *value = NULL;
		int rc = intrinsic_eval(&at, item, &value);
		if (rc) {
			return rc;
		}
		if (value && cJSON_IsArray(node)) {
			cJSON_AddItemToArray(into, value);
		} else if (value) {
			cJSON_AddItemToObject(into, item->string, value);
		}
		index++;
	}
	return 0;
}

int intrinsic_eval(const struct scope *s, const cJSON *node, cJSON **out)
{
	*out = NULL;
	int rc = count_work(s);
	if (rc) {
		return rc;
	}
	if (is_call(node)) {
		return call(s, node->child, out);
	}
	if (!cJSON_IsObject(node) && !cJSON_IsArray(node)) {
		*out = cJSON_Duplicate(node, true);
		return 0;
	}
	AUTO_JSON cJSON *copy = cJSON_IsArray(node) ? cJSON_CreateArray() : cJSON_CreateObject();
	rc = eval_children(s, node, copy);
	if (rc == 0) {
		*out = TAKE(copy);
	}
	return rc;
}

static int equals(const struct scope *s, const cJSON *arg, bool *out)
{
	AUTO_JSON cJSON *list = NULL;
	int rc = eval_list(s, arg, 2, 2, &list);
	if (rc) {
		return rc;
	}
	struct buf a = BUF_INIT(TEMPLATE_MAX_TEXT), b = BUF_INIT(TEMPLATE_MAX_TEXT);
	if (add_scalar(&a, list->child) && add_scalar(&b, list->child->next)) {
		*out = span_eq(buf_span(&a), buf_span(&b));
	} else {
		*out = cJSON_Compare(list->child, list->child->next, true);
	}
	buf_fini(&a);
	buf_fini(&b);
	return 0;
}

/* And, Or: every operand is evaluated, so that a mistake in any of them is told. */
static int combine(const struct scope *s, const cJSON *arg, bool all, bool *out)
{
	int n = cJSON_IsArray(arg) ? cJSON_GetArraySize(arg) : 0;
	if (n < 1 || n > 10) {
		return scope_fault(s, "takes 2 to 10 conditions");
	}
	*out = all;
	size_t index = 0;
	JSON_FOR (item, arg) {
		struct scope at = scope_item(s, index++);
		bool value;
		int rc = intrinsic_condition(&at, item, &value);
		if (rc) {
			return rc;
		}
		*out = all ? *out && value : *out || value;
	}
	return 0;
}

static int negate(const struct scope *s, const cJSON *arg, bool *out)
{
	if (!cJSON_IsArray(arg) || cJSON_GetArraySize(arg) != 1) {
		return scope_fault(s, "takes a list of one condition");
	}
	struct scope at = scope_item(s, 0);
	int rc = intrinsic_condition(&at, arg->child, out);
	*out = rc == 0 && !*out;
	return rc;
}

int intrinsic_condition(const struct scope *s, const cJSON *node, bool *out)
{
	*out = false;
	int rc = count_work(s);
	const cJSON *member = cJSON_IsObject(node) ? node->child : NULL;
	if (rc || !member || member->next) {
		return rc ? rc : scope_fault(s, "is no condition");
	}
	struct scope at = scope_member(s, member->string);
	if (strcmp(member->string, "Fn::Equals") == 0) {
		return equals(&at, member, out);
	}
	if (strcmp(member->string, "Fn::And") == 0 || strcmp(member->string, "Fn::Or") == 0) {
		return combine(&at, member, member->string[4] == 'A', out);
	}
	if (strcmp(member->string, "Fn::Not") == 0) {
		return negate(&at, member, out);
	}
	if (strcmp(member->string, "Condition") == 0 && cJSON_IsString(member)) {
		return template_condition(&at, member->valuestring, out);
	}
	return scope_fault(&at, "is no condition");
}
