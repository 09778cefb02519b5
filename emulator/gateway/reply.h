/* Maps what a function returned to an HTTP answer (reference api-gateway.md section 4), and makes the
 * gateway's own error answers (5.1). Pure. */
#pragma once

#include "proxy/base/arena.h"
#include "proxy/base/err.h"
#include "proxy/net/http_server.h"

/* An answer under construction; its memory is the arena's, except the body where said. */
struct reply {
	struct arena *arena;
	int status;
	struct http_header *headers;
	size_t n_headers, room;
	struct span body;
};

void reply_init(struct reply *r, struct arena *arena);
/* Appends a header; name and value are borrowed until the answer is sent. */
void reply_header(struct reply *r, struct span name, struct span value);
/* Takes off every header for which drop() is true. */
void reply_drop(struct reply *r, bool (*drop)(struct span name));

/* Whose rules read a function's result: payload 1.0 and 2.0 of HTTP APIs, function URLs (2.0 but for the
 * content type of what does not name one; lambda.md 7). */
enum reply_format {
	REPLY_V1,
	REPLY_V2,
	REPLY_URL
};

/* From a Lambda proxy result. The body points into payload or scratch. On a shape
 * that the service answers with 500, returns the negative code and says in err what is wrong with
 * the result, for the terminal; r is then half made. Headers that belong to the connection, and
 * those that the gateway sets, are left out. Nothing that a handler returns can break a header line:
 * values with control characters are such a shape. */
int reply_from_lambda(struct reply *r, struct span payload, enum reply_format format,
	struct buf *scratch, struct err *err) MUST_CHECK;
/* From the prelude of a streamed result, {"statusCode","headers","cookies"}: all but the body, which
 * follows. Without a statusCode it is 200. Errors as above. */
int reply_from_prelude(struct reply *r, struct span prelude, struct err *err) MUST_CHECK;

/* The gateway's own error: status, content-type and the exact body. Also replaces a half-made one. */
void reply_error(struct reply *r, int status);
/* The body of reply_error. */
struct span reply_error_body(int status);

/* True for headers of a backend's answer that must not pass: hop-by-hop and those that the gateway
 * or the server sets itself. */
bool reply_is_reserved(struct span name);
