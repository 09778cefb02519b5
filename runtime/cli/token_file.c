#include "runtime/cli/token_file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/file.h"
#include "proxy/base/ids.h"

#define TOKEN_LEN 43 /* 256 bits in base64url */
#define MAX_FILE 4096

char *state_home(struct err *err)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	if (state && state[0] == '/') {
		return xasprintf("%s/offstage", state);
	}
	if (home && home[0] == '/') {
		return xasprintf("%s/.local/state/offstage", home);
	}
	err_set(err, ERR_NOT_FOUND, "neither XDG_STATE_HOME nor HOME is set: set one of them");
	return NULL;
}

char *token_path(const struct options *o, struct err *err)
{
	if (o->token_file) {
		return xstrdup(o->token_file);
	}
	AUTO_FREE char *home = state_home(err);
	return home ? xasprintf("%s/token", home) : NULL;
}

static char *read_token(const char *path, struct err *err)
{
	struct stat st;
	struct buf text = BUF_INIT(MAX_FILE);
	char *token = NULL;
	if (stat(path, &st) == 0 && (st.st_mode & 077)) {
		err_set(err, ERR_DENIED, "others may read '%s': chmod 600 it", path);
	} else if (!file_read(path, &text, err)) {
		/* Without the end of its line, as a shell's $(cat ...) gives it to OFFSTAGE_TOKEN. */
		struct span rest = buf_span(&text);
		struct span line = span_cut(&rest, '\n');
		struct span word = span_trim(span_cut(&line, '\r'));
		if (word.len < 16) {
			err_set(err, ERR_INVALID, "'%s' holds no token of 16 characters or more",
				path);
		} else {
			token = xstrndup(word.ptr, word.len);
		}
	}
	buf_fini(&text);
	return token;
}

static int make_token(const char *path, struct err *err)
{
	char token[TOKEN_LEN + 2];
	AUTO_FREE char *folder = xstrdup(path);
	char *slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		if (dir_make_private(folder, err)) {
			return -(int)err->code;
		}
	}
	id_random(token, TOKEN_LEN, ID_URLSAFE);
	token[TOKEN_LEN] = '\n';
	return file_replace(path, span_n(token, TOKEN_LEN + 1), 0600, err);
}

char *token_ensure(const char *path, struct err *err)
{
	if (access(path, F_OK) && errno == ENOENT && make_token(path, err)) {
		return NULL;
	}
	return read_token(path, err);
}

char *token_find(const struct options *o, struct err *err)
{
	const char *given = getenv("OFFSTAGE_TOKEN");
	if (given && *given) {
		return xstrdup(given);
	}
	AUTO_FREE char *path = token_path(o, err);
	char *token = path ? read_token(path, err) : NULL;
	if (path && !token && err->code != ERR_DENIED && access(path, F_OK)) {
		err_set(err, ERR_NOT_FOUND,
			"no token in '%s': copy the file that `offstage serve` keeps, or set "
			"OFFSTAGE_TOKEN",
			path);
	}
	return token;
}
