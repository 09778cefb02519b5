/* JSON, with cJSON behind it for trees and plain appends for building text.
 *
 * Trees: json_parse is strict: one value, whole input, valid UTF-8, depth at most 64, no NUL
 * escape (\u0000 would cut cJSON's strings short). Look-ups are case-sensitive and never fail
 * on the wrong type: they answer NULL or the default, so shapes can be read in one line each.
 * Text: the json_add_* functions append to a buf; the caller writes braces and commas. */
#pragma once

#include <cjson/cJSON.h>
#include <endian.h>

#include "proxy/base/buf.h"
#include "proxy/base/err.h"

/* The tree, which the caller frees with cJSON_Delete (or AUTO_JSON); NULL with err set. */
cJSON *json_parse(struct span text, struct err *err) MUST_CHECK;
/* As json_parse, and refuses objects that hold the same member twice at any depth: for signed
 * things, where two parsers must not disagree (RFC 7515 section 4). */
cJSON *json_parse_unique(struct span text, struct err *err) MUST_CHECK;

void auto_json(cJSON **tree);
#define AUTO_JSON __attribute__((cleanup(auto_json)))

/* Member of an object; NULL if `obj` is no object or has none. */
cJSON *json_get(const cJSON *obj, const char *name);
/* The string, or NULL if the member is absent or no string. */
const char *json_str(const cJSON *obj, const char *name);
struct span json_span(const cJSON *obj, const char *name);
double json_num(const cJSON *obj, const char *name, double otherwise);
bool json_bool(const cJSON *obj, const char *name, bool otherwise);
/* As json_get, but only if it is an array / object. */
cJSON *json_array(const cJSON *obj, const char *name);
cJSON *json_object(const cJSON *obj, const char *name);
/* The value of a string item, or NULL for anything else. */
const char *json_value(const cJSON *item);
/* JSON_FOR(item, array_or_object): item->string is the member's name in an object. */
#define JSON_FOR(item, parent) \
	for (cJSON *item = (parent) ? (parent)->child : NULL; item; item = item->next)

/* Appends the tree as compact text. */
void json_add_tree(struct buf *out, const cJSON *tree);
/* Appends "text" quoted and escaped; bytes that are not UTF-8 become U+FFFD. */
void json_add_string(struct buf *out, struct span text);
/* Appends ,"name": with quotes and colon; the comma is left out right after '{' or '['. */
void json_add_name(struct buf *out, const char *name);
/* json_add_name and the quoted, escaped value. */
void json_add_member(struct buf *out, const char *name, struct span value);
/* The same with raw JSON text as value. */
void json_add_member_raw(struct buf *out, const char *name, struct span json);
void json_add_member_int(struct buf *out, const char *name, int64_t value);
void json_add_member_bool(struct buf *out, const char *name, bool value);

#define JSON_EACH_BYTE(c) (0x0101010101010101ull * (c))

/* Eight bytes as a word whose low byte is the first. */
static inline uint64_t json_word(const char *p)
{
	uint64_t word;
	memcpy(&word, p, 8);
	return le64toh(word);
}

/* n bytes, 1 to 7, as the low bytes of a word, the others zero; reads no further. */
static inline uint64_t json_short_word(const char *p, size_t n)
{
	if (n >= 4) {
		uint32_t low, high;
		memcpy(&low, p, 4);
		memcpy(&high, p + n - 4, 4);
		return le32toh(low) | (uint64_t)le32toh(high) << (n - 4) * 8;
	}
	const unsigned char *u = (const unsigned char *)p;
	return u[0] | (uint64_t)u[n / 2] << n / 2 * 8 | (uint64_t)u[n - 1] << (n - 1) * 8;
}

/* The place (0 to 7) of the first byte of the word that is not plain, or 8. Bit 1 changes places of space and
 * quote, so that one subtraction marks quote and control characters. It borrows from the next byte only
 * where it has marked its own, so the lowest mark is exact. */
static inline size_t json_plain_bytes(uint64_t word)
{
	uint64_t quote_or_control = (word ^ JSON_EACH_BYTE(2)) - JSON_EACH_BYTE(0x21);
	uint64_t backslash = (word ^ JSON_EACH_BYTE('\\')) - JSON_EACH_BYTE(1);
	uint64_t marks = (word | quote_or_control | backslash) & JSON_EACH_BYTE(0x80);
	return marks ? (size_t)__builtin_ctzll(marks) / 8 : 8;
}

/* How many leading bytes are ASCII that stands in a JSON string as it is: eight at a time, for all that
 * is read or written as JSON passes through here. */
static inline size_t json_plain(struct span text)
{
	size_t n = 0;
	while (text.len - n >= 8) {
		size_t plain = json_plain_bytes(json_word(text.ptr + n));
		n += plain;
		if (plain < 8) {
			return n;
		}
	}
	if (n < text.len) { /* the zeros above the last bytes are not plain */
		n += json_plain_bytes(json_short_word(text.ptr + n, text.len - n));
	}
	return n;
}
