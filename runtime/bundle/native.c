/* Go, Rust and what a Makefile makes: the developer's own tools, run when a source has changed.
 *
 *   build -> plan (which tool, where) -> toolchain_run -> on_made -> version folder -> report
 *
 * What is made goes to a fresh folder in outdir; a good one becomes outdir/<n>, the process's task root. If the program is
 * byte for byte the one before, that one stays, and with it the processes that run it. Failures: the tool is not installed;
 * it fails (its words are the problem); it makes no program, or several and none by the handler's name. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/arena.h"
#include "proxy/base/digest.h"
#include "proxy/base/file.h"
#include "proxy/base/json.h"
#include "runtime/bundle/bundler.h"
#include "runtime/bundle/places.h"
#include "runtime/bundle/tree.h"

#define MAX_PROBLEM (256 * 1024)
#define MAX_ARGS 8
#define MAX_ENV 4096
#define PROGRAM "bootstrap" /* lambda.md 2.3 */

enum way {
	NONE,
	GO,
	CARGO,
	MAKE
};

struct job {
	struct arena *arena;
	struct build_order order; /* in the arena */
	build_fn fn;
	void *ctx;
	enum way way;
	const char *root; /* the code folder; absolute, without links */
	const char *project; /* where the tool runs */
	const char *watched; /* what may concern it is below */
	const char *fresh; /* the folder being made */
	const char *scratch; /* MAKE: the copy of the sources it works in, or NULL */
	struct toolchain_command command;
	struct err err;
};

/* ---- which tool, where ---- */

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *s, const char *suffix)
{
	return span_ends(span_of(s), span_of(suffix));
}

static bool has(const char *dir, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	return access(path, R_OK) == 0;
}

static char *code_root(const struct build_order *o)
{
	AUTO_FREE char *below = xasprintf("%s/%s", o->app, o->src_path);
	return realpath(o->src_path[0] == '/' ? o->src_path : below, NULL);
}

/* Takes off the last part of a path, as far as `top`. False: it is the top already. */
static bool go_up(char *path, const char *top)
{
	char *slash = strrchr(path, '/');
	if (strcmp(path, top) == 0 || !slash || slash == path) {
		return false;
	}
	*slash = '\0';
	return true;
}

/* The folder from `dir` up to `top` that has `name`: the nearest, or the farthest. NULL; or to be freed. */
static char *find_above(const char *dir, const char *top, const char *name, bool farthest)
{
	AUTO_FREE char *at = xstrdup(dir);
	char *found = NULL;
	do {
		if (has(at, name) && (farthest || !found)) {
			free(found);
			found = xstrdup(at);
		}
	} while (go_up(at, top));
	return found;
}

static bool is_below(const char *path, const char *dir)
{
	return starts(path, dir) && (path[strlen(dir)] == '/' || path[strlen(dir)] == '\0');
}

/* Where looking upwards ends: at the app, if the code is in it. */
static const char *top_of(const char *root, const char *app)
{
	return is_below(root, app) ? app : root;
}

static bool is_project(const char *root, const char *app, const char *name)
{
	AUTO_FREE char *dir = find_above(root, top_of(root, app), name, false);
	return dir != NULL;
}

/* What SAM's BuildMethod or SST's runtime says; else a `bootstrap` that is there runs as it is, as it would be uploaded,
 * and a project is built. */
static enum way way_of(const struct build_order *o)
{
	if (strcmp(o->method, "makefile") == 0) {
		return MAKE;
	}
	if (strcmp(o->method, "go1.x") == 0 || starts(o->runtime, "go")) {
		return GO;
	}
	if (starts(o->method, "rust") || starts(o->runtime, "rust")) {
		return CARGO;
	}
	AUTO_FREE char *root = starts(o->runtime, "provided") ? code_root(o) : NULL;
	if (!root || has(root, PROGRAM)) {
		return NONE;
	}
	return is_project(root, o->app, "go.mod")       ? GO
	       : is_project(root, o->app, "Cargo.toml") ? CARGO
							: NONE;
}

static bool takes(const struct build_order *o)
{
	return way_of(o) != NONE;
}

/* ---- the command ---- */

static bool is_installed(const char *tool)
{
	const char *path = getenv("PATH");
	struct span rest = span_of(path ? path : "");
	while (rest.ptr) {
		struct span dir = span_cut(&rest, ':');
		AUTO_FREE char *file = xasprintf("%.*s/%s", SPAN_ARG(dir), tool);
		if (dir.len > 0 && access(file, X_OK) == 0) {
			return true;
		}
	}
	return false;
}

/* The developer's own environment, and what is told on top. */
static char **tool_env(struct arena *a, const char *const *more)
{
	char **env = arena_alloc(a, (MAX_ENV + MAX_ARGS) * sizeof *env);
	size_t n = 0;
	for (; environ[n] && n < MAX_ENV; n++) {
		env[n] = environ[n];
	}
	for (size_t i = 0; more[i]; i++) {
		env[n++] = arena_strdup(a, more[i]);
	}
	return env;
}

static void set_command(struct job *j, const char *const *argv, const char *const *more)
{
	char **copy = arena_alloc(j->arena, MAX_ARGS * sizeof *copy);
	size_t n = 0;
	for (; argv[n]; n++) {
		copy[n] = arena_strdup(j->arena, argv[n]);
	}
	j->command = (struct toolchain_command){ copy, tool_env(j->arena, more),
		j->scratch ? j->scratch : j->project };
}

/* A package's folder or one of its files, if the handler names it (sst.md 4.2); else the code folder. */
static const char *go_package(struct job *j)
{
	struct stat st;
	const char *path = arena_printf(j->arena, "%s/%s", j->root, j->order.entry);
	bool named = stat(path, &st) == 0 && (S_ISDIR(st.st_mode) || ends(path, ".go"));
	path = named ? path : j->root;
	size_t n = strlen(j->project);
	return path[n] == '\0' ? "." : arena_printf(j->arena, ".%s", path + n);
}

static void plan_go(struct job *j)
{
	const char *program = arena_printf(j->arena, "%s/" PROGRAM, j->fresh);
	const char *argv[] = { "go", "build", "-ldflags", "-s -w", "-o", program, go_package(j),
		NULL };
	const char *more[] = { NULL };
	set_command(j, argv, more);
}

/* The program that a handler "src/bin/hello.rs" or a BuildProperties.Binary means; NULL: the only one. */
static const char *cargo_program(struct job *j)
{
	if (*j->order.binary) {
		return j->order.binary;
	}
	const char *slash = strrchr(j->order.entry, '/');
	const char *file = slash ? slash + 1 : j->order.entry;
	if (!ends(file, ".rs") || strcmp(file, "main.rs") == 0 || strcmp(file, "lib.rs") == 0) {
		return NULL;
	}
	return arena_strndup(j->arena, file, strlen(file) - strlen(".rs"));
}

/* What cargo makes stays out of the app's folder, one place per project, unless the developer has chosen one. */
static const char *cargo_target(struct job *j)
{
	struct buf hash = BUF_INIT(128);
	sha256_hex(&hash, span_of(j->project));
	const char *slash = strrchr(j->order.outdir, '/');
	const char *line = arena_printf(j->arena, "CARGO_TARGET_DIR=%.*s/.cargo-%.12s",
		(int)(slash - j->order.outdir), j->order.outdir, buf_cstr(&hash));
	buf_fini(&hash);
	return getenv("CARGO_TARGET_DIR") ? NULL : line;
}

static void plan_cargo(struct job *j)
{
	const char *argv[MAX_ARGS] = { "cargo", "build", "--quiet",
		"--message-format=json-render-diagnostics" };
	size_t n = 4;
	const char *program = cargo_program(j);
	if (program) {
		argv[n++] = "--bin";
		argv[n++] = program;
	}
	if (j->order.minify) {
		argv[n++] = "--release";
	}
	const char *more[] = { "CARGO_TERM_COLOR=never", cargo_target(j), NULL };
	set_command(j, argv, more);
}

/* As SAM does: in a copy of the sources, with a folder to fill. */
static int plan_make(struct job *j)
{
	j->scratch = arena_printf(j->arena, "%s.sources", j->fresh);
	const char *argv[] = { "make", arena_printf(j->arena, "build-%s", j->order.logical_id),
		NULL };
	const char *more[] = { arena_printf(j->arena, "ARTIFACTS_DIR=%s", j->fresh), NULL };
	set_command(j, argv, more);
	return tree_copy(j->root, j->scratch, &j->err);
}

/* Whether a manifest names a folder beside its own: then the whole app may concern it. */
static bool leads_outside(const char *dir, const char *manifest)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, manifest);
	struct buf text = BUF_INIT(1024 * 1024);
	struct err err = ERR_INIT;
	bool found = file_read(path, &text, &err) == 0 && strstr(buf_cstr(&text), "../");
	buf_fini(&text);
	return found;
}

static void find_project(struct job *j, const char *manifest, const char *workspace)
{
	const char *app = j->order.app;
	AUTO_FREE char *entry = xasprintf("%s/%s", j->root, j->order.entry);
	AUTO_FREE char *real = realpath(entry, NULL);
	const char *from = real && is_below(real, j->root) ? real : j->root;
	const char *top = top_of(j->root, app);
	AUTO_FREE char *near = find_above(from, top, manifest, false);
	AUTO_FREE char *far = find_above(from, top, manifest, true);
	AUTO_FREE char *farther = find_above(from, top, workspace, true);
	j->project = arena_strdup(j->arena, near ? near : j->root);
	j->watched = arena_strdup(j->arena, farther ? farther : far ? far : j->root);
	if (is_below(j->root, app) &&
		(leads_outside(j->project, manifest) || leads_outside(j->watched, workspace))) {
		j->watched = app;
	}
}

static int check_installed(struct job *j)
{
	static const char *const tools[] = { [GO] = "go", [CARGO] = "cargo", [MAKE] = "make" };
	if (is_installed(tools[j->way])) {
		return 0;
	}
	return err_set(&j->err, ERR_NOT_FOUND,
		"the function %s needs the program '%s' to be built, which is not on the PATH",
		j->order.function, tools[j->way]);
}

static int plan(struct job *j)
{
	if (j->way == MAKE) {
		j->project = j->watched = j->root;
	} else if (j->way == GO) {
		find_project(j, "go.mod", "go.work");
	} else {
		find_project(j, "Cargo.toml", "Cargo.toml");
	}
	if (check_installed(j) != 0 || dir_make_private(j->order.outdir, &j->err) != 0 ||
		dir_make_private(j->fresh, &j->err) != 0) {
		return -ERR_UNAVAILABLE;
	}
	if (j->way == MAKE) {
		return plan_make(j);
	}
	if (j->way == GO) {
		plan_go(j);
	} else {
		plan_cargo(j);
	}
	return 0;
}

/* ---- versions ---- */

static uint64_t version_number(const char *name)
{
	uint64_t n = 0;
	return span_u64(span_of(name), UINT32_MAX, &n) ? n : 0;
}

static uint64_t newest_version(const char *outdir)
{
	uint64_t newest = 0;
	DIR *d = opendir(outdir);
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		uint64_t n = version_number(e->d_name);
		newest = n > newest ? n : newest;
	}
	if (d) {
		closedir(d);
	}
	return newest;
}

/* Removes versions below `keep`, and what earlier runs of ours left half-made. */
static void sweep(const char *outdir, uint64_t keep)
{
	char ours[32];
	snprintf(ours, sizeof ours, "new-%d-", (int)getpid());
	DIR *d = opendir(outdir);
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		uint64_t n = version_number(e->d_name);
		bool left = starts(e->d_name, "new-") && !starts(e->d_name, ours);
		if (left || (n > 0 && n < keep)) {
			AUTO_FREE char *path = xasprintf("%s/%s", outdir, e->d_name);
			struct err err = ERR_INIT;
			(void)!dir_remove(path, &err); /* the next build tries again */
		}
	}
	if (d) {
		closedir(d);
	}
}

static void remove_folder(const char *path)
{
	struct err err = ERR_INIT;
	(void)!dir_remove(path, &err); /* the next run's sweep finds it */
}

/* Makes the fresh folder the newest version, unless the newest has the same program. Sets the report's root. */
static int promote(struct job *j, struct build_report *r)
{
	uint64_t n = newest_version(j->order.outdir);
	const char *old = arena_printf(j->arena, "%s/%u", j->order.outdir, (unsigned)n);
	AUTO_FREE char *a = xasprintf("%s/" PROGRAM, old);
	AUTO_FREE char *b = xasprintf("%s/" PROGRAM, j->fresh);
	r->changed = j->way == MAKE || n == 0 || !tree_same_file(a, b);
	r->root = old;
	if (!r->changed) {
		return 0;
	}
	r->root = arena_printf(j->arena, "%s/%u", j->order.outdir, (unsigned)n + 1);
	if (rename(j->fresh, r->root) != 0) {
		return err_errno(&j->err, errno, "cannot make '%s'", r->root);
	}
	/* Processes of the version before may still be at work there. */
	sweep(j->order.outdir, n);
	return 0;
}

/* ---- what the tool made ---- */

static bool names_program(const struct job *j, const char *name)
{
	const char *slash = strrchr(j->order.entry, '/');
	return strcmp(slash ? slash + 1 : j->order.entry, name) == 0;
}

/* Cargo tells what it made, one JSON object a line. */
static int take_cargo_program(struct job *j, struct span lines)
{
	struct buf names = BUF_INIT(4096);
	const char *only = NULL, *named = NULL;
	size_t n = 0;
	while (lines.ptr) {
		struct err ignored = ERR_INIT;
		AUTO_JSON cJSON *line = json_parse(span_cut(&lines, '\n'), &ignored);
		const char *path = json_str(line, "executable");
		const char *name = json_str(json_object(line, "target"), "name");
		if (!path || !name) {
			continue;
		}
		only = arena_strdup(j->arena, path);
		named = names_program(j, name) ? only : named;
		buf_addf(&names, "%s%s", n++ ? ", " : "", name);
	}
	int rc = 0;
	if (n == 0) {
		rc = err_set(
			&j->err, ERR_INVALID, "the crate in \"%s\" makes no program", j->project);
	} else if (n > 1 && !named) {
		rc = err_set(&j->err, ERR_INVALID,
			"the crate makes several programs (%s): the handler \"%s\" has to name one",
			buf_cstr(&names), j->order.entry);
	} else {
		AUTO_FREE char *to = xasprintf("%s/" PROGRAM, j->fresh);
		rc = tree_copy_file(named ? named : only, to, &j->err);
	}
	buf_fini(&names);
	return rc;
}

/* Calls back and frees the job. */
static void report(struct job *j, struct build_report *r)
{
	struct tree inputs = { NULL, 0 };
	if (j->watched) {
		inputs = tree_list(j->watched, true, j->way == CARGO ? "target" : NULL);
	}
	r->handler = j->order.entry;
	memcpy(&r->inputs, &inputs.at, sizeof r->inputs);
	r->n_inputs = inputs.n;
	remove_folder(j->fresh);
	if (j->scratch) {
		remove_folder(j->scratch);
	}
	j->fn(j->ctx, r);
	tree_fini(&inputs);
	arena_destroy(j->arena);
	free(j);
}

static void report_error(struct job *j)
{
	struct build_report r = { .message = j->err.msg, .problem = j->err.msg };
	report(j, &r);
}

static void report_failure(struct job *j, const struct toolchain_result *result)
{
	struct buf words = BUF_INIT(MAX_PROBLEM), first = BUF_INIT(4096);
	struct buf problem = BUF_INIT(MAX_PROBLEM + 8192);
	bool silent = result->err.len == 0 && j->way != CARGO;
	places_copy(&words, &first, silent ? result->out : result->err, j->project, j->order.app);
	if (first.len == 0) {
		buf_addf(&first, "%s: %s", j->command.argv[0], result->failure);
	}
	if (!strstr(buf_cstr(&words), buf_cstr(&first))) {
		buf_addf(&problem, "%s\n", buf_cstr(&first));
	}
	buf_add_span(&problem, buf_span(&words));
	struct build_report r = { .message = buf_cstr(&first), .problem = buf_cstr(&problem) };
	report(j, &r);
	buf_fini(&words);
	buf_fini(&first);
	buf_fini(&problem);
}

static void on_made(void *ctx, const struct toolchain_result *result)
{
	struct job *j = ctx;
	struct build_report r = { .ok = true, .ms = result->ms };
	if (!result->ok) {
		report_failure(j, result);
		return;
	}
	int rc = j->way == CARGO ? take_cargo_program(j, result->out) : 0;
	rc = rc ? rc : promote(j, &r);
	if (rc) {
		report_error(j);
	} else {
		report(j, &r);
	}
}

static void build(
	const struct build_means *means, const struct build_order *o, build_fn fn, void *ctx)
{
	static unsigned last;
	struct job *j = xalloc(sizeof *j);
	struct arena *a = arena_create();
	*j = (struct job){ .arena = a, .fn = fn, .ctx = ctx, .way = way_of(o), .err = ERR_INIT };
	j->order = build_order_copy(a, o);
	j->fresh = arena_printf(a, "%s/new-%d-%u", o->outdir, (int)getpid(), ++last);
	AUTO_FREE char *root = code_root(o);
	j->root = root ? arena_strdup(a, root) : NULL;
	if (!root) {
		err_set(&j->err, ERR_NOT_FOUND,
			"The code folder \"%s\" of the function %s does not exist", o->src_path,
			o->function);
		report_error(j);
	} else if (plan(j) != 0) {
		report_error(j);
	} else {
		toolchain_run(means->toolchain, &j->command, on_made, j);
	}
}

const struct bundler bundler_native = { "native", takes, build, false };
