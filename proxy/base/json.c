#include "proxy/base/json.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

#define MAX_DEPTH 64

/* One pass before cJSON: depth, and the escapes that cJSON accepts but cannot represent. */
static int prescan(struct span text, struct err *err)
{
	if (!utf8_valid(text)) {
		return err_set(err, ERR_INVALID, "JSON text is not valid UTF-8");
	}
	size_t depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (quoted) {
			if (c == '\\') {
				if (text.len - i > 5 && memcmp(text.ptr + i, "\\u0000", 6) == 0) {
					return err_set(err, ERR_INVALID,
						"JSON string holds a NUL at byte %zu", i);
				}
				i++;
			} else if (c == '"') {
				quoted = false;
			} else if ((unsigned char)c < 0x20) {
				return err_set(err, ERR_INVALID,
					"JSON string holds a raw control character at byte %zu", i);
			}
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (++depth > MAX_DEPTH) {
				return err_set(
					err, ERR_LIMIT, "JSON nests deeper than %d", MAX_DEPTH);
			}
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		} else if (c == '\0') {
			return err_set(err, ERR_INVALID, "JSON text holds a NUL at byte %zu", i);
		}
	}
	return 0;
}

static bool only_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
		p++;
	}
	return p == end;
}

cJSON *json_parse(struct span text, struct err *err)
{
	if (prescan(text, err)) {
		return NULL;
	}
	const char *end = NULL;
	cJSON *tree = cJSON_ParseWithLengthOpts(text.ptr ? text.ptr : "", text.len, &end, 0);
	if (tree && only_space(end, text.ptr + text.len)) {
		return tree;
	}
	cJSON_Delete(tree);
	size_t at = end && text.ptr ? (size_t)(end - text.ptr) : 0;
	err_set(err, ERR_INVALID, "not valid JSON at byte %zu", at);
	return NULL;
}

static int name_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *duplicate_in(const cJSON *obj)
{
	int n = cJSON_GetArraySize(obj);
	if (n < 2) {
		return NULL;
	}
	AUTO_FREE const char **names = xcalloc((size_t)n, sizeof *names);
	size_t used = 0;
	JSON_FOR (item, obj) {
		names[used++] = item->string;
	}
	qsort(names, used, sizeof *names, name_order);
	for (size_t i = 1; i < used; i++) {
		if (strcmp(names[i - 1], names[i]) == 0) {
			return names[i];
		}
	}
	return NULL;
}

static const char *duplicate_below(const cJSON *tree)
{
	const char *name = cJSON_IsObject(tree) ? duplicate_in(tree) : NULL;
	JSON_FOR (item, tree) {
		if (name) {
			break;
		}
		name = duplicate_below(item);
	}
	return name;
}

cJSON *json_parse_unique(struct span text, struct err *err)
{
	cJSON *tree = json_parse(text, err);
	const char *name = tree ? duplicate_below(tree) : NULL;
	if (name) {
		err_set(err, ERR_INVALID, "member '%s' stands twice in one object", name);
		cJSON_Delete(tree);
		return NULL;
	}
	return tree;
}

void auto_json(cJSON **tree)
{
	cJSON_Delete(*tree);
}

cJSON *json_get(const cJSON *obj, const char *name)
{
	return cJSON_IsObject(obj) ? cJSON_GetObjectItemCaseSensitive(obj, name) : NULL;
}

const char *json_value(const cJSON *item)
{
	return cJSON_IsString(item) ? item->valuestring : NULL;
}

const char *json_str(const cJSON *obj, const char *name)
{
	return json_value(json_get(obj, name));
}

struct span json_span(const cJSON *obj, const char *name)
{
	return span_of(json_str(obj, name));
}

double json_num(const cJSON *obj, const char *name, double otherwise)
{
	const cJSON *item = json_get(obj, name);
	return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

bool json_bool(const cJSON *obj, const char *name, bool otherwise)
{
	const cJSON *item = json_get(obj, name);
	return cJSON_IsBool(item) ? cJSON_IsTrue(item) : otherwise;
}

cJSON *json_array(const cJSON *obj, const char *name)
{
	cJSON *item = json_get(obj, name);
	return cJSON_IsArray(item) ? item : NULL;
}

cJSON *json_object(const cJSON *obj, const char *name)
{
	cJSON *item = json_get(obj, name);
	return cJSON_IsObject(item) ? item : NULL;
}

void json_add_tree(struct buf *out, const cJSON *tree)
{
	AUTO_FREE char *text = cJSON_PrintUnformatted(tree);
	ENSURE(text);
	buf_add_str(out, text);
}

static void add_escape(struct buf *out, unsigned char c)
{
	switch (c) {
	case '"':
		buf_add(out, "\\\"", 2);
		break;
	case '\\':
		buf_add(out, "\\\\", 2);
		break;
	case '\n':
		buf_add(out, "\\n", 2);
		break;
	case '\r':
		buf_add(out, "\\r", 2);
		break;
	case '\t':
		buf_add(out, "\\t", 2);
		break;
	default:
		buf_addf(out, "\\u%04x", c);
	}
}

/* Bytes that need no escape, by table: bodies of megabytes pass through here. */
static bool plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static void add_escaped(struct buf *out, struct span text)
{
	size_t from = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (!plain(c)) {
			buf_add(out, text.ptr + from, i - from);
			add_escape(out, c);
			from = i + 1;
		}
	}
	if (from < text.len) { /* an empty span may have no ptr to add to */
		buf_add(out, text.ptr + from, text.len - from);
	}
}

/* Each maximal run of bad bytes becomes one replacement character. */
static void add_repaired(struct buf *out, struct span text)
{
	size_t i = 0;
	while (i < text.len) {
		size_t n = 0;
		for (size_t len = 1; len <= 4 && len <= text.len - i && !n; len++) {
			n = utf8_valid(span_n(text.ptr + i, len)) ? len : 0;
		}
		if (n) {
			add_escaped(out, span_n(text.ptr + i, n));
			i += n;
		} else {
			buf_add_str(out, "\xef\xbf\xbd");
			i++;
		}
	}
}

#define EACH_BYTE(c) (0x0101010101010101ull * (c))

/* Non-zero if any byte of the word is zero; SWAR, exact for that question. */
static uint64_t zero_bytes(uint64_t word)
{
	return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

size_t json_plain(struct span text)
{
	size_t n = 0;
	for (; text.len - n >= 8; n += 8) {
		uint64_t word;
		memcpy(&word, text.ptr + n, 8);
		uint64_t below_space = (word - EACH_BYTE(0x20)) & ~word & EACH_BYTE(0x80);
		if ((word & EACH_BYTE(0x80)) || below_space || zero_bytes(word ^ EACH_BYTE('"')) ||
			zero_bytes(word ^ EACH_BYTE('\\'))) {
			break;
		}
	}
	while (n < text.len && plain((unsigned char)text.ptr[n]) && !(text.ptr[n] & 0x80)) {
		n++;
	}
	return n;
}

void json_add_string(struct buf *out, struct span text)
{
	if (json_plain(text) == text.len) {
		char *to = text.len < SIZE_MAX / 2 ? buf_reserve(out, text.len + 2) : NULL;
		if (to) {
			to[0] = to[text.len + 1] = '"';
			memcpy(to + 1, text.ptr ? text.ptr : "", text.len);
			buf_commit(out, text.len + 2);
		}
		return;
	}
	buf_add_char(out, '"');
	if (utf8_valid(text)) {
		add_escaped(out, text);
	} else {
		add_repaired(out, text);
	}
	buf_add_char(out, '"');
}

void json_add_name(struct buf *out, const char *name)
{
	char last = out->len ? out->ptr[out->len - 1] : '{';
	if (last != '{' && last != '[') {
		buf_add_char(out, ',');
	}
	json_add_string(out, span_of(name));
	buf_add_char(out, ':');
}

void json_add_member(struct buf *out, const char *name, struct span value)
{
	json_add_name(out, name);
	json_add_string(out, value);
}

void json_add_member_raw(struct buf *out, const char *name, struct span json)
{
	json_add_name(out, name);
	buf_add_span(out, json);
}

void json_add_member_int(struct buf *out, const char *name, int64_t value)
{
	json_add_name(out, name);
	if (value < 0) {
		buf_add_char(out, '-');
	}
	buf_add_u64(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_add_member_bool(struct buf *out, const char *name, bool value)
{
	json_add_member_raw(out, name, value ? SPAN("true") : SPAN("false"));
}
