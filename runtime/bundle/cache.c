/* The file: {"key": SHA-256 of version and question, "signature": one line per input, "paths": [...],
 * "result": {...}}. Inputs that were absent stand among the paths; their signature says so. */
#include "runtime/bundle/cache.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/digest.h"
#include "proxy/base/file.h"
#include "proxy/base/log.h"
#include "runtime/bundle/answer.h"

#define MAX_CACHE (32 * 1024 * 1024)

/* The program's version belongs to the question: another bundler may answer it otherwise. */
static void add_key(struct buf *out, struct span question)
{
	struct buf text = BUF_INIT(MAX_CACHE);
	buf_add_str(&text, OFFSTAGE_VERSION "\n");
	buf_add_span(&text, question);
	sha256_hex(out, buf_span(&text));
	buf_fini(&text);
}

static bool same_key(const cJSON *kept, struct span question)
{
	struct buf key = BUF_INIT(128);
	add_key(&key, question);
	bool same = span_eq(json_span(kept, "key"), buf_span(&key));
	buf_fini(&key);
	return same;
}

static bool same_files(const cJSON *kept, const char *app, struct inputs *inputs)
{
	struct answer_paths paths = answer_paths(kept, "paths");
	inputs_begin(inputs);
	inputs_end(inputs, paths.at, paths.n, NULL, 0);
	struct buf now = BUF_INIT(MAX_CACHE);
	inputs_signature(inputs, app, &now);
	bool same = span_eq(json_span(kept, "signature"), buf_span(&now));
	buf_fini(&now);
	answer_paths_fini(&paths);
	return same;
}

cJSON *cache_load(const char *path, struct span question, const char *app, struct inputs *inputs)
{
	struct buf text = BUF_INIT(MAX_CACHE);
	struct err err = ERR_INIT;
	cJSON *result = NULL;
	if (file_read(path, &text, &err) == 0) {
		AUTO_JSON cJSON *kept = json_parse(buf_span(&text), &err);
		if (json_object(kept, "result") && same_key(kept, question) &&
			same_files(kept, app, inputs)) {
			result = cJSON_DetachItemFromObjectCaseSensitive(kept, "result");
		}
	}
	buf_fini(&text);
	return result;
}

void cache_store(const char *path, struct span question, const char *app, struct span result,
	const struct inputs *inputs)
{
	struct buf text = BUF_INIT(MAX_CACHE), key = BUF_INIT(128), signature = BUF_INIT(MAX_CACHE);
	add_key(&key, question);
	inputs_signature(inputs, app, &signature);
	buf_add_char(&text, '{');
	json_add_member(&text, "key", buf_span(&key));
	json_add_member(&text, "signature", buf_span(&signature));
	json_add_name(&text, "paths");
	buf_add_char(&text, '[');
	for (size_t i = 0; i < inputs_count(inputs); i++) {
		buf_add_str(&text, i ? "," : "");
		json_add_string(&text, span_of(inputs_path(inputs, i)));
	}
	buf_add_char(&text, ']');
	json_add_member_raw(&text, "result", result);
	buf_add_char(&text, '}');
	struct err err = ERR_INIT;
	if (text.overflow || file_replace(path, buf_span(&text), 0600, &err) != 0) {
		log_info("bundle", "cannot keep '%s': %s", path,
			text.overflow ? "too large" : err.msg);
	}
	buf_fini(&text);
	buf_fini(&key);
	buf_fini(&signature);
}
