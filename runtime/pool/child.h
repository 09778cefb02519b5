/* One child process on the loop: spawned as leader of its own process group, with pipes for its output
 * and, on request, one pipe each way beside stdio. It dies with us, however we end: the kernel sends
 * it SIGKILL (setpriv --pdeathsig, where the system has it).
 *
 * A child has ended when it has exited and its pipes have reached their end; a grandchild that
 * holds a pipe open delays that for half a second at most, for what is left of the group is killed. */
#pragma once

#include <uv.h>

#include "proxy/base/err.h"
#include "proxy/base/span.h"

struct child;

#define CHILD_SOCKET_FD 5

enum child_stream {
	CHILD_STDOUT,
	CHILD_STDERR,
	CHILD_EXTRA
};

struct child_end {
	int status; /* exit status, if no signal */
	int signal; /* the signal that killed it, or 0 */
};

struct child_config {
	uv_loop_t *loop;
	char *const *argv; /* argv[0] is looked up in the PATH of env */
	char *const *env; /* "NAME=value", NULL-terminated */
	const char *cwd;
	bool input; /* descriptor 3 of the child reads what child_send writes */
	bool extra; /* descriptor 4 of the child is CHILD_EXTRA */
	bool socket; /* CHILD_SOCKET_FD of the child is one end of a socket pair (child_socket) */
	void *ctx;
	/* Bytes of the child, valid for the call. */
	void (*on_output)(void *ctx, enum child_stream stream, struct span bytes);
	/* Once, and last: the child is freed when this returns. Not called when child_open failed. */
	void (*on_ended)(void *ctx, const struct child_end *end);
};

/* Starts the process; the config is copied, argv, env and cwd are needed for the call only. NULL with err. */
struct child *child_open(const struct child_config *config, struct err *err) MUST_CHECK;
/* Hands the child to another owner: from now on its news go there. */
void child_give(struct child *c, void *ctx,
	void (*on_output)(void *ctx, enum child_stream stream, struct span bytes),
	void (*on_ended)(void *ctx, const struct child_end *end));
int child_pid(const struct child *c);
/* Our end of the socket pair, which is the caller's from now on; -1 if it was taken or there is none. */
int child_socket(struct child *c);
/* True from the moment its exit was seen (its pipes may still hold output). */
bool child_exited(const struct child *c);
/* Queues bytes for descriptor 3 (copied). A child that is gone or does not read loses them. */
void child_send(struct child *c, struct span bytes);
/* Closes descriptor 3's other end: the child reads EOF. */
void child_end_input(struct child *c);
/* Passes on what stdout and stderr hold right now, through on_output, before it returns. */
void child_drain(struct child *c);
/* SIGTERM to the group, and SIGKILL after grace_ms; 0 kills at once. on_ended follows. */
void child_stop(struct child *c, unsigned grace_ms);
/* "exit status 3", "signal: killed": as Go's os/exec, and so Lambda, puts it. out is NUL-terminated. */
void child_end_text(const struct child_end *end, char *out, size_t size);
