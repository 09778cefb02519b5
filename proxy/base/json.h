/* JSON, with cJSON behind it for trees and plain appends for building text.
 *
 * Trees: json_parse is strict: one value, whole input, valid UTF-8, depth at most 64, no NUL
 * escape (\u0000 would cut cJSON's strings short). Look-ups are case-sensitive and never fail
 * on the wrong type: they answer NULL or the default, so shapes can be read in one line each.
 * Text: the json_add_* functions append to a buf; the caller writes braces and commas. */
#pragma once

#include <cjson/cJSON.h>

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
/* How many leading bytes are ASCII that stands in a JSON string as it is. */
size_t json_plain(struct span text);
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
