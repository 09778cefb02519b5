#include "emulator/auth/condition.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

enum family {
	STRING,
	LIKE,
	NUMERIC,
	DATE,
	BOOL,
	IP,
	ARN,
	BINARY,
	ABSENT
};
enum relation {
	EQUAL,
	LESS,
	LESS_EQUAL,
	GREATER,
	GREATER_EQUAL
};
enum quantifier {
	ONE,
	ANY_VALUE,
	ALL_VALUES
};

struct operator
{
	const char *name;
	enum family family;
	enum relation relation;
	bool negated;
	bool ignore_case;
};

static const struct operator operators[] = {
	{ "StringEquals", STRING, EQUAL, false, false },
	{ "StringNotEquals", STRING, EQUAL, true, false },
	{ "StringEqualsIgnoreCase", STRING, EQUAL, false, true },
	{ "StringNotEqualsIgnoreCase", STRING, EQUAL, true, true },
	{ "StringLike", LIKE, EQUAL, false, false },
	{ "StringNotLike", LIKE, EQUAL, true, false },
	{ "NumericEquals", NUMERIC, EQUAL, false, false },
	{ "NumericNotEquals", NUMERIC, EQUAL, true, false },
	{ "NumericLessThan", NUMERIC, LESS, false, false },
	{ "NumericLessThanEquals", NUMERIC, LESS_EQUAL, false, false },
	{ "NumericGreaterThan", NUMERIC, GREATER, false, false },
	{ "NumericGreaterThanEquals", NUMERIC, GREATER_EQUAL, false, false },
	{ "DateEquals", DATE, EQUAL, false, false },
	{ "DateNotEquals", DATE, EQUAL, true, false },
	{ "DateLessThan", DATE, LESS, false, false },
	{ "DateLessThanEquals", DATE, LESS_EQUAL, false, false },
	{ "DateGreaterThan", DATE, GREATER, false, false },
	{ "DateGreaterThanEquals", DATE, GREATER_EQUAL, false, false },
	{ "Bool", BOOL, EQUAL, false, true },
	{ "IpAddress", IP, EQUAL, false, false },
	{ "NotIpAddress", IP, EQUAL, true, false },
	{ "ArnEquals", ARN, EQUAL, false, false },
	{ "ArnLike", ARN, EQUAL, false, false },
	{ "ArnNotEquals", ARN, EQUAL, true, false },
	{ "ArnNotLike", ARN, EQUAL, true, false },
	{ "BinaryEquals", BINARY, EQUAL, false, false },
	{ "Null", ABSENT, EQUAL, false, true },
};

struct network {
	int family;
	unsigned char address[16];
	unsigned bits;
};

struct value {
	struct pattern pattern;
	double number;
	struct network network;
};

struct condition {
	const struct operator* op;
	const char *operator; /* as written */
	enum quantifier quantifier;
	bool if_exists;
	const char *key;
	struct value *values;
	size_t n_values;
};

/* --- patterns ---------------------------------------------------------------------------- */

void pattern_compile(
	struct pattern *p, struct arena *arena, struct span text, bool wildcards, bool variables)
{
	p->text = text;
	p->wildcards = wildcards;
	p->variables = false;
	for (size_t i = 0; variables && i + 1 < text.len && !p->variables; i++) {
		p->variables = text.ptr[i] == '$' && text.ptr[i + 1] == '{';
	}
	if (!p->variables) {
		p->glob = glob_compile(arena, text, wildcards);
	}
}

static const char *single_value(const struct condition_keys *keys, struct span name)
{
	const char *found = NULL;
	for (size_t i = 0; i < keys->n; i++) {
		if (span_ieq(span_of(keys->at[i].name), name)) {
			if (found) {
				return NULL;
			}
			found = keys->at[i].value;
		}
	}
	return found;
}

/* What stands for "${inside}"; ptr NULL if nothing does. */
static struct span substitute(struct span inside, const struct condition_keys *keys)
{
	if (inside.len == 1 && strchr("*?$", inside.ptr[0])) {
		return inside;
	}
	struct span otherwise = inside;
	struct span name = span_trim(span_cut(&otherwise, ','));
	const char *value = single_value(keys, name);
	if (value) {
		return span_of(value);
	}
	otherwise = span_trim(otherwise);
	if (otherwise.len >= 2 && otherwise.ptr[0] == '\'' &&
		otherwise.ptr[otherwise.len - 1] == '\'') {
		return span_n(otherwise.ptr + 1, otherwise.len - 2);
	}
	return (struct span){ NULL, 0 };
}

struct symbols {
	struct arena *scratch;
	uint16_t *at;
	size_t n, cap;
};

static void append(struct symbols *out, struct glob more)
{
	if (out->n + more.n > out->cap) {
		out->cap = 2 * (out->n + more.n);
		uint16_t *grown = arena_alloc(out->scratch, out->cap * sizeof *grown);
		if (out->n) {
			memcpy(grown, out->at, out->n * sizeof *grown);
		}
		out->at = grown;
	}
	if (more.n) {
		memcpy(out->at + out->n, more.at, more.n * sizeof *more.at);
	}
	out->n += more.n;
}

bool pattern_resolve(const struct pattern *p, const struct condition_keys *keys,
	struct arena *scratch, struct glob *out)
{
	if (!p->variables) {
		*out = p->glob;
		return true;
	}
	struct symbols symbols = { .scratch = scratch };
	struct span rest = p->text;
	while (rest.len) {
		const char *start = memmem(rest.ptr, rest.len, "${", 2);
		const char *end =
			start ? memchr(start, '}', rest.len - (size_t)(start - rest.ptr)) : NULL;
		size_t before = end ? (size_t)(start - rest.ptr) : rest.len;
		append(&symbols, glob_compile(scratch, span_n(rest.ptr, before), p->wildcards));
		if (!end) {
			break;
		}
		struct span value = substitute(span_n(start + 2, (size_t)(end - start) - 2), keys);
		if (!value.ptr) {
			return false;
		}
		append(&symbols, glob_compile(scratch, value, false));
		rest = span_n(end + 1, rest.len - (size_t)(end + 1 - rest.ptr));
	}
	*out = (struct glob){ symbols.at, symbols.n };
	return true;
}

/* --- reading values ---------------------------------------------------------------------- */

static bool read_number(const char *text, double *out)
{
	char *end;
	*out = strtod(text, &end);
	return end != text && *end == '\0' && isfinite(*out) && !strpbrk(text, "xXpP \t\r\n");
}

static bool read_zone(const char *text, double *offset_s)
{
	*offset_s = 0;
	if (*text == '.') {
		text += 1 + strspn(text + 1, "0123456789");
	}
	if (*text == '\0' || strcmp(text, "Z") == 0) {
		return true;
	}
	int hours;
	int minutes;
	int used = 0;
	if ((*text != '+' && *text != '-') ||
		sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || text[1 + used]) {
		return false;
	}
	*offset_s = (hours * 3600.0 + minutes * 60.0) * (*text == '-' ? -1 : 1);
	return true;
}

/* ISO 8601 in the forms of the IAM guide, or seconds since the epoch. */
static bool read_date(const char *text, double *out)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d" };
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i], &tm);
		double offset;
		if (end && read_zone(end, &offset)) {
			*out = (double)timegm(&tm) - offset;
			return true;
		}
	}
	return read_number(text, out);
}

static bool read_network(const char *text, struct network *out)
{
	struct span rest = span_of(text);
	struct span address = span_cut(&rest, '/');
	char copy[INET6_ADDRSTRLEN];
	if (address.len >= sizeof copy) {
		return false;
	}
	memcpy(copy, address.ptr, address.len);
	copy[address.len] = '\0';
	out->family = strchr(copy, ':') ? AF_INET6 : AF_INET;
	uint64_t widest = out->family == AF_INET6 ? 128 : 32;
	uint64_t bits = widest;
	if (inet_pton(out->family, copy, out->address) != 1 ||
		(rest.ptr && !span_u64(rest, widest, &bits))) {
		return false;
	}
	out->bits = (unsigned)bits;
	return true;
}

static bool contains(const struct network *net, const struct network *host)
{
	if (net->family != host->family) {
		return false;
	}
	unsigned whole = net->bits / 8;
	unsigned rest = net->bits % 8;
	unsigned mask = rest ? 0xff00u >> rest & 0xff : 0;
	return memcmp(net->address, host->address, whole) == 0 &&
	       (!rest || (net->address[whole] & mask) == (host->address[whole] & mask));
}

/* --- compiling --------------------------------------------------------------------------- */

static const struct operator* find_operator(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(operators); i++) {
		if (span_is(name, operators[i].name)) {
			return &operators[i];
		}
	}
	return NULL;
}

static int read_operator(struct condition *c, struct err *err)
{
	struct span name = span_of(c->operator);
	const struct span any = SPAN("ForAnyValue:");
	const struct span all = SPAN("ForAllValues:");
	const struct span suffix = SPAN("IfExists");
	if (span_starts(name, any)) {
		c->quantifier = ANY_VALUE;
		name = span_n(name.ptr + any.len, name.len - any.len);
	} else if (span_starts(name, all)) {
		c->quantifier = ALL_VALUES;
		name = span_n(name.ptr + all.len, name.len - all.len);
	}
	if (span_ends(name, suffix)) {
		c->if_exists = true;
		name.len -= suffix.len;
	}
	c->op = find_operator(name);
	if (!c->op || (c->op->family == ABSENT && c->if_exists)) {
		return err_set(
			err, ERR_INVALID, "unknown condition operator '%.100s'", c->operator);
	}
	return 0;
}

static const char *value_text(struct arena *arena, const cJSON *item)
{
	if (cJSON_IsString(item)) {
		return arena_strdup(arena, item->valuestring);
	}
	if (cJSON_IsBool(item)) {
		return cJSON_IsTrue(item) ? "true" : "false";
	}
	return cJSON_IsNumber(item) ? arena_printf(arena, "%.17g", item->valuedouble) : NULL;
}

static int read_value(struct condition *c, struct arena *arena, const cJSON *item, bool variables,
	struct err *err)
{
	struct value *v = &c->values[c->n_values];
	const char *text = value_text(arena, item);
	if (!text) {
		return err_set(err, ERR_INVALID, "condition %.60s '%.100s': values must be strings",
			c->operator, c->key);
	}
	enum family f = c->op->family;
	bool readable = f == NUMERIC               ? read_number(text, &v->number)
			: f == DATE                ? read_date(text, &v->number)
			: f == IP                  ? read_network(text, &v->network)
			: f == BOOL || f == ABSENT ? span_iis(span_of(text), "true") ||
							     span_iis(span_of(text), "false") ||
							     (variables && strstr(text, "${"))
						   : true;
	if (!readable) {
		return err_set(err, ERR_INVALID, "condition %.60s '%.100s': bad value '%.100s'",
			c->operator, c->key, text);
	}
	bool textual = f == STRING || f == LIKE || f == ARN || f == BOOL;
	pattern_compile(
		&v->pattern, arena, span_of(text), f == LIKE || f == ARN, variables && textual);
	c->n_values++;
	return 0;
}

const struct condition *condition_compile(struct arena *arena, const char *operator,
	const char * key, const cJSON *values, bool variables, struct err *err)
{
	struct condition *c = arena_alloc(arena, sizeof *c);
	c->operator= arena_strdup(arena, operator);
	c->key = arena_strdup(arena, key);
	if (read_operator(c, err)) {
		return NULL;
	}
	int size = cJSON_IsArray(values) ? cJSON_GetArraySize(values) : 1;
	c->values = arena_alloc(arena, ((size_t)size + 1) * sizeof *c->values);
	if (!cJSON_IsArray(values)) {
		return read_value(c, arena, values, variables, err) ? NULL : c;
	}
	JSON_FOR (item, values) {
		if (read_value(c, arena, item, variables, err)) {
			return NULL;
		}
	}
	return c;
}

/* --- deciding ---------------------------------------------------------------------------- */

static bool related(double left, enum relation relation, double right)
{
	switch (relation) {
	case LESS:
		return left < right;
	case LESS_EQUAL:
		return left <= right;
	case GREATER:
		return left > right;
	case GREATER_EQUAL:
		return left >= right;
	case EQUAL:
		break;
	}
	return left == right;
}

static bool same_bytes(struct span a, struct span b)
{
	struct buf left = BUF_INIT(a.len + 1);
	struct buf right = BUF_INIT(b.len + 1);
	bool same = base64_decode(&left, a) && base64_decode(&right, b) &&
		    span_eq(buf_span(&left), buf_span(&right));
	buf_fini(&left);
	buf_fini(&right);
	return same;
}

/* Does the request's value match this one of the policy? *undefined: a variable has no value. */
static bool value_matches(const struct condition *c, const struct value *v, const char *text,
	const struct condition_keys *keys, struct arena *scratch, bool *undefined)
{
	double number;
	struct network host;
	struct glob glob;
	switch (c->op->family) {
	case NUMERIC:
		return read_number(text, &number) && related(number, c->op->relation, v->number);
	case DATE:
		return read_date(text, &number) && related(number, c->op->relation, v->number);
	case IP:
		return read_network(text, &host) && contains(&v->network, &host);
	case BINARY:
		return same_bytes(v->pattern.text, span_of(text));
	case STRING:
	case LIKE:
	case BOOL:
	case ARN:
	case ABSENT:
		break;
	}
	if (!pattern_resolve(&v->pattern, keys, scratch, &glob)) {
		*undefined = true;
		return false;
	}
	if (c->op->family == ARN) {
		return glob_match_arn(glob, span_of(text));
	}
	return glob_match(glob, span_of(text), c->op->ignore_case);
}

/* One value of the request against all of the policy's: any may match, or none for a negated
 * operator. */
static bool request_value_holds(const struct condition *c, const char *text,
	const struct condition_keys *keys, struct arena *scratch)
{
	bool any = false;
	bool undefined = false;
	for (size_t i = 0; i < c->n_values && !any; i++) {
		any = value_matches(c, &c->values[i], text, keys, scratch, &undefined);
	}
	return c->op->negated ? !any && !undefined : any;
}

static bool absent_holds(const struct condition *c, bool absent)
{
	for (size_t i = 0; i < c->n_values; i++) {
		if (span_iis(c->values[i].pattern.text, absent ? "true" : "false")) {
			return true;
		}
	}
	return false;
}

bool condition_holds(
	const struct condition *c, const struct condition_keys *keys, struct arena *scratch)
{
	size_t present = 0;
	size_t holding = 0;
	for (size_t i = 0; i < keys->n; i++) {
		if (!span_ieq(span_of(keys->at[i].name), span_of(c->key))) {
			continue;
		}
		present++;
		holding += c->op->family != ABSENT &&
			   request_value_holds(c, keys->at[i].value, keys, scratch);
	}
	if (c->op->family == ABSENT) {
		return absent_holds(c, present == 0);
	}
	if (present == 0) {
		return c->if_exists || c->quantifier == ALL_VALUES ||
		       (c->quantifier == ONE && c->op->negated);
	}
	if (c->quantifier == ALL_VALUES || (c->quantifier == ONE && c->op->negated)) {
		return holding == present;
	}
	return holding > 0;
}

const char *condition_words(
	const struct condition *c, const struct condition_keys *keys, struct arena *arena)
{
	struct buf out = BUF_INIT(4096);
	buf_addf(&out, "%s %s: expected ", c->operator, c->key);
	for (size_t i = 0; i < c->n_values; i++) {
		buf_addf(&out, "%s'%.*s'", i ? " or " : "", SPAN_ARG(c->values[i].pattern.text));
	}
	buf_add_str(&out, ", the request has ");
	size_t n = 0;
	for (size_t i = 0; i < keys->n; i++) {
		if (span_ieq(span_of(keys->at[i].name), span_of(c->key))) {
			buf_addf(&out, "%s'%s'", n++ ? ", " : "", keys->at[i].value);
		}
	}
	buf_add_str(&out, n ? "" : "no such key");
	const char *words = arena_strndup(arena, out.ptr, out.len);
	buf_fini(&out);
	return words;
}
