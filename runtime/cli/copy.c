#include "runtime/cli/copy.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/span.h"
#include "runtime/bundle/tree.h"

/* sources: copied. packages: the folder node_modules or a @scope in it, whose entries are linked. */
enum way {
	SOURCES,
	PACKAGES
};

static int copy_folder(const char *from, const char *to, enum way way, struct err *err);

/* As it is: a relative link then points into the copy. */
static int copy_link(const char *from, const char *to, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof target - 1);
	if (n >= 0) {
		target[n] = '\0';
		n = symlink(target, to);
	}
	return n < 0 ? err_errno(err, errno, "cannot copy the link '%s'", from) : 0;
}

static int link_to(const char *from, const char *to, struct err *err)
{
	return symlink(from, to) ? err_errno(err, errno, "cannot link '%s'", to) : 0;
}

static int copy_entry(
	const char *from, const char *to, const char *name, enum way way, struct err *err)
{
	struct stat st;
	if (lstat(from, &st)) {
		return err_errno(err, errno, "cannot read '%s'", from);
	}
	if (S_ISLNK(st.st_mode)) {
		return copy_link(from, to, err);
	}
	if (S_ISDIR(st.st_mode)) {
		bool packages =
			strcmp(name, "node_modules") == 0 || (way == PACKAGES && name[0] == '@');
		return way == PACKAGES && !packages
			       ? link_to(from, to, err)
			       : copy_folder(from, to, packages ? PACKAGES : SOURCES, err);
	}
	return S_ISREG(st.st_mode) ? tree_copy_file(from, to, err) : 0;
}

static bool is_left_out(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, ".offstage") == 0 || strcmp(name, ".git") == 0;
}

static int copy_folder(const char *from, const char *to, enum way way, struct err *err)
{
	DIR *d = opendir(from);
	int rc = 0;
	if (!d) {
		return err_errno(err, errno, "cannot read folder '%s'", from);
	}
	if (mkdir(to, 0755) && errno != EEXIST) {
		rc = err_errno(err, errno, "cannot create folder '%s'", to);
	}
	for (struct dirent *entry; !rc && (entry = readdir(d));) {
		if (!is_left_out(entry->d_name)) {
			AUTO_FREE char *source = xasprintf("%s/%s", from, entry->d_name);
			AUTO_FREE char *target = xasprintf("%s/%s", to, entry->d_name);
			rc = copy_entry(source, target, entry->d_name, way, err);
		}
	}
	closedir(d);
	return rc;
}

int copy_app(const char *from, const char *to, struct err *err)
{
	return copy_folder(from, to, SOURCES, err);
}
