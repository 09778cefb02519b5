/* One request and its one answer, as the connection sees them: its owner, which keeps them in two
 * lists, `queue` (in order of arrival) and `spare` (for the next requests). What handlers may do
 * with an exchange stands in http_server.h. Nobody outside the HTTP server includes this. */
#pragma once

#include "proxy/base/list.h"
#include "proxy/net/http_out.h"
#include "proxy/net/http_server.h"

struct http_conn;

struct http_exchange {
	struct list node; /* conn->queue or conn->spare */
	struct http_conn *conn; /* NULL once the connection is gone and nobody wanted to know */
	struct http_request req;
	struct http_out out; /* its answer while others come first */
	struct buf body;
	struct http_body_events events;
	void (*gone)(void *ctx);
	void *gone_ctx;
	void (*drain)(void *ctx);
	void *drain_ctx;
	int64_t left; /* of a streamed answer of known length, else -1 */
	bool handed; /* the handler has it */
	bool streamed; /* body by events */
	bool read; /* the whole request has come */
	bool begun; /* the head of the answer is written */
	bool chunked;
	bool no_body; /* HEAD, 204, 304 */
	bool full; /* http_reply_write said stop */
	bool done; /* the answer is complete */
	bool keep_alive;
};

/* Where the next request is parsed into: a spare one. Stays among the spare until enqueued. */
struct http_exchange *http_exchange_next(struct http_conn *c);
void http_exchange_enqueue(struct http_exchange *x);
/* The one whose answer leaves first; NULL if none waits. */
struct http_exchange *http_exchange_first(struct http_conn *c);
/* Where the bytes of x's answer go now. */
struct http_out *http_exchange_out(struct http_exchange *x);
/* The answer of x is complete: x leaves the handler's hands. */
void http_exchange_finish(struct http_exchange *x);
/* Nobody will see the answer of x: forgets it. */
void http_exchange_drop(struct http_exchange *x);
/* The connection no longer serves x: tells the handler, or leaves x with it until it answers. */
void http_exchange_orphan(struct http_exchange *x);
void http_exchange_free(struct http_exchange *x);
