/* offstage init [DIR]: the tutorial's starter app, where nothing stands yet. */
#include <dirent.h>
#include <errno.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/json.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/copy.h"
#include "runtime/cli/paths.h"

static int check_room(const char *dir, struct err *err)
{
	DIR *d = opendir(dir);
	bool any = false;
	if (!d) {
		return errno == ENOENT ? 0 : err_errno(err, errno, "cannot use '%s'", dir);
	}
	for (struct dirent *entry; !any && (entry = readdir(d));) {
		any = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	}
	closedir(d);
	return any ? err_set(err, ERR_CONFLICT,
			     "'%s' is not empty, and nothing is overwritten: name a new folder "
			     "(offstage "
			     "init my-app)",
			     dir)
		   : 0;
}

int cmd_init(const struct options *o)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *runtime = paths_runtime();
	AUTO_FREE char *starter = xasprintf("%s/starter", runtime);
	if (check_room(o->dir, &err) || copy_app(starter, o->dir, &err)) {
		console_problem("%s", err.msg);
		return EXIT_FAILED;
	}
	bool here = strcmp(o->dir, ".") == 0;
	console_line(STYLE_GREEN, "The tutorial's app is in %s.", here ? "this folder" : o->dir);
	console_line(STYLE_PLAIN,
		"Next:\n%s%s%s  offstage start\n  curl http://localhost:4511/public",
		here ? "" : "  cd ", here ? "" : o->dir, here ? "" : "\n");
	struct buf members = BUF_INIT(8192);
	json_add_member(&members, "dir", span_of(o->dir));
	console_event("created", buf_span(&members));
	buf_fini(&members);
	return EXIT_DONE;
}
