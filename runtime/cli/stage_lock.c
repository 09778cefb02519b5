#include "runtime/cli/stage_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/span.h"

static const char *const KINDS[] = { "start", "connect", "deploy" };

static int open_lock(const char *stage_dir, int flags)
{
	AUTO_FREE char *path = xasprintf("%s/lock", stage_dir);
	return open(path, flags | O_CLOEXEC, 0600);
}

/* "deploy 1234" */
static struct stage_owner read_owner(int fd)
{
	struct stage_owner owner = { 0 };
	char text[64];
	ssize_t n = pread(fd, text, sizeof text, 0);
	struct span rest = span_n(text, n > 0 ? (size_t)n : 0);
	struct span kind = span_cut(&rest, ' ');
	uint64_t pid = 0;
	for (size_t i = 0; i < COUNT_OF(KINDS); i++) {
		if (span_is(kind, KINDS[i]) && span_u64(span_cut(&rest, '\n'), 1u << 30, &pid)) {
			owner = (struct stage_owner){ (pid_t)pid, (enum stage_kind)i };
			break;
		}
	}
	return owner;
}

void stage_lock_hand_over(int fd, enum stage_kind kind, pid_t pid)
{
	char text[64];
	int n = snprintf(text, sizeof text, "%s %ld\n", KINDS[kind], (long)pid);
	/* Only for messages and `remove`; the lock itself does not depend on it. */
	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n) {
		return;
	}
}

int stage_lock_take(const char *stage_dir, const char *stage, enum stage_kind kind, struct err *err)
{
	int fd = open_lock(stage_dir, O_RDWR | O_CREAT);
	if (fd < 0) {
		err_errno(err, errno, "cannot open '%s/lock'", stage_dir);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		struct stage_owner owner = read_owner(fd);
		close(fd);
		if (owner.kind == STAGE_DEPLOY) {
			err_set(err, ERR_BUSY,
				"stage '%s' is deployed (pid %ld): use another --stage, or "
				"`offstage remove "
				"--stage %s` first",
				stage, (long)owner.pid, stage);
		} else {
			err_set(err, ERR_BUSY,
				"stage '%s' runs already (pid %ld, offstage %s): stop it, or use "
				"another "
				"--stage",
				stage, (long)owner.pid, KINDS[owner.kind]);
		}
		return -1;
	}
	stage_lock_hand_over(fd, kind, getpid());
	return fd;
}

struct stage_owner stage_lock_owner(const char *stage_dir)
{
	int fd = open_lock(stage_dir, O_RDWR);
	struct stage_owner owner = { 0 };
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		owner = read_owner(fd);
	}
	if (fd >= 0) {
		close(fd);
	}
	return owner;
}
