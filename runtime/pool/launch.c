#include "runtime/pool/launch.h"

#define MAX_ARGS 8

enum launch_kind launch_kind_of(const char *runtime)
{
	if (strncmp(runtime, "nodejs", 6) == 0) {
		return LAUNCH_NODE;
	}
	return strncmp(runtime, "python", 6) == 0 ? LAUNCH_PYTHON : LAUNCH_BINARY;
}

/* The heap as the cloud's own bootstrap divides the function's memory. */
static char **node_argv(struct arena *a, const struct launch_tools *tools, unsigned memory_mb)
{
	char **argv = arena_alloc(a, MAX_ARGS * sizeof *argv);
	unsigned young = memory_mb / 10;
	size_t n = 0;
	argv[n++] = arena_strdup(a, tools->node);
	argv[n++] = arena_printf(a, "--max-semi-space-size=%u", young / 2 ? young / 2 : 1);
	argv[n++] = arena_printf(a, "--max-old-space-size=%u", memory_mb - young);
	argv[n++] = arena_strdup(a, "--max-http-header-size=81920");
	if (tools->inspect_port) {
		argv[n++] = arena_printf(a, "--inspect=127.0.0.1:%u", tools->inspect_port);
	}
	argv[n++] = arena_printf(a, "%s/bootstrap/node/bootstrap.cjs", tools->runtime_dir);
	return argv;
}

/* The declared version where it is installed would be better still; any Python 3 will do. */
static char **python_argv(struct arena *a, const struct launch_tools *tools)
{
	char **argv = arena_alloc(a, MAX_ARGS * sizeof *argv);
	argv[0] = arena_strdup(a, "python3");
	argv[1] = arena_strdup(a, "-u");
	argv[2] = arena_printf(a, "%s/bootstrap/python/bootstrap.py", tools->runtime_dir);
	return argv;
}

struct launch launch_build(struct arena *a, const struct launch_tools *tools, const char *runtime,
	unsigned memory_mb, const char *task_root)
{
	struct launch l = { launch_kind_of(runtime), NULL };
	if (l.kind == LAUNCH_NODE) {
		l.argv = node_argv(a, tools, memory_mb);
	} else if (l.kind == LAUNCH_PYTHON) {
		l.argv = python_argv(a, tools);
	} else {
		l.argv = arena_alloc(a, 2 * sizeof *l.argv);
		l.argv[0] = arena_printf(a, "%s/bootstrap", task_root);
	}
	return l;
}

void launch_wrap(struct launch *l, struct arena *a, const char *wrapper)
{
	size_t n = 0;
	while (l->argv[n]) {
		n++;
	}
	char **argv = arena_alloc(a, (n + 2) * sizeof *argv);
	argv[0] = arena_strdup(a, wrapper);
	memcpy(argv + 1, l->argv, n * sizeof *argv);
	l->argv = argv;
}
