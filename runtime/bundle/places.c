/* Two ways to name a place are understood: at the start of a line ("./main.go:5:2: undefined: x": Go, C, make's tools) and
 * rustc's arrow under a line that tells ("error[E0308]: mismatched types", "  --> src/main.rs:5:2"). */
#include "runtime/bundle/places.h"

#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/alloc.h"

#define MAX_PATH_LEN 1024
#define MAX_FIRST 600

/* A line taken apart: indent, file, and what follows the file (":5:2: undefined: x"). */
struct place {
	struct span before, file, after;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool read_place(struct span line, struct place *p)
{
	static const char *const arrows[] = { "--> ", "::: " };
	size_t at = 0;
	while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '\t')) {
		at++;
	}
	struct span rest = span_n(line.ptr + at, line.len - at);
	for (size_t i = 0; i < COUNT_OF(arrows); i++) {
		if (span_starts(rest, span_of(arrows[i]))) {
			at += strlen(arrows[i]);
		}
	}
	size_t end = at;
	while (end < line.len && line.ptr[end] != ':' && line.ptr[end] > ' ') {
		end++;
	}
	bool found = end > at && end - at < MAX_PATH_LEN && end + 1 < line.len &&
		     line.ptr[end] == ':' && is_digit(line.ptr[end + 1]);
	*p = (struct place){ span_n(line.ptr, at), span_n(line.ptr + at, end - at),
		span_n(line.ptr + end, line.len - end) };
	return found;
}

/* Compilers name files below where they ran, or below a workspace above that. NULL if there is no such file. */
static char *find_file(struct span file, const char *cwd, const char *app)
{
	char *found = NULL;
	AUTO_FREE char *dir = xstrdup(file.ptr[0] == '/' ? "" : cwd);
	for (;;) {
		AUTO_FREE char *path = xasprintf("%s/%.*s", dir, SPAN_ARG(file));
		found = realpath(path, NULL);
		char *slash = strrchr(dir, '/');
		if (found || !slash || strcmp(dir, app) == 0) {
			return found;
		}
		*slash = '\0';
	}
}

static void add_file(struct buf *out, struct span file, const char *cwd, const char *app)
{
	AUTO_FREE char *path = find_file(file, cwd, app);
	size_t n = strlen(app);
	if (path && strncmp(path, app, n) == 0 && path[n] == '/') {
		buf_add_str(out, path + n + 1);
	} else {
		buf_add_span(out, file);
	}
}

static bool is_error_line(struct span line)
{
	return span_starts(line, SPAN("error"));
}

static bool is_remark(struct span after)
{
	size_t i = 0;
	while (i < after.len &&
		(after.ptr[i] == ':' || after.ptr[i] == ' ' || is_digit(after.ptr[i]))) {
		i++;
	}
	struct span words = span_n(after.ptr + i, after.len - i);
	return span_starts(words, SPAN("warning")) || span_starts(words, SPAN("note"));
}

struct reading {
	struct buf *out, *first;
	const char *cwd, *app;
	struct span heading; /* the latest "error...", "warning..." that has no place yet */
	struct span fallback; /* the first error line or, else, the first line */
};

static void on_place(struct reading *r, const struct place *p)
{
	bool arrow = span_ends(p->before, SPAN("--> "));
	bool error = arrow ? is_error_line(r->heading) : !is_remark(p->after);
	buf_add_span(r->out, p->before);
	add_file(r->out, p->file, r->cwd, r->app);
	buf_add_span(r->out, p->after);
	if (!error || r->first->len > 0) {
		return;
	}
	add_file(r->first, p->file, r->cwd, r->app);
	buf_add_span(r->first, p->after);
	if (arrow) {
		buf_add_str(r->first, ": ");
		buf_add_span(r->first, r->heading);
	}
}

static void on_line(struct reading *r, struct span line)
{
	struct place p;
	if (read_place(line, &p)) {
		on_place(r, &p);
	} else {
		buf_add_span(r->out, line);
		if (is_error_line(line) || span_starts(line, SPAN("warning"))) {
			r->heading = line;
		}
		bool better = is_error_line(line) && !is_error_line(r->fallback);
		if (line.len > 0 && (r->fallback.len == 0 || better)) {
			r->fallback = line;
		}
	}
	buf_add_char(r->out, '\n');
}

void places_copy(
	struct buf *out, struct buf *first, struct span text, const char *cwd, const char *app)
{
	struct reading r = { .out = out, .first = first, .cwd = cwd, .app = app };
	while (text.len > 0) {
		on_line(&r, span_cut(&text, '\n'));
	}
	if (first->len == 0) {
		struct span line = r.fallback;
		buf_add(first, line.ptr, line.len < MAX_FIRST ? line.len : MAX_FIRST);
	}
}
