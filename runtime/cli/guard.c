#include "runtime/cli/guard.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/span.h"

#define PARENT_DIED SIGUSR2 /* free: exec hands on INT, TERM and HUP only */

static const int WAITED[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP, PARENT_DIED };

/* "pid (comm) state ppid ...": comm may hold anything, the last ')' ends it. */
static pid_t parent_of(const char *pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%s/stat", pid);
	char text[512];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
	if (f) {
		fclose(f);
	}
	text[n] = '\0';
	const char *end = strrchr(text, ')');
	uint64_t parent = 0;
	if (end && strlen(end) > 4) {
		struct span rest = span_of(end + 4);
		span_u64(span_cut(&rest, ' '), 1u << 30, &parent);
	}
	return (pid_t)parent;
}

static void kill_children(void)
{
	DIR *d = opendir("/proc");
	for (struct dirent *entry; d && (entry = readdir(d));) {
		uint64_t pid;
		if (span_u64(span_of(entry->d_name), 1u << 30, &pid) &&
			parent_of(entry->d_name) == getpid()) {
			kill((pid_t)pid, SIGKILL);
		}
	}
	if (d) {
		closedir(d);
	}
}

/* Each round orphans the next generation to us. */
static void kill_descendants(void)
{
	do {
		kill_children();
	} while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

static pid_t start(char **argv, const sigset_t *waited)
{
	pid_t pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_UNBLOCK, waited, NULL);
		signal(SIGPIPE, SIG_DFL);
		execvp(argv[0], argv);
		int code = errno == ENOENT ? 127 : 126;
		console_problem("cannot run '%s': %s", argv[0], strerror(errno));
		_exit(code);
	}
	return pid;
}

/* Collects whoever has ended; true with the code when it was the command. */
static bool command_ended(pid_t command, int *code)
{
	int status;
	bool ended = false;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid == command) {
			ended = true;
			*code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		}
	}
	return ended;
}

int guard_run(char **argv)
{
	sigset_t waited;
	siginfo_t info;
	pid_t parent = getppid();
	int code = 1;
	sigemptyset(&waited);
	for (size_t i = 0; i < COUNT_OF(WAITED); i++) {
		sigaddset(&waited, WAITED[i]);
	}
	sigprocmask(SIG_BLOCK, &waited, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, PARENT_DIED);
	pid_t command = start(argv, &waited);
	if (command < 0) {
		console_problem("cannot start a process: %s", strerror(errno));
		return 126;
	}
	while (!command_ended(command, &code)) {
		/* Died before the kernel was told to say so? */
		int number = getppid() == parent ? sigwaitinfo(&waited, &info) : PARENT_DIED;
		if (number == PARENT_DIED) {
			break;
		}
		/* What the terminal sends (from the kernel) has reached the command already. */
		if (number > 0 && number != SIGCHLD && info.si_code <= 0) {
			kill(command, number);
		}
	}
	kill_descendants();
	return code;
}
