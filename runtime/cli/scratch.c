#include "runtime/cli/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "proxy/base/ids.h"

#define PREFIX "offstage-"

static const char *base_folder(void)
{
	const char *dir = getenv("TMPDIR");
	return dir && *dir ? dir : "/tmp";
}

/* Ours, and of a process that is gone. */
static bool is_stale(const char *base, const char *name)
{
	struct stat st;
	AUTO_FREE char *path = xasprintf("%s/%s", base, name);
	uint64_t pid;
	struct span rest = span_of(name);
	if (!span_starts(rest, SPAN(PREFIX)) || lstat(path, &st) || !S_ISDIR(st.st_mode) ||
		st.st_uid != geteuid()) {
		return false;
	}
	rest = span_n(rest.ptr + strlen(PREFIX), rest.len - strlen(PREFIX));
	struct span number = span_cut(&rest, '-');
	return rest.len == 8 && span_u64(number, 1u << 30, &pid) && pid > 1 &&
	       kill((pid_t)pid, 0) && errno == ESRCH;
}

static void sweep(const char *base)
{
	DIR *d = opendir(base);
	for (struct dirent *entry; d && (entry = readdir(d));) {
		if (is_stale(base, entry->d_name)) {
			AUTO_FREE char *path = xasprintf("%s/%s", base, entry->d_name);
			struct err err = ERR_INIT;
			if (dir_remove(path, &err)) {
				console_problem("%s", err.msg);
			}
		}
	}
	if (d) {
		closedir(d);
	}
}

char *scratch_create(struct err *err)
{
	const char *base = base_folder();
	char tail[9];
	sweep(base);
	id_random(tail, 8, ID_LOWER_DIGITS);
	char *path = xasprintf("%s/" PREFIX "%ld-%s", base, (long)getpid(), tail);
	if (mkdir(path, 0700)) {
		err_errno(err, errno, "cannot create folder '%s'", path);
		free(path);
		return NULL;
	}
	return path;
}

void scratch_destroy(char *path)
{
	struct err err = ERR_INIT;
	if (dir_remove(path, &err)) {
		console_problem("%s", err.msg);
	}
	free(path);
}
