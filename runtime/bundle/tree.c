#include "runtime/bundle/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "proxy/base/alloc.h"
#include "proxy/base/file.h"

#define MAX_FILES 5000
#define MAX_DEPTH 12

static bool is_left_out(const char *name, const char *left_out)
{
	static const char *const names[] = { "node_modules", "__pycache__", "venv", "cdk.out" };
	if (name[0] == '.' || (left_out && strcmp(name, left_out) == 0)) {
		return true;
	}
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void add(struct tree *t, char *path)
{
	if (t->n < MAX_FILES) {
		t->at[t->n++] = path;
	} else {
		free(path);
	}
}

static void collect(
	struct tree *t, const char *dir, bool folders, const char *left_out, unsigned depth)
{
	DIR *stream = depth < MAX_DEPTH ? opendir(dir) : NULL;
	if (!stream) {
		return;
	}
	if (folders) {
		add(t, xstrdup(dir));
	}
	for (struct dirent *e = readdir(stream); e && t->n < MAX_FILES; e = readdir(stream)) {
		if (is_left_out(e->d_name, left_out)) {
			continue;
		}
		char *path = xasprintf("%s/%s", dir, e->d_name);
		struct stat st;
		int rc = lstat(path, &st);
		if (rc == 0 && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))) {
			add(t, path);
			continue;
		}
		if (rc == 0 && S_ISDIR(st.st_mode)) {
			collect(t, path, folders, left_out, depth + 1);
		}
		free(path);
	}
	closedir(stream);
}

struct tree tree_list(const char *root, bool folders, const char *left_out)
{
	struct tree t = { xcalloc(MAX_FILES, sizeof(char *)), 0 };
	collect(&t, root, folders, left_out, 0);
	return t;
}

void tree_fini(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->at[i]);
	}
	free(t->at);
	*t = (struct tree){ NULL, 0 };
}

int tree_copy_file(const char *from, const char *to, struct err *err)
{
	uv_fs_t copy;
	int rc = uv_fs_copyfile(NULL, &copy, from, to, UV_FS_COPYFILE_EXCL, NULL);
	uv_fs_req_cleanup(&copy);
	return rc ? err_errno(err, -rc, "cannot copy '%s' to '%s'", from, to) : 0;
}

static int copy_entry(const char *from, const char *to, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof target - 1);
	if (n < 0) {
		return tree_copy_file(from, to, err);
	}
	target[n] = '\0';
	return symlink(target, to) ? err_errno(err, errno, "cannot make the link '%s'", to) : 0;
}

int tree_copy(const char *root, const char *to, struct err *err)
{
	size_t below = strlen(root);
	struct tree t = tree_list(root, false, NULL);
	int rc = dir_make_private(to, err);
	for (size_t i = 0; i < t.n && rc == 0; i++) {
		AUTO_FREE char *target = xasprintf("%s%s", to, t.at[i] + below);
		AUTO_FREE char *folder = xstrndup(target, (size_t)(strrchr(target, '/') - target));
		rc = dir_make_private(folder, err);
		rc = rc ? rc : copy_entry(t.at[i], target, err);
	}
	tree_fini(&t);
	return rc;
}

/* The whole file, to be unmapped; NULL if it is empty or cannot be read. */
static void *map(const char *path, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p = MAP_FAILED;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
		*len = (size_t)st.st_size;
		p = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (fd >= 0) {
		close(fd);
	}
	return p == MAP_FAILED ? NULL : p;
}

bool tree_same_file(const char *a, const char *b)
{
	size_t na = 0, nb = 0;
	void *pa = map(a, &na), *pb = map(b, &nb);
	bool same = pa && pb && na == nb && memcmp(pa, pb, na) == 0;
	if (pa) {
		munmap(pa, na);
	}
	if (pb) {
		munmap(pb, nb);
	}
	return same;
}
