#include "runtime/cli/endpoints.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/file.h"

static void add_raw(struct buf *out, const char *name, const cJSON *tree)
{
	json_add_name(out, name);
	if (tree) {
		json_add_tree(out, tree);
	} else {
		buf_add_str(out, "{}");
	}
}

void endpoints_write(struct buf *out, const cJSON *outputs, const char *stage, long pid)
{
	static const char *const TEXTS[] = { "app", "region", "service", "console", "bridge" };
	static const char *const TREES[] = { "apis", "login", "outputs" };
	static const char *const OF_FUNCTION[] = { "name", "arn", "runtime" };
	buf_add_char(out, '{');
	json_add_member_int(out, "pid", pid);
	json_add_member(out, "stage", span_of(stage));
	for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
		json_add_member(out, TEXTS[i], json_span(outputs, TEXTS[i]));
	}
	for (size_t i = 0; i < COUNT_OF(TREES); i++) {
		add_raw(out, TREES[i], json_get(outputs, TREES[i]));
	}
	json_add_name(out, "functions");
	buf_add_char(out, '[');
	bool first = true;
	JSON_FOR (f, json_array(outputs, "functions")) {
		buf_add_str(out, first ? "{" : ",{");
		first = false;
		for (size_t i = 0; i < COUNT_OF(OF_FUNCTION); i++) {
			json_add_member(out, OF_FUNCTION[i], json_span(f, OF_FUNCTION[i]));
		}
		json_add_member(out, "handler", json_span(f, "shownHandler"));
		buf_add_char(out, '}');
	}
	buf_add_str(out, "]}");
}

/* A zombie, whose parent has not asked after it, serves nobody: its state follows its name, which is in
 * parentheses and may hold any (proc(5)). */
static bool is_alive(long pid)
{
	struct buf stat = BUF_INIT(4096);
	struct err ignored = ERR_INIT;
	AUTO_FREE char *path = xasprintf("/proc/%ld/stat", pid);
	bool exists = pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
	bool known = exists && !file_read(path, &stat, &ignored);
	const char *name_end = known ? strrchr(buf_cstr(&stat), ')') : NULL;
	bool dead = name_end && strncmp(name_end, ") Z", 3) == 0;
	buf_fini(&stat);
	return exists && !dead;
}

cJSON *endpoints_read(const char *path, const char *stage, struct err *err)
{
	struct buf text = BUF_INIT(16u << 20);
	cJSON *tree = file_read(path, &text, err) ? NULL : json_parse(buf_span(&text), err);
	buf_fini(&text);
	long pid = (long)json_num(tree, "pid", 0);
	if (!tree || !is_alive(pid)) {
		cJSON_Delete(tree);
		err_set(err, ERR_NOT_FOUND,
			"nothing runs at stage '%s': start it first (offstage start --stage %s), "
			"in the app's folder",
			stage, stage);
		return NULL;
	}
	return tree;
}
