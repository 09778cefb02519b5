#include "runtime/cli/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/file.h"

static bool exists(const char *path)
{
	return access(path, R_OK) == 0;
}

/* OFFSTAGE_RUNTIME wins; then beside an installed program; then the source tree it was built from. */
char *paths_runtime(void)
{
	const char *wish = getenv("OFFSTAGE_RUNTIME");
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (wish && *wish) {
		return xstrdup(wish);
	}
	if (n > 0) {
		self[n] = '\0';
		char *slash = strrchr(self, '/');
		AUTO_FREE char *installed =
			xasprintf("%.*s/" OFFSTAGE_RUNTIME_INSTALLED, (int)(slash - self), self);
		AUTO_FREE char *probe = xasprintf("%s/bootstrap", installed);
		if (exists(probe)) {
			return TAKE(installed);
		}
	}
	return xstrdup(OFFSTAGE_RUNTIME_SOURCE);
}

int paths_find(struct paths *p, const struct options *o, struct err *err)
{
	*p = (struct paths){ 0 };
	struct stat st;
	p->app = realpath(o->dir, NULL);
	if (!p->app) {
		return err_errno(err, errno, "cannot find the app's folder '%s'", o->dir);
	}
	if (stat(p->app, &st) || !S_ISDIR(st.st_mode)) {
		return err_set(err, ERR_INVALID, "'%s' is no folder: give the app's", o->dir);
	}
	p->state = xasprintf("%s/.offstage", p->app);
	p->stage = xasprintf("%s/%s", p->state, o->stage);
	p->endpoints = xasprintf("%s/endpoints.json", p->stage);
	p->runtime = paths_runtime();
	AUTO_FREE char *probe = xasprintf("%s/bundle/builder/builder.mjs", p->runtime);
	if (!exists(probe)) {
		return err_set(err, ERR_NOT_FOUND,
			"Offstage's own files are not in '%s': reinstall it, or set "
			"OFFSTAGE_RUNTIME",
			p->runtime);
	}
	return 0;
}

void paths_fini(struct paths *p)
{
	free(p->app);
	free(p->state);
	free(p->stage);
	free(p->endpoints);
	free(p->runtime);
	*p = (struct paths){ 0 };
}

int paths_make(const struct paths *p, struct err *err)
{
	AUTO_FREE char *ignore = xasprintf("%s/.gitignore", p->state);
	if (dir_make_private(p->stage, err)) {
		return -(int)err->code;
	}
	return exists(ignore) ? 0 : file_replace(ignore, SPAN("*\n"), 0600, err);
}
