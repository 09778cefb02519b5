/* Who runs a stage: <stage>/lock, locked for as long as its process lives (also after kill -9, unlike a file
 * with a pid), so that nobody runs a stage twice. The lock goes over to forked children, not to programs that
 * they start. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "proxy/base/err.h"

enum stage_kind {
	STAGE_START,
	STAGE_CONNECT,
	STAGE_DEPLOY
};

struct stage_owner {
	pid_t pid; /* 0: nobody runs it */
	enum stage_kind kind;
};

/* The descriptor that holds the lock until it is closed; -1 with err: who has it, and what to do. The
 * folder must exist. */
int stage_lock_take(
	const char *stage_dir, const char *stage, enum stage_kind kind, struct err *err) MUST_CHECK;
/* The lock is another process's from now on: a child's that has it by fork. */
void stage_lock_hand_over(int fd, enum stage_kind kind, pid_t pid);
struct stage_owner stage_lock_owner(const char *stage_dir);
