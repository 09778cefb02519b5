#include "emulator/auth/users.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/arena.h"
#include "proxy/base/file.h"

#define FILE_MAX (256 * 1024)
#define USERS_MAX 256

struct users {
	struct arena *arena;
	size_t n;
	struct user list[USERS_MAX];
};

struct reader {
	struct users *users;
	struct user *user; /* the profile being read; NULL before the first */
	size_t header_line;
	const char *path;
	size_t line;
};

static int finish_profile(struct reader *r, struct err *err)
{
	struct user *u = r->user;
	if (!u) {
		return 0;
	}
	const char *missing = !u->access_key ? "aws_access_key_id"
			      : !u->secret   ? "aws_secret_access_key"
					     : NULL;
	if (missing) {
		return err_set(err, ERR_INVALID, "%s:%zu: profile '%.60s' has no %s", r->path,
			r->header_line, u->name, missing);
	}
	for (size_t i = 0; i + 1 < r->users->n; i++) {
		if (strcmp(r->users->list[i].access_key, u->access_key) == 0) {
			return err_set(err, ERR_CONFLICT,
				"%s:%zu: profiles '%.60s' and '%.60s' have the same "
				"access key",
				r->path, r->header_line, r->users->list[i].name, u->name);
		}
	}
	return 0;
}

static int start_profile(struct reader *r, struct span line, struct err *err)
{
	if (finish_profile(r, err)) {
		return -ERR_INVALID;
	}
	bool closed = line.ptr[line.len - 1] == ']';
	struct span name =
		closed ? span_trim(span_n(line.ptr + 1, line.len - 2)) : (struct span){ NULL, 0 };
	if (name.len == 0) {
		return err_set(err, ERR_INVALID, "%s:%zu: expected [profile]", r->path, r->line);
	}
	if (r->users->n == USERS_MAX) {
		return err_set(err, ERR_LIMIT, "%s:%zu: more than %d profiles", r->path, r->line,
			USERS_MAX);
	}
	r->user = &r->users->list[r->users->n++];
	r->user->name = arena_strndup(r->users->arena, name.ptr, name.len);
	r->user->session_token = "";
	r->header_line = r->line;
	return 0;
}

static int read_setting(struct reader *r, struct span line, struct err *err)
{
	struct span value = line;
	struct span name = span_trim(span_cut(&value, '='));
	/* The line may hold a secret: it is not repeated in the message. */
	if (!value.ptr) {
		return err_set(err, ERR_INVALID, "%s:%zu: expected name = value", r->path, r->line);
	}
	if (!r->user) {
		return err_set(err, ERR_INVALID, "%s:%zu: setting before the first [profile]",
			r->path, r->line);
	}
	value = span_trim(value);
	const char **place = span_is(name, "aws_access_key_id")       ? &r->user->access_key
			     : span_is(name, "aws_secret_access_key") ? &r->user->secret
			     : span_is(name, "aws_session_token")     ? &r->user->session_token
								      : NULL;
	if (!place) {
		return 0; /* region, output and the like belong to other tools */
	}
	if (value.len == 0 || value.len > 4096) {
		return err_set(err, ERR_INVALID, "%s:%zu: %.*s is %s", r->path, r->line,
			SPAN_ARG(name), value.len ? "too long" : "empty");
	}
	if (place == &r->user->access_key && (span_find(value, '/') >= 0 || value.len > 128)) {
		return err_set(err, ERR_INVALID, "%s:%zu: aws_access_key_id is no access key id",
			r->path, r->line);
	}
	*place = arena_strndup(r->users->arena, value.ptr, value.len);
	return 0;
}

static int read_line(struct reader *r, struct span line, struct err *err)
{
	if (line.len && line.ptr[line.len - 1] == '\r') {
		line.len--;
	}
	line = span_trim(line);
	if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';') {
		return 0;
	}
	return line.ptr[0] == '[' ? start_profile(r, line, err) : read_setting(r, line, err);
}

struct users *users_parse(struct span text, const char *path, struct err *err)
{
	struct users *u = xalloc(sizeof *u);
	u->arena = arena_create();
	struct reader r = { .users = u, .path = path };
	struct span rest = text;
	int rc = 0;
	if (text.len && memchr(text.ptr, '\0', text.len)) {
		rc = err_set(err, ERR_INVALID, "%s: is not a text file", path);
	}
	while (!rc && rest.ptr) {
		r.line++;
		rc = read_line(&r, span_cut(&rest, '\n'), err);
	}
	if (!rc) {
		rc = finish_profile(&r, err);
	}
	if (rc) {
		users_destroy(u);
		return NULL;
	}
	return u;
}

struct users *users_load(const char *path, struct err *err)
{
	if (!path) {
		return users_parse((struct span){ NULL, 0 }, "", err);
	}
	struct buf text = BUF_INIT(FILE_MAX);
	struct users *u =
		file_read(path, &text, err) ? NULL : users_parse(buf_span(&text), path, err);
	buf_fini(&text);
	return u;
}

void users_destroy(struct users *u)
{
	if (u) {
		arena_destroy(u->arena);
		free(u);
	}
}

const struct user *users_named(const struct users *u, struct span name)
{
	for (size_t i = 0; i < u->n; i++) {
		if (span_is(name, u->list[i].name)) {
			return &u->list[i];
		}
	}
	return NULL;
}

const struct user *users_find(const struct users *u, struct span access_key)
{
	for (size_t i = 0; i < u->n; i++) {
		if (span_is(access_key, u->list[i].access_key)) {
			return &u->list[i];
		}
	}
	return NULL;
}
