/* Node functions: the helper runs esbuild. */
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "runtime/bundle/answer.h"
#include "runtime/bundle/bundler.h"

#define MAX_REQUEST (1024 * 1024)

struct job {
	build_fn fn;
	void *ctx;
	char *outdir;
};

static void job_free(struct job *j)
{
	free(j->outdir);
	free(j);
}

/* JavaScript that its app does not bundle is uploaded as its folder: it runs from there, with its data files,
 * its package.json and its way of loading modules. TypeScript has to become something else first. */
static bool runs_as_it_is(const struct build_order *o)
{
	static const char *const endings[] = { "js", "mjs", "cjs" };
	if (strcmp(o->options, "false") != 0) {
		return false;
	}
	const char *slash = strrchr(o->entry, '/');
	const char *file = slash ? slash + 1 : o->entry;
	int module = (int)(file - o->entry) + (int)strcspn(file, ".");
	AUTO_FREE char *below = xasprintf("%s/", o->app);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		AUTO_FREE char *path = xasprintf("%s%s/%.*s.%s", o->src_path[0] == '/' ? "" : below,
			o->src_path, module, o->entry, endings[i]);
		if (access(path, R_OK) == 0) {
			return true;
		}
	}
	return false;
}

static bool takes(const struct build_order *o)
{
	return strncmp(o->runtime, "nodejs", 6) == 0 && !runs_as_it_is(o);
}

/* The helper's handler is relative to outdir ("3/dir/file.export"); the process's to its root. */
static const char *handler_below(const char *handler, const char *outdir, const char *root)
{
	size_t n = strlen(outdir);
	if (strncmp(root, outdir, n) != 0 || root[n] != '/') {
		return handler;
	}
	const char *version = root + n + 1;
	size_t len = strlen(version);
	return strncmp(handler, version, len) == 0 && handler[len] == '/' ? handler + len + 1
									  : handler;
}

static void on_answer(void *ctx, const cJSON *answer, const struct err *err)
{
	struct job *j = ctx;
	const cJSON *error = json_object(answer, "error");
	const cJSON *lists = error ? error : answer;
	const char *root = json_str(answer, "root"), *handler = json_str(answer, "handler");
	struct answer_paths inputs = answer_paths(lists, "inputs");
	struct answer_paths missing = answer_paths(lists, "missing");
	struct buf problem = BUF_INIT(256 * 1024);
	struct build_report r = { .inputs = inputs.at,
		.n_inputs = inputs.n,
		.missing = missing.at,
		.n_missing = missing.n };
	if (answer && json_bool(answer, "ok", false) && root && handler) {
		r.ok = true;
		r.changed = json_bool(answer, "changed", true);
		r.root = root;
		r.handler = handler_below(handler, j->outdir, root);
		r.ms = json_num(answer, "ms", 0);
	} else {
		const char *message = json_str(error, "message");
		r.message = message ? message : err->msg;
		build_problem(&problem, error);
		r.problem = problem.len ? buf_cstr(&problem) : r.message;
	}
	j->fn(j->ctx, &r);
	buf_fini(&problem);
	answer_paths_fini(&inputs);
	answer_paths_fini(&missing);
	job_free(j);
}

static void build(
	const struct build_means *means, const struct build_order *o, build_fn fn, void *ctx)
{
	struct job *j = xalloc(sizeof *j);
	*j = (struct job){ fn, ctx, xstrdup(o->outdir) };
	struct buf request = BUF_INIT(MAX_REQUEST);
	buf_add_str(&request, "\"op\":\"build\"");
	json_add_member(&request, "function", span_of(o->function));
	json_add_member(&request, "entry", span_of(o->entry));
	json_add_member(&request, "srcPath", span_of(o->src_path));
	json_add_member(&request, "app", span_of(o->app));
	json_add_member(&request, "outdir", span_of(o->outdir));
	json_add_member(&request, "target", span_of(o->runtime));
	json_add_member_bool(&request, "minify", o->minify);
	if (*o->options) {
		json_add_member_raw(&request, "bundle", span_of(o->options));
	}
	helper_ask(means->helper, buf_span(&request), on_answer, j);
	buf_fini(&request);
}

const struct bundler bundler_esbuild = { "esbuild", takes, build, true };
