/* The pipes are real pipes and not libuv's socket pairs, so that a handler may open /dev/stdout.
 *
 *   child_open -> output ... -> exit -> EOF of each pipe -> all handles closed -> on_ended, free
 *
 * Failures: a pipe or the spawn fails (what was made is closed, err says why); the child never
 * exits (child_stop: TERM, timer, KILL); a grandchild keeps a pipe (the timer closes it). */
#include "runtime/pool/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/log.h"
#include "proxy/net/scope.h"
#include "proxy/net/timer.h"

#define SETPRIV "/usr/bin/setpriv"
#define LINGER_MS 500
#define DRAIN_MAX (1024 * 1024)
#define PIPES 4 /* stdout, stderr, extra, input */
#define INPUT 3
/* Descriptors of the child; those that it does not have are closed in it. */
#define STDIO (CHILD_SOCKET_FD + 1)
#define READ_SIZE (64 * 1024)

struct child_pipe {
	uv_pipe_t handle;
	struct child *child;
	bool open; /* initialised and not yet being closed */
};

struct child {
	struct scope scope; /* a hold per open handle, one until the exit was seen */
	struct child_config config;
	uv_process_t process;
	struct timer *timer; /* towards KILL, then towards closing pipes that stay open */
	struct child_pipe pipes[PIPES];
	struct child_end end;
	int socket; /* -1 when there is none */
	int pid;
	bool exited;
	bool failed; /* never started: nobody is told */
};

struct child_write {
	uv_write_t request;
	char bytes[];
};

/* One loop, one read at a time: the bytes are passed on before the next read. */
static char read_buffer[READ_SIZE];

static void child_last(struct scope *s)
{
	struct child *c = container_of(s, struct child, scope);
	timer_close(c->timer);
	if (c->socket >= 0) {
		close(c->socket);
	}
	struct child_config config = c->config;
	struct child_end end = c->end;
	bool failed = c->failed;
	if (failed) {
		free(c);
		return;
	}
	config.on_ended(config.ctx, &end);
	free(c);
}

static void on_pipe_closed(uv_handle_t *handle)
{
	struct child_pipe *p = handle->data;
	scope_drop(&p->child->scope);
}

static void pipe_close(struct child_pipe *p)
{
	if (p->open) {
		p->open = false;
		uv_close((uv_handle_t *)&p->handle, on_pipe_closed);
	}
}

static void on_process_closed(uv_handle_t *handle)
{
	struct child *c = handle->data;
	scope_drop(&c->scope);
}

static void kill_group(const struct child *c, int sig)
{
	if (c->pid > 0 && kill(-c->pid, sig) != 0 && errno != ESRCH) {
		log_debug("pool", "kill(%d, %d): %s", -c->pid, sig, strerror(errno));
	}
}

static void on_timer(void *ctx)
{
	struct child *c = ctx;
	kill_group(c, SIGKILL);
	if (c->exited) {
		for (size_t i = 0; i < PIPES; i++) {
			pipe_close(&c->pipes[i]);
		}
	}
}

static void on_exit_seen(uv_process_t *process, int64_t status, int sig)
{
	struct child *c = process->data;
	c->exited = true;
	c->end.status = (int)status;
	c->end.signal = sig;
	/* Nothing that it started outlives it. */
	kill_group(c, SIGKILL);
	pipe_close(&c->pipes[INPUT]);
	timer_arm(c->timer, LINGER_MS);
	uv_close((uv_handle_t *)process, on_process_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	(void)handle;
	(void)suggested;
	*out = uv_buf_init(read_buffer, READ_SIZE);
}

static void pipe_output(struct child_pipe *p, struct span bytes)
{
	struct child *c = p->child;
	c->config.on_output(c->config.ctx, (enum child_stream)(p - c->pipes), bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct child_pipe *p = stream->data;
	if (n > 0) {
		pipe_output(p, span_n(buf->base, (size_t)n));
	} else if (n < 0) {
		pipe_close(p);
	}
}

/* Makes a pipe; ours stays with libuv, theirs is returned, to be closed after the spawn. -1 with err. */
static int pipe_open(struct child *c, size_t index, struct err *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) != 0) {
		return err_errno(err, errno, "pipe for a process");
	}
	bool input = index == INPUT;
	int ours = fds[input ? 1 : 0], theirs = fds[input ? 0 : 1];
	struct child_pipe *p = &c->pipes[index];
	p->child = c;
	uv_pipe_init(c->config.loop, &p->handle, 0);
	p->handle.data = p;
	p->open = true;
	scope_hold(&c->scope);
	int rc = uv_pipe_open(&p->handle, ours);
	if (rc != 0) {
		close(ours);
		close(theirs);
		return err_errno(err, -rc, "pipe for a process");
	}
	if (!input) {
		uv_read_start((uv_stream_t *)&p->handle, on_alloc, on_read);
	}
	return theirs;
}

/* argv behind the wrapper that ties the child's life to ours. Free the result, not its strings. */
static char **guarded_argv(char *const *argv)
{
	static char setpriv[] = SETPRIV, flag[] = "--pdeathsig", sig[] = "KILL", end[] = "--";
	size_t n = 0;
	while (argv[n]) {
		n++;
	}
	char **out = xcalloc(n + 5, sizeof *out);
	size_t at = 0;
	if (access(SETPRIV, X_OK) == 0) {
		out[at++] = setpriv;
		out[at++] = flag;
		out[at++] = sig;
		out[at++] = end;
	}
	for (size_t i = 0; i < n; i++) {
		out[at++] = argv[i];
	}
	return out;
}

static int spawn(struct child *c, uv_stdio_container_t stdio[STDIO], struct err *err)
{
	AUTO_FREE char **argv = guarded_argv(c->config.argv);
	char **env;
	memcpy(&env, &c->config.env, sizeof env); /* libuv only reads it */
	uv_process_options_t options = {
		.exit_cb = on_exit_seen,
		.file = argv[0],
		.args = argv,
		.env = env,
		.cwd = c->config.cwd,
		.flags = UV_PROCESS_DETACHED,
		.stdio = stdio,
		.stdio_count = STDIO,
	};
	c->process.data = c;
	scope_hold(&c->scope);
	int rc = uv_spawn(c->config.loop, &c->process, &options);
	if (rc != 0) {
		uv_close((uv_handle_t *)&c->process, on_process_closed);
		return err_errno(err, -rc, "cannot start '%s'", c->config.argv[0]);
	}
	c->pid = c->process.pid;
	return 0;
}

/* stdio[fd] of the child is the far end of pipe `index`. */
static int wire(struct child *c, uv_stdio_container_t *slot, size_t index, struct err *err)
{
	int fd = pipe_open(c, index, err);
	if (fd < 0) {
		return fd;
	}
	slot->flags = UV_INHERIT_FD;
	slot->data.fd = fd;
	return 0;
}

static int pair(struct child *c, uv_stdio_container_t *slot, struct err *err)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
		return err_errno(err, errno, "socket pair for a process");
	}
	c->socket = fds[0];
	slot->flags = UV_INHERIT_FD;
	slot->data.fd = fds[1];
	return 0;
}

static int start(struct child *c, struct err *err)
{
	uv_stdio_container_t stdio[STDIO] = { { .flags = UV_IGNORE } };
	int rc = wire(c, &stdio[1], CHILD_STDOUT, err);
	if (rc == 0) {
		rc = wire(c, &stdio[2], CHILD_STDERR, err);
	}
	if (rc == 0 && c->config.input) {
		rc = wire(c, &stdio[3], INPUT, err);
	}
	if (rc == 0 && c->config.extra) {
		rc = wire(c, &stdio[4], CHILD_EXTRA, err);
	}
	if (rc == 0 && c->config.socket) {
		rc = pair(c, &stdio[CHILD_SOCKET_FD], err);
	}
	if (rc == 0) {
		rc = spawn(c, stdio, err);
	}
	for (size_t i = 1; i < STDIO; i++) {
		if (stdio[i].flags == UV_INHERIT_FD) {
			close(stdio[i].data.fd);
		}
	}
	return rc;
}

struct child *child_open(const struct child_config *config, struct err *err)
{
	struct child *c = xalloc(sizeof *c);
	c->config = *config;
	c->socket = -1;
	scope_init(&c->scope, child_last);
	c->timer = timer_open(config->loop, on_timer, c);
	c->failed = start(c, err) != 0;
	/* They were lent for the call. */
	c->config.argv = NULL;
	c->config.env = NULL;
	c->config.cwd = NULL;
	bool failed = c->failed;
	if (failed) {
		for (size_t i = 0; i < PIPES; i++) {
			pipe_close(&c->pipes[i]);
		}
	}
	/* From here on the handles keep it; it goes with the last of them. */
	scope_close(&c->scope);
	scope_drop(&c->scope);
	return failed ? NULL : c;
}

void child_give(struct child *c, void *ctx,
	void (*on_output)(void *ctx, enum child_stream stream, struct span bytes),
	void (*on_ended)(void *ctx, const struct child_end *end))
{
	c->config.ctx = ctx;
	c->config.on_output = on_output;
	c->config.on_ended = on_ended;
}

int child_pid(const struct child *c)
{
	return c->pid;
}

int child_socket(struct child *c)
{
	int fd = c->socket;
	c->socket = -1;
	return fd;
}

bool child_exited(const struct child *c)
{
	return c->exited;
}

static void on_written(uv_write_t *request, int status)
{
	(void)status; /* a reader that is gone is seen as an exit */
	free(container_of(request, struct child_write, request));
}

void child_send(struct child *c, struct span bytes)
{
	struct child_pipe *p = &c->pipes[INPUT];
	if (!p->open) {
		return;
	}
	struct child_write *w = xalloc(sizeof *w + bytes.len);
	memcpy(w->bytes, bytes.ptr, bytes.len);
	uv_buf_t buf = uv_buf_init(w->bytes, (unsigned)bytes.len);
	if (uv_write(&w->request, (uv_stream_t *)&p->handle, &buf, 1, on_written) != 0) {
		free(w);
	}
}

static void on_input_flushed(uv_shutdown_t *request, int status)
{
	(void)status;
	struct child_pipe *p = request->data;
	free(request);
	pipe_close(p);
}

void child_end_input(struct child *c)
{
	struct child_pipe *p = &c->pipes[INPUT];
	if (!p->open) {
		return;
	}
	uv_shutdown_t *request = xalloc(sizeof *request);
	request->data = p;
	if (uv_shutdown(request, (uv_stream_t *)&p->handle, on_input_flushed) != 0) {
		free(request);
		pipe_close(p);
	}
}

static void drain_pipe(struct child_pipe *p, int fd)
{
	char bytes[16 * 1024];
	for (size_t total = 0; p->open && total < DRAIN_MAX;) {
		ssize_t n = read(fd, bytes, sizeof bytes);
		if (n <= 0) {
			break; /* empty, or an end that the loop sees too */
		}
		total += (size_t)n;
		pipe_output(p, span_n(bytes, (size_t)n));
	}
}

void child_drain(struct child *c)
{
	/* Each invocation ends with this, and most have printed nothing: one call for both pipes. */
	struct pollfd ready[2] = { { .fd = -1 }, { .fd = -1 } };
	for (size_t i = CHILD_STDOUT; i <= CHILD_STDERR; i++) {
		uv_os_fd_t fd;
		if (c->pipes[i].open && uv_fileno((uv_handle_t *)&c->pipes[i].handle, &fd) == 0) {
			ready[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
		}
	}
	int n = poll(ready, COUNT_OF(ready), 0);
	for (size_t i = CHILD_STDOUT; n > 0 && i <= CHILD_STDERR; i++) {
		if (ready[i].revents & POLLIN) {
			drain_pipe(&c->pipes[i], ready[i].fd);
		}
	}
}

void child_stop(struct child *c, unsigned grace_ms)
{
	if (c->exited) {
		return;
	}
	if (grace_ms == 0) {
		kill_group(c, SIGKILL);
		return;
	}
	kill_group(c, SIGTERM);
	timer_arm(c->timer, grace_ms);
}

void child_end_text(const struct child_end *end, char *out, size_t size)
{
	if (end->signal == 0) {
		snprintf(out, size, "exit status %d", end->status);
		return;
	}
	/* Go's names are the C library's in lower case ("killed", "segmentation fault"). */
	const char *name = strsignal(end->signal);
	int n = snprintf(out, size, "signal: %s", name ? name : "unknown");
	for (int i = 0; i < n && (size_t)i < size; i++) {
		if (out[i] >= 'A' && out[i] <= 'Z') {
			out[i] = (char)(out[i] - 'A' + 'a');
		}
	}
}
