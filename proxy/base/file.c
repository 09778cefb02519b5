#include "proxy/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

int file_read(const char *path, struct buf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return err_errno(err, errno, "cannot open '%s'", path);
	}
	ssize_t n = 1;
	while (n > 0) {
		/* A small step near the ceiling, so that a file of exactly that size passes. */
		size_t room = out->max - out->len;
		char *to = room ? buf_reserve(out, room < 65536 ? room : 65536) : NULL;
		char spare;
		n = read(fd, to ? to : &spare, to ? (room < 65536 ? room : 65536) : 1);
		if (n > 0 && !to) {
			close(fd);
			return err_set(
				err, ERR_LIMIT, "'%s' is larger than %zu bytes", path, out->max);
		}
		if (n > 0) {
			buf_commit(out, (size_t)n);
		}
	}
	int failed = n < 0 ? errno : 0;
	close(fd);
	return failed ? err_errno(err, failed, "cannot read '%s'", path) : 0;
}

static int write_all(int fd, struct span content)
{
	while (content.len) {
		ssize_t n = write(fd, content.ptr, content.len);
		if (n < 0 && errno != EINTR) {
			return errno;
		}
		if (n > 0) {
			content = span_n(content.ptr + n, content.len - (size_t)n);
		}
	}
	return 0;
}

int file_replace(const char *path, struct span content, unsigned mode, struct err *err)
{
	char tail[9];
	id_random(tail, 8, ID_LOWER_DIGITS);
	AUTO_FREE char *beside = xasprintf("%s.%s.tmp", path, tail);
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return err_errno(err, errno, "cannot create '%s'", beside);
	}
	int failed = write_all(fd, content);
	if (!failed && fchmod(fd, (mode_t)mode)) {
		failed = errno;
	}
	if (close(fd) && !failed) {
		failed = errno;
	}
	if (!failed && rename(beside, path)) {
		failed = errno;
	}
	if (failed) {
		unlink(beside);
		return err_errno(err, failed, "cannot write '%s'", path);
	}
	return 0;
}

int dir_make_private(const char *path, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(path);
	for (char *p = copy + 1;; p++) {
		if (*p != '/' && *p != '\0') {
			continue;
		}
		char at = *p;
		*p = '\0';
		if (mkdir(copy, 0700) && errno != EEXIST) {
			return err_errno(err, errno, "cannot create folder '%s'", copy);
		}
		*p = at;
		if (!at) {
			return 0;
		}
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) && errno != ENOENT ? -1 : 0;
}

int dir_remove(const char *path, struct err *err)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT) {
		return err_errno(err, errno, "cannot remove '%s'", path);
	}
	return 0;
}
