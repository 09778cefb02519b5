#include "runtime/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "proxy/base/json.h"
#include "proxy/base/log.h"
#include "proxy/net/timer.h"

#define FILE_LIMIT (5 * 1024 * 1024)
#define PENDING_MAX (1024 * 1024)
#define FLUSH_BYTES (64 * 1024)
#define FLUSH_MS 100

struct log_file {
	char *name; /* the key: the function's */
	char *path;
	int fd; /* -1: not open, or given up */
	size_t size;
	struct buf pending;
	UT_hash_handle hh;
};

struct output {
	char *dir;
	struct log_file *files;
	struct timer *timer;
	bool armed;
	bool given_up; /* the folder cannot be written: said once */
};

static void give_up(struct output *o, const char *what)
{
	if (!o->given_up) {
		o->given_up = true;
		console_problem("logs are not kept: %s", what);
	}
}

static void file_open(struct output *o, struct log_file *f)
{
	struct err err = ERR_INIT;
	struct stat st;
	if (dir_make_private(o->dir, &err) != 0) {
		give_up(o, err.msg);
		return;
	}
	f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (f->fd < 0) {
		give_up(o, strerror(errno));
		return;
	}
	f->size = fstat(f->fd, &st) == 0 ? (size_t)st.st_size : 0;
}

static void rotate(struct log_file *f)
{
	AUTO_FREE char *older = xasprintf("%s.1", f->path);
	close(f->fd);
	f->fd = -1;
	rename(f->path, older);
}

static void file_flush(struct output *o, struct log_file *f)
{
	if (f->pending.len == 0) {
		return;
	}
	if (f->fd >= 0 && f->size + f->pending.len > FILE_LIMIT) {
		rotate(f);
	}
	if (f->fd < 0 && !o->given_up) {
		file_open(o, f);
	}
	if (f->fd >= 0) {
		ssize_t n = write(f->fd, f->pending.ptr, f->pending.len);
		f->size += n > 0 ? (size_t)n : 0;
	}
	buf_clear(&f->pending);
}

static void flush_all(struct output *o)
{
	struct log_file *f, *next;
	HASH_ITER (hh, o->files, f, next) {
		file_flush(o, f);
	}
}

static void on_timer(void *ctx)
{
	struct output *o = ctx;
	o->armed = false;
	flush_all(o);
}

struct output *output_open(uv_loop_t *loop, const char *dir)
{
	struct output *o = xalloc(sizeof *o);
	o->dir = xasprintf("%s/log", dir);
	o->timer = timer_open(loop, on_timer, o);
	return o;
}

void output_close(struct output *o)
{
	struct log_file *f, *next;
	flush_all(o);
	HASH_ITER (hh, o->files, f, next) {
		HASH_DEL(o->files, f);
		if (f->fd >= 0) {
			close(f->fd);
		}
		buf_fini(&f->pending);
		free(f->name);
		free(f->path);
		free(f);
	}
	timer_close(o->timer);
	free(o->dir);
	free(o);
}

static struct log_file *file_of(struct output *o, const char *function)
{
	struct log_file *f;
	HASH_FIND_STR(o->files, function, f);
	if (!f) {
		f = xalloc(sizeof *f);
		f->name = xstrdup(function);
		f->path = xasprintf("%s/%s.log", o->dir, function);
		for (char *c = f->path + strlen(o->dir) + 1; *c; c++) {
			if (*c == '/') {
				*c = '-';
			}
		}
		f->fd = -1;
		buf_init(&f->pending, PENDING_MAX);
		HASH_ADD_KEYPTR(hh, o->files, f->name, strlen(f->name), f);
	}
	return f;
}

static void keep(struct output *o, const char *function, struct span text)
{
	struct log_file *f = file_of(o, function);
	buf_add_span(&f->pending, text);
	if (f->pending.len > FLUSH_BYTES) {
		file_flush(o, f);
	} else if (!o->armed) {
		o->armed = true;
		timer_arm(o->timer, FLUSH_MS);
	}
}

/* Node marks the newlines within a record as carriage returns (lambda.md 3.2). */
static void add_readable(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool ends_line = i + 1 < text.len && text.ptr[i + 1] == '\n';
		if (c != '\r') {
			buf_add_char(out, c);
		} else if (!ends_line) {
			buf_add_char(out, '\n');
		}
	}
}

static void show_event(
	const char *function, const char *request_id, enum log_kind kind, struct span text)
{
	struct buf members = BUF_INIT(4 * 1024 * 1024);
	json_add_member(&members, "function", span_of(function));
	json_add_member(&members, "requestId", span_of(request_id));
	json_add_member(&members, "stream", kind == LOG_STDOUT ? SPAN("stdout") : SPAN("stderr"));
	json_add_member(&members, "text", text);
	console_event("log", buf_span(&members));
	buf_fini(&members);
}

void output_add(struct output *o, const char *function, const char *request_id, enum log_kind kind,
	struct span text)
{
	if (kind == LOG_PLATFORM) {
		keep(o, function, text);
		return;
	}
	struct buf readable = BUF_INIT(2 * 1024 * 1024);
	struct span shown = text;
	if (span_find(text, '\r') >= 0) {
		add_readable(&readable, text);
		shown = buf_span(&readable);
	}
	keep(o, function, shown);
	if (console_is_json()) {
		show_event(function, request_id, kind, shown);
	} else {
		console_raw(shown);
	}
	buf_fini(&readable);
}
