/* An HTTP/1.1 server over uv and llhttp: listeners, connections, requests and replies. Used by the
 * gateway, the service port, the login providers and the Lambda Runtime API.
 *
 * Parsing is strict (no lenient flags, plus our own refusal of every smuggling shape: both
 * Content-Length and Transfer-Encoding, repeated or odd lengths, obs-fold, bare LF, space before
 * the colon, NUL, bad chunk sizes; RFC 9112 sections 2.2, 5.1, 5.2, 6.3, 7.1). A bad request is
 * answered through `fault` after all earlier answers on its connection, then the connection closes.
 *
 * One struct http_exchange is one request and its one answer. It lives from the call of on_request
 * (or on_head) until its answer has been handed over AND the handler has called the function that
 * finishes it; or until on_gone, which is called at most once, when the client left first: after it
 * the exchange is dead and must not be touched. After http_reply / http_reply_end / http_abort the
 * exchange must not be touched either, and on_gone is not called. Pointers into the request (target,
 * headers, body) live as long as the exchange.
 *
 * Callbacks never run inside the functions below, except that on_drain may run in the same turn.
 * Replies written within one turn to one connection leave in one write. */
#pragma once

#include <netinet/in.h>
#include <uv.h>

#include "proxy/base/arena.h"
#include "proxy/base/buf.h"
#include "proxy/base/buf.h"
#include "proxy/base/err.h"
#include "proxy/base/span.h"

struct http_server;
struct http_exchange;

struct http_header {
	struct span name; /* as received / as to be sent */
	struct span value; /* without surrounding blanks; may hold any byte but CR, LF, NUL */
};

struct http_request {
	struct span method; /* as sent: "GET" */
	struct span target; /* the request-target as sent, never decoded or tidied; origin-form, or
			     * absolute-form reduced to path and query (host wins per RFC 9112 3.2.2) */
	struct span path; /* of target, before '?' */
	struct span query; /* after '?', ptr NULL if there is no '?' */
	int minor; /* HTTP/1.<minor> */
	const struct http_header *headers; /* in order of arrival, repeats kept */
	size_t n_headers;
	struct span body; /* whole, de-chunked; empty while streamed */
	bool has_body; /* Content-Length > 0 or chunked */
	size_t head_size; /* bytes of request line and header lines */
	char peer[INET6_ADDRSTRLEN]; /* numeric address of the TCP peer */
	struct arena *arena; /* the exchange's own; for whoever handles the request */
};

/* Why a request never became an exchange; each has its usual status. */
enum http_fault {
	HTTP_FAULT_MALFORMED, /* 400 */
	HTTP_FAULT_HEAD_TIMEOUT, /* 408 */
	HTTP_FAULT_BODY_TOO_LARGE, /* 413 */
	HTTP_FAULT_HEAD_TOO_LARGE, /* 431 */
	HTTP_FAULT_VERSION, /* 505 */
};

struct http_reply {
	int status;
	const struct http_header
		*headers; /* without content-length, connection, date, transfer-encoding */
	size_t n_headers;
	struct span body; /* copied */
};

struct http_server_config {
	void *ctx;
	/* A complete request. */
	void (*on_request)(void *ctx, struct http_exchange *x);
	/* Optional: the head is complete and a body is to come. Return true to take it as a stream: then
	 * set callbacks with http_stream_body before returning; on_request is not called for it. */
	bool (*on_head)(void *ctx, struct http_exchange *x);
	/* Optional: shapes the answer to a bad request (default: {"message":"<reason phrase>"} as JSON).
	 * `detail` says what was wrong, for the log. The reply's spans must stay valid for the call. */
	void (*fault)(void *ctx, enum http_fault fault, const char *detail, const char *peer,
		struct http_reply *reply);
	/* Optional: `Upgrade: websocket` on this server. Return true to take the socket: fd is yours, and
	 * `head` is every byte read so far, starting with the request line (valid for the call). */
	bool (*on_upgrade)(void *ctx, struct span path, struct span head, int fd);
	size_t max_head; /* request line + headers, bytes; 0 = 16 KiB */
	size_t max_body; /* bytes; 0 = 1 MiB */
	unsigned head_timeout_ms; /* first byte to end of head; 0 = 20 s */
	unsigned body_timeout_ms; /* longest silence within a body; 0 = 30 s */
	unsigned idle_timeout_ms; /* between requests; 0 = 75 s; UINT_MAX = none */
	unsigned
		pipeline; /* how many requests of one connection may be unanswered at once; the answers
			    * leave in order whatever order they are given in; 0 = 1 */
	unsigned max_connections; /* 0 = 10000; above it new ones are closed at once */
	bool send_date; /* a Date header on each reply */
	bool half_closed_is_gone; /* a client that shuts its write side has left, as a worker that died
				   * has; else it is still given its answer */
};

/* Listens at once. host is numeric ("127.0.0.1", "::1") or "localhost" (127.0.0.1, and ::1 too where
 * it exists: then on the same port); port 0 takes a free one. The config is copied. NULL with err
 * set, ERR_BUSY if the port is taken. Makes the process ignore SIGPIPE. */
struct http_server *http_server_open(uv_loop_t *loop, const char *host, unsigned port,
	const struct http_server_config *config, struct err *err) MUST_CHECK;
unsigned http_server_port(const struct http_server *s);
/* One more connection, beside those that are accepted: a connected Unix socket, which becomes the server's.
 * Its requests have no peer. */
void http_server_adopt(struct http_server *s, int fd);
/* Stops listening; idle connections close, busy ones close after their answers but at the latest
 * after grace_ms. done(ctx) runs when all is closed (NULL allowed). */
void http_server_close(
	struct http_server *s, unsigned grace_ms, void (*done)(void *ctx), void *ctx);
/* For tests and status: connections now open. */
unsigned http_server_connections(const struct http_server *s);

const struct http_request *http_request(const struct http_exchange *x);
/* First header of that name (case-insensitive); ptr NULL if there is none. */
struct span http_header_get(const struct http_request *r, const char *name);
/* How many headers of that name there are. */
size_t http_header_count(const struct http_request *r, const char *name);

/* Whom to tell when the client leaves before the answer is complete. Without it the exchange stays
 * with the handler, who answers into the void: so whoever answers later and holds something dear
 * meanwhile registers. */
void http_on_gone(struct http_exchange *x, void (*fn)(void *ctx), void *ctx);

/* The whole answer. Adds Content-Length (not for 1xx, 204, 304), Connection as needed, Date if
 * configured; HEAD gets the head only. Header values with CR, LF or NUL are our caller's bug: ENSURE. */
void http_reply(struct http_exchange *x, const struct http_reply *reply);
/* As http_reply, with a body whose memory is taken (b is empty afterwards): no copy of megabytes. */
void http_reply_buf(struct http_exchange *x, const struct http_reply *reply, struct buf *body);

/* An answer in pieces: chunked on HTTP/1.1, until close on 1.0; with `length` >= 0 as Content-Length. */
void http_reply_begin(struct http_exchange *x, const struct http_reply *reply, int64_t length);
/* Copies the bytes. Returns false when more than 256 KiB wait: stop until on_drain. */
bool http_reply_write(struct http_exchange *x, struct span bytes);
void http_on_drain(struct http_exchange *x, void (*fn)(void *ctx), void *ctx);
void http_reply_end(struct http_exchange *x);
/* Ends an exchange by closing its connection: an answer that broke in the middle. What was written
 * before leaves first, so that the client sees how far it came; its end is missing. */
void http_abort(struct http_exchange *x);

/* Streamed request body, from on_head only: on_data for each piece, then on_end once with
 * complete = true, or on_gone (http_on_gone) if the client leaves. `trailers` are given at on_end. */
struct http_body_events {
	void (*on_data)(void *ctx, struct span piece);
	void (*on_end)(void *ctx, const struct http_header *trailers, size_t n);
	void *ctx;
};
void http_stream_body(struct http_exchange *x, const struct http_body_events *events);
/* Stops / resumes reading a streamed body. */
void http_body_pause(struct http_exchange *x);
void http_body_resume(struct http_exchange *x);

/* The standard reason phrase ("Not Found"); "" for unknown codes. */
const char *http_reason(int status);
