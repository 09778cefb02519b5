/* The inside of the HTTP server: the server and one connection, shared by http_conn.c (bytes in and
 * out, time, the close), http_intake.c (requests), http_exchange.c (order), http_reply.c (answers)
 * and http_server.c (listening). Nobody else includes it. */
#pragma once

#include "proxy/base/list.h"
#include "proxy/net/http_exchange.h"
#include "proxy/net/http_out.h"
#include "proxy/net/http_parse.h"
#include "proxy/net/http_server.h"
#include "proxy/net/scope.h"

/* One read takes at most this much; all connections of a server share the buffer. */
#define HTTP_READ_SIZE (64 * 1024)
/* Above this much unwritten output a stream is told to stop and the connection reads no more. */
#define HTTP_OUT_MARK (256 * 1024)

struct http_listener {
	uv_tcp_t tcp;
	struct http_server *server;
};

struct http_server {
	struct scope scope;
	uv_loop_t *loop;
	struct http_server_config config;
	struct http_listener listeners[2];
	unsigned n_listeners;
	unsigned port;
	struct list conns;
	unsigned n_conns;
	/* Connections that an answer was given to outside their own callbacks: they write before the
	 * loop waits again. */
	struct list dirty;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_timer_t grace;
	void (*done)(void *ctx);
	void *done_ctx;
	char date[30];
	uint64_t date_at; /* loop time in seconds of `date`, plus one */
	char read_buffer[HTTP_READ_SIZE];
};

/* What a connection waits for, hence what its deadline means. */
enum http_wait {
	HTTP_WAIT_NONE,
	HTTP_WAIT_IDLE,
	HTTP_WAIT_HEAD,
	HTTP_WAIT_BODY,
	HTTP_WAIT_WRITE,
	HTTP_WAIT_LINGER,
};

struct http_conn {
	struct scope scope; /* holds: own, stream, timer */
	struct http_server *server; /* the connection is one of the server's holds */
	struct list in_server; /* server->conns */
	struct list in_dirty; /* server->dirty */
	union { /* accepted from the listener, or one end of a socket pair */
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	uv_timer_t timer;
	char peer[INET6_ADDRSTRLEN];

	struct http_parse parse;
	struct buf pending; /* read, not yet parsed: we wait for answers */
	struct list queue; /* of http_exchange, in order of arrival */
	unsigned n_queue;
	struct list spare; /* of http_exchange, for the next requests */
	struct http_exchange *current; /* whose body is being read; on the queue */

	struct http_out out; /* answers of the first in the queue */
	struct http_out flight; /* what `write` is writing */
	size_t unwritten; /* of it, when the deadline was looked at last */
	uv_write_t write;
	uv_shutdown_t shutdown;

	enum http_wait wait;
	uint64_t deadline; /* loop time; UINT64_MAX = none */
	uint64_t timer_due; /* when the timer fires to look at the deadline; UINT64_MAX = never */

	bool busy; /* inside conn_advance or a read: answers need no wake-up */
	bool reading;
	bool writing; /* `write` is under way */
	bool eof; /* the client sends no more */
	bool last; /* no further request is taken */
	bool cut; /* no further answer is taken: the one that closes has been given */
	bool lingering; /* our side is shut; waiting for the client's */
	bool body_paused;
	unsigned n_requests;
};

/* Takes an accepted connection from the listener. */
void http_conn_open(struct http_server *server, uv_stream_t *listener);
/* Takes a connected Unix socket. */
void http_conn_adopt(struct http_server *server, int fd);
/* At once; exchanges get on_gone from the close callback. */
void http_conn_close(struct http_conn *c);
/* The same, and why, for the log. */
void http_conn_close_because(struct http_conn *c, const char *reason);
/* Closes when its answers are out; at once if it is idle. */
void http_conn_retire(struct http_conn *c);
/* Reads on, writes, settles what comes next. Called for each dirty connection. */
void http_conn_advance(struct http_conn *c);
/* Something changed from outside: advance before the loop waits. */
void http_conn_touch(struct http_conn *c);

/* The server's side of the above. */
void http_server_dirty(struct http_server *s, struct http_conn *c);
void http_server_forget(struct http_server *s, struct http_conn *c);
const char *http_server_date(struct http_server *s);
