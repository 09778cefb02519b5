/* A scripted peer: a raw socket and the loop under test, turned in one thread. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "proxy/base/alloc.h"
#include "proxy/base/buf.h"

struct peer {
	uv_loop_t *loop;
	int fd;
	struct buf got; /* everything received */
	bool eof;
	bool reset; /* the end was not a goodbye */
};

static inline void peer_connect(struct peer *p, uv_loop_t *loop, unsigned port)
{
	*p = (struct peer){ .loop = loop, .fd = socket(AF_INET, SOCK_STREAM, 0) };
	buf_init(&p->got, (size_t)1 << 26);
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(connect(p->fd, (struct sockaddr *)&addr, sizeof addr), 0);
}

static inline void peer_close(struct peer *p)
{
	close(p->fd);
	buf_fini(&p->got);
}

/* Ends with a reset instead of a goodbye. */
static inline void peer_reset(struct peer *p)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };
	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	peer_close(p);
}

static inline void peer_send(struct peer *p, const char *bytes)
{
	for (size_t left = strlen(bytes); left;) {
		ssize_t n = send(p->fd, bytes, left, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			uv_run(p->loop, UV_RUN_NOWAIT);
			continue;
		}
		assert_true(n > 0);
		bytes += n;
		left -= (size_t)n;
	}
}

static inline void peer_receive(struct peer *p)
{
	char bytes[65536];
	ssize_t n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n > 0) {
		buf_add(&p->got, bytes, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
		p->eof = true;
		p->reset = n < 0;
	}
}

/* One turn of the loop and of the peer; waits a moment for either to have something to do. */
static inline void peer_turn(struct peer *p)
{
	uv_run(p->loop, UV_RUN_NOWAIT);
	struct pollfd fds[] = { { .fd = p->fd, .events = POLLIN },
		{ .fd = uv_backend_fd(p->loop), .events = POLLIN } };
	poll(fds, p->eof ? 0 : 2, 1);
	peer_receive(p);
}

/* Turns until cond holds; a cond that never does fails by the limit of the test runner. */
#define TURN_UNTIL(p, cond)   \
	do {                  \
		peer_turn(p); \
	} while (!(cond))

static inline void peer_expect(struct peer *p, const char *bytes)
{
	size_t len = strlen(bytes);
	TURN_UNTIL(p, p->got.len >= len || p->eof);
	if (p->got.len < len || memcmp(p->got.ptr, bytes, len) != 0) {
		fail_msg("expected:\n%s\ngot:\n%s", bytes, p->got.ptr ? buf_cstr(&p->got) : "");
	}
	buf_consume(&p->got, len);
}

/* Nothing more, then the end. */
static inline void peer_expect_eof(struct peer *p)
{
	TURN_UNTIL(p, p->eof);
	if (p->got.len) {
		fail_msg("expected the end, got:\n%s", buf_cstr(&p->got));
	}
}

static inline void run_dry(uv_loop_t *loop)
{
	while (uv_run(loop, UV_RUN_DEFAULT)) { /* a callback called uv_stop */
	}
	if (uv_loop_close(loop) != 0) {
		uv_print_all_handles(loop, stderr);
		fail_msg("the loop is not empty");
	}
}
