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

/* What is neither plain nor UTF-8 is escaped or, byte by byte, becomes U+FFFD; runs of the rest are copied. */
static void add_escaped(struct buf *out, struct span text)
{
	size_t from = 0;
	size_t i = 0;
	buf_add_char(out, '"');
	while ((i += json_plain(span_n(text.ptr + i, text.len - i))) < text.len) {
		unsigned char c = (unsigned char)text.ptr[i];
		size_t sequence = c < 0x80 ? 0 : utf8_sequence(span_n(text.ptr + i, text.len - i));
		if (sequence) {
			i += sequence;
			continue;
		}
		buf_add(out, text.ptr + from, i - from);
		if (c < 0x80) {
			add_escape(out, c);
		} else {
			buf_add_str(out, "\xef\xbf\xbd");
		}
		from = ++i;
	}
	buf_add(out, text.ptr + from, text.len - from);
	buf_add_char(out, '"');
}

/* Looks while it copies; false if something is to be escaped. Writes eight bytes at least. */
static bool copy_plain(char *to, struct span text)
{
	if (text.len < 8) {
		uint64_t word = text.len ? json_short_word(text.ptr, text.len) : 0;
		memcpy(to, &(uint64_t){ htole64(word) }, 8);
		return json_plain_bytes(word) == text.len; /* zeros are not plain */
	}
	for (size_t n = 0; n < text.len - 8; n += 8) {
		if (json_plain_bytes(json_word(text.ptr + n)) < 8) {
			return false;
		}
		memcpy(to + n, text.ptr + n, 8);
	}
	const char *last = text.ptr + text.len - 8;
	memcpy(to + text.len - 8, last, 8);
	return json_plain_bytes(json_word(last)) == 8;
}

/* The usual string is plain and has room, for its quotes and a last word that is written whole. */
void json_add_string(struct buf *out, struct span text)
{
	size_t room = out->overflow ? 0 : out->cap - out->len;
	if (room > 10 && text.len < room - 10 && copy_plain(out->ptr + out->len + 1, text)) {
		char *to = out->ptr + out->len;
		to[0] = to[text.len + 1] = '"';
		out->len += text.len + 2;
	} else {
		add_escaped(out, text.len ? text : SPAN(""));
	}
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
