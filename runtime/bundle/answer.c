#include "runtime/bundle/answer.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "runtime/bundle/bundler.h"

#define MAX_ERRORS 10
#define MAX_LINE_TEXT 400

struct answer_paths answer_paths(const cJSON *obj, const char *name)
{
	struct answer_paths p = { NULL, 0 };
	const cJSON *array = json_array(obj, name);
	if (!array) {
		return p;
	}
	p.at = xcalloc((size_t)cJSON_GetArraySize(array) + 1, sizeof *p.at);
	JSON_FOR (item, array) {
		const char *path = json_value(item);
		if (path && path[0] == '/') {
			p.at[p.n++] = path;
		}
	}
	return p;
}

void answer_paths_fini(struct answer_paths *p)
{
	free(p->at);
	*p = (struct answer_paths){ NULL, 0 };
}

/* A number that may be any double as one that fits a line. */
static int small(const cJSON *obj, const char *name, int otherwise)
{
	double n = json_num(obj, name, otherwise);
	return n >= 0 && n <= 1e9 ? (int)n : otherwise;
}

/* The source line and a caret under the column; tabs stay, so that the caret stands right. */
static void add_place(struct buf *out, const char *line, int column, int length)
{
	buf_addf(out, "  %.*s\n  ", MAX_LINE_TEXT, line);
	for (int i = 0; i < column && i < MAX_LINE_TEXT && line[i]; i++) {
		buf_add_char(out, line[i] == '\t' ? '\t' : ' ');
	}
	buf_add_char(out, '^');
	for (int i = 1; i < length && i < 40; i++) {
		buf_add_char(out, '~');
	}
	buf_add_char(out, '\n');
}

static void add_error(struct buf *out, const cJSON *e)
{
	const char *file = json_str(e, "file"), *text = json_str(e, "text");
	const char *line_text = json_str(e, "lineText");
	int line = small(e, "line", 0), column = small(e, "column", 0);
	if (file && line > 0) {
		buf_addf(out, "%s:%d:%d: ", file, line, column + 1);
	} else if (file) {
		buf_addf(out, "%s: ", file);
	}
	buf_addf(out, "%s\n", text ? text : "unknown error");
	if (line_text && *line_text && line > 0) {
		add_place(out, line_text, column, small(e, "length", 1));
	}
	JSON_FOR (note, json_array(e, "notes")) {
		const char *note_text = json_str(note, "text");
		if (note_text && *note_text) {
			buf_addf(out, "  %s\n", note_text);
		}
	}
}

void build_problem(struct buf *out, const cJSON *error)
{
	int n = 0;
	JSON_FOR (e, json_array(error, "errors")) {
		if (n++ < MAX_ERRORS) {
			add_error(out, e);
		}
	}
	if (n > MAX_ERRORS) {
		buf_addf(out, "and %d more errors\n", n - MAX_ERRORS);
	}
	if (n == 0 && json_str(error, "message")) {
		buf_addf(out, "%s\n", json_str(error, "message"));
	}
}
