#include "runtime/cli/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/run.h"
#include "runtime/cli/stage_lock.h"

#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 30000
#define STEADY_MS 60000 /* an app that ran so long has earned a quick restart */
#define STOP_MS 15000
#define POLL_MS 10

/* --- the app's process ------------------------------------------------------------------------- */

struct report {
	int fd; /* -1: said already */
	pid_t supervisor;
};

static void write_all(int fd, struct span text)
{
	while (text.len) {
		ssize_t n = write(fd, text.ptr, text.len);
		if (n <= 0) {
			return; /* whoever deployed has gone; the app runs all the same */
		}
		text = span_n(text.ptr + n, text.len - (size_t)n);
	}
}

static void on_ready(void *ctx, const cJSON *endpoints, const cJSON *outputs, bool first)
{
	struct report *r = ctx;
	(void)first;
	if (r->fd < 0) {
		return;
	}
	struct buf text = BUF_INIT(64u << 20);
	buf_add_str(&text, "{\"endpoints\":");
	json_add_tree(&text, endpoints);
	buf_add_str(&text, ",\"outputs\":");
	json_add_tree(&text, outputs);
	buf_add_char(&text, '}');
	kill(r->supervisor, SIGUSR1);
	write_all(r->fd, buf_span(&text));
	close(r->fd);
	r->fd = -1;
	buf_fini(&text);
}

static int run_copy(const struct supervised *s, int report_fd, pid_t supervisor)
{
	struct report report = { report_fd, supervisor };
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != supervisor) {
		return EXIT_FAILED;
	}
	return run_alone(&(struct run){ .options = s->options,
		.app_dir = s->copy_dir,
		.state_dir = s->paths->stage,
		.stage_dir = s->paths->stage,
		.runtime_dir = s->paths->runtime,
		.frozen = true,
		.on_ready = on_ready,
		.ctx = &report });
}

/* --- the supervisor ---------------------------------------------------------------------------- */

struct supervisor {
	const struct supervised *what;
	int report_fd; /* -1 once the first child has it alone */
	sigset_t signals; /* blocked, and waited for */
	pid_t child; /* 0: none */
	bool was_ready, stopping;
	unsigned backoff_ms;
};

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void start_child(struct supervisor *s)
{
	pid_t self = getpid();
	fflush(NULL);
	s->child = fork();
	if (s->child == 0) {
		sigprocmask(SIG_UNBLOCK, &s->signals, NULL);
		exit(run_copy(s->what, s->report_fd, self));
	}
	if (s->child < 0) {
		console_problem("cannot start a process: %s", strerror(errno));
		s->child = 0;
	}
	if (s->report_fd >= 0) {
		close(s->report_fd);
		s->report_fd = -1;
	}
}

/* Waits for the next signal, at most so long (-1 = for ever), and notes what it means. */
static void wait_signal(struct supervisor *s, int64_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	siginfo_t info;
	int number =
		ms < 0 ? sigwaitinfo(&s->signals, &info) : sigtimedwait(&s->signals, &info, &t);
	if (number == SIGUSR1) {
		s->was_ready = true;
	} else if (number == SIGTERM || number == SIGINT || number == SIGHUP) {
		s->stopping = true;
		if (s->child) {
			kill(s->child, SIGTERM);
		}
	}
}

static bool child_ended(struct supervisor *s)
{
	int status;
	if (s->child && waitpid(s->child, &status, WNOHANG) == s->child) {
		if (!s->stopping) {
			console_problem("the app's process ended (%s %d)",
				WIFSIGNALED(status) ? "signal" : "exit code",
				WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		}
		s->child = 0;
	}
	return !s->child;
}

static void rest(struct supervisor *s)
{
	s->backoff_ms = s->backoff_ms ? s->backoff_ms * 2 : BACKOFF_MIN_MS;
	s->backoff_ms = s->backoff_ms < BACKOFF_MAX_MS ? s->backoff_ms : BACKOFF_MAX_MS;
	int64_t until = now_ms() + s->backoff_ms;
	for (int64_t now = now_ms(); !s->stopping && now < until; now = now_ms()) {
		wait_signal(s, until - now);
	}
}

static int supervise(struct supervisor *s)
{
	while (!s->stopping) {
		int64_t started = now_ms();
		start_child(s);
		while (!child_ended(s)) {
			wait_signal(s, -1);
		}
		if (!s->was_ready) {
			return EXIT_FAILED;
		}
		if (now_ms() - started > STEADY_MS) {
			s->backoff_ms = 0;
		}
		if (!s->stopping) {
			rest(s);
		}
	}
	return EXIT_DONE;
}

static void leave_terminal(const struct supervised *what)
{
	setsid();
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int log = open(what->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (null < 0 || log < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
		dup2(log, STDERR_FILENO) < 0 || chdir(what->paths->app)) {
		_exit(EXIT_FAILED);
	}
	close(null);
	close(log);
	console_mute(); /* requests are not kept for ever; problems and each function's log are */
}

/* --- the command's side ------------------------------------------------------------------------ */

static cJSON *read_report(int fd, struct err *err)
{
	struct buf text = BUF_INIT(64u << 20);
	ssize_t n = 1;
	while (n > 0) {
		char *to = buf_reserve(&text, 65536);
		n = to ? read(fd, to, 65536) : 0;
		if (n > 0) {
			buf_commit(&text, (size_t)n);
		} else if (n < 0 && errno == EINTR) {
			n = 1;
		}
	}
	cJSON *tree = text.len ? json_parse(buf_span(&text), err) : NULL;
	if (!text.len) {
		err_set(err, ERR_UNAVAILABLE, "the app did not come up");
	}
	buf_fini(&text);
	return tree;
}

cJSON *supervisor_start(const struct supervised *what, struct err *err)
{
	static const int SIGNALS[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	struct supervisor s = { .what = what };
	int pipe_fds[2];
	if (pipe2(pipe_fds, O_CLOEXEC)) {
		err_errno(err, errno, "cannot make a pipe");
		return NULL;
	}
	sigset_t before;
	sigemptyset(&s.signals);
	for (size_t i = 0; i < COUNT_OF(SIGNALS); i++) {
		sigaddset(&s.signals, SIGNALS[i]);
	}
	console_flush();
	fflush(NULL);
	sigprocmask(SIG_BLOCK, &s.signals, &before);
	pid_t pid = fork();
	if (pid == 0) {
		close(pipe_fds[0]);
		s.report_fd = pipe_fds[1];
		leave_terminal(what);
		exit(supervise(&s));
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(pipe_fds[1]);
	if (pid > 0) {
		stage_lock_hand_over(what->lock, STAGE_DEPLOY, pid);
	}
	cJSON *report = pid > 0 ? read_report(pipe_fds[0], err) : NULL;
	if (pid < 0) {
		err_errno(err, errno, "cannot start a process");
	} else if (!report) {
		waitpid(pid, NULL, 0);
	}
	close(pipe_fds[0]);
	return report;
}

int supervisor_stop(const char *stage_dir, pid_t pid, struct err *err)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000 };
	if (kill(pid, SIGTERM) && errno != ESRCH) {
		return err_errno(err, errno, "cannot stop process %ld", (long)pid);
	}
	for (int64_t end = now_ms() + STOP_MS; now_ms() < end;) {
		if (!stage_lock_owner(stage_dir).pid) {
			return 0;
		}
		nanosleep(&pause, NULL);
	}
	return err_set(err, ERR_TIMEOUT, "process %ld does not stop: kill -9 -%ld, then try again",
		(long)pid, (long)pid);
}
