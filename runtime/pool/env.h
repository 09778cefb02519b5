/* The environment of a handler process (lambda.md 2.1, sst.md 4.3): the developer's own, without AWS
 * settings that are not this app's, under the function's variables, under what the platform sets. */
#pragma once

#include "proxy/base/arena.h"
#include "proxy/base/buf.h"

struct env_var {
	const char *name, *value;
};

struct env_spec {
	const char *function, *handler,
		*runtime; /* name, "dir/file.export" below task_root, "nodejs18.x" */
	unsigned memory_mb;
	const char *region;
	const char *task_root; /* absolute */
	const char
		*layers; /* folders that stand for /opt, separated by colons; NULL or "" = none */
	const char *runtime_dir; /* the bootstrap's folder */
	const char *endpoint; /* the emulator's service URL */
	const char *access_key_id, *secret_access_key, *session_token;
	bool json_logs;
	bool frozen; /* a deployed copy: IS_LOCAL is start's alone (sst.md 4.3) */
	const struct env_var *variables; /* the function's own */
	size_t n_variables;
	const struct env_var *extra; /* ours, last word: OFFSTAGE_PREFETCH and the like */
	size_t n_extra;
};

/* "NAME=value" strings, NULL-terminated, in the arena. `parent` is an environ; `api` is host:port. */
char **env_build(
	struct arena *a, const struct env_spec *spec, char *const *parent, const char *api);
/* The environment of a process that does not know its function yet, and of helpers: the parent's, cleaned,
 * plus `extra`. */
char **env_base(struct arena *a, char *const *parent, const struct env_var *extra, size_t n_extra);
/* The line that turns a spare started with `base` into the process of `env` (bootstrap/node/spare.cjs). */
void env_assignment(struct buf *out, char *const *base, char *const *env, const char *cwd);
