/* How the process of a function is started: the command line per runtime (lambda.md 2.2, 2.3). */
#pragma once

#include "proxy/base/arena.h"

enum launch_kind {
	LAUNCH_NODE,
	LAUNCH_PYTHON,
	LAUNCH_BINARY
};

struct launch {
	enum launch_kind kind;
	char **argv; /* NULL-terminated */
};

struct launch_tools {
	const char *node; /* path or name of the node program */
	const char *runtime_dir; /* where bootstrap/ lies */
	unsigned inspect_port; /* 0 = no debugger */
};

/* By the prefix: "nodejs18.x", "python3.11"; all others run their own `bootstrap`. */
enum launch_kind launch_kind_of(const char *runtime);
/* The command line for a runtime; task_root is where a binary's bootstrap lies. In the arena. */
struct launch launch_build(struct arena *a, const struct launch_tools *tools, const char *runtime,
	unsigned memory_mb, const char *task_root);
/* Puts a program in front, which is to run the rest (AWS_LAMBDA_EXEC_WRAPPER, lambda.md 2.1). */
void launch_wrap(struct launch *l, struct arena *a, const char *wrapper);
