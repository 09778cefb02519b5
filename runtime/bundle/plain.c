/* Python, executables that the developer's own tools make, JavaScript as it is: nothing is built. The folder is the task
 * root, and every file in it an input. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proxy/base/alloc.h"
#include "runtime/bundle/bundler.h"

#define MAX_FILES 5000
#define MAX_DEPTH 12

struct files {
	char **at;
	size_t n;
};

static bool is_left_out(const char *name)
{
	return name[0] == '.' || strcmp(name, "node_modules") == 0 ||
	       strcmp(name, "__pycache__") == 0 || strcmp(name, "venv") == 0 ||
	       strcmp(name, "cdk.out") == 0;
}

static void collect(struct files *f, const char *dir, unsigned depth)
{
	DIR *stream = depth < MAX_DEPTH ? opendir(dir) : NULL;
	if (!stream) {
		return;
	}
	for (struct dirent *e = readdir(stream); e && f->n < MAX_FILES; e = readdir(stream)) {
		if (is_left_out(e->d_name)) {
			continue;
		}
		char *path = xasprintf("%s/%s", dir, e->d_name);
		struct stat st;
		int rc = lstat(path, &st);
		if (rc == 0 && S_ISREG(st.st_mode)) {
			f->at[f->n++] = path;
			continue;
		}
		if (rc == 0 && S_ISDIR(st.st_mode)) {
			collect(f, path, depth + 1);
		}
		free(path);
	}
	closedir(stream);
}

static bool takes(const struct build_order *order)
{
	(void)order;
	return true;
}

static void build(struct helper *helper, const struct build_order *o, build_fn fn, void *ctx)
{
	(void)helper;
	AUTO_FREE char *below = xasprintf("%s/%s", o->app, o->src_path);
	AUTO_FREE char *root = realpath(o->src_path[0] == '/' ? o->src_path : below, NULL);
	AUTO_FREE char *problem = NULL;
	struct files files = { xcalloc(MAX_FILES, sizeof(char *)), 0 };
	struct build_report r = {
		.ok = root != NULL, .changed = true, .root = root, .handler = o->entry
	};
	if (root) {
		collect(&files, root, 0);
	} else {
		problem = xasprintf("The code folder \"%s\" of the function %s does not exist",
			o->src_path, o->function);
		r.message = r.problem = problem;
	}
	const char *const *inputs;
	memcpy(&inputs, &files.at, sizeof inputs);
	r.inputs = inputs;
	r.n_inputs = files.n;
	fn(ctx, &r);
	for (size_t i = 0; i < files.n; i++) {
		free(files.at[i]);
	}
	free(files.at);
}

const struct bundler bundler_plain = { "plain", takes, build, false };

const struct bundler *bundler_for(const struct build_order *order)
{
	return bundler_esbuild.takes(order) ? &bundler_esbuild : &bundler_plain;
}
