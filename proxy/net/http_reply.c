/* Answers: what the handler gives becomes bytes of HTTP/1.1 (RFC 9112) in the connection's output,
 * or in the exchange's own while earlier requests are unanswered. */
#include "proxy/base/buf.h"
#include "proxy/net/http_chars.h"
#include "proxy/net/http_conn.h"

/* All of a head that is not the handler's: status line, Date, framing, Connection. */
#define REST_MAX 256

#define HTTP_REASONS(X)                           \
	X(100, "Continue")                        \
	X(101, "Switching Protocols")             \
	X(102, "Processing")                      \
	X(103, "Early Hints")                     \
	X(200, "OK")                              \
	X(201, "Created")                         \
	X(202, "Accepted")                        \
	X(203, "Non-Authoritative Information")   \
	X(204, "No Content")                      \
	X(205, "Reset Content")                   \
	X(206, "Partial Content")                 \
	X(207, "Multi-Status")                    \
	X(208, "Already Reported")                \
	X(226, "IM Used")                         \
	X(300, "Multiple Choices")                \
	X(301, "Moved Permanently")               \
	X(302, "Found")                           \
	X(303, "See Other")                       \
	X(304, "Not Modified")                    \
	X(305, "Use Proxy")                       \
	X(307, "Temporary Redirect")              \
	X(308, "Permanent Redirect")              \
	X(400, "Bad Request")                     \
	X(401, "Unauthorized")                    \
	X(402, "Payment Required")                \
	X(403, "Forbidden")                       \
	X(404, "Not Found")                       \
	X(405, "Method Not Allowed")              \
	X(406, "Not Acceptable")                  \
	X(407, "Proxy Authentication Required")   \
	X(408, "Request Timeout")                 \
	X(409, "Conflict")                        \
	X(410, "Gone")                            \
	X(411, "Length Required")                 \
	X(412, "Precondition Failed")             \
	X(413, "Content Too Large")               \
	X(414, "URI Too Long")                    \
	X(415, "Unsupported Media Type")          \
	X(416, "Range Not Satisfiable")           \
	X(417, "Expectation Failed")              \
	X(418, "I'm a teapot")                    \
	X(421, "Misdirected Request")             \
	X(422, "Unprocessable Content")           \
	X(423, "Locked")                          \
	X(424, "Failed Dependency")               \
	X(425, "Too Early")                       \
	X(426, "Upgrade Required")                \
	X(428, "Precondition Required")           \
	X(429, "Too Many Requests")               \
	X(431, "Request Header Fields Too Large") \
	X(451, "Unavailable For Legal Reasons")   \
	X(500, "Internal Server Error")           \
	X(501, "Not Implemented")                 \
	X(502, "Bad Gateway")                     \
	X(503, "Service Unavailable")             \
	X(504, "Gateway Timeout")                 \
	X(505, "HTTP Version Not Supported")      \
	X(506, "Variant Also Negotiates")         \
	X(507, "Insufficient Storage")            \
	X(508, "Loop Detected")                   \
	X(511, "Network Authentication Required")

static struct span reason(int status)
{
	switch (status) {
#define X(code, text) \
	case code:    \
		return SPAN(text);
		HTTP_REASONS(X)
#undef X
	default:
		return SPAN("");
	}
}

const char *http_reason(int status)
{
	return reason(status).ptr;
}

const struct http_request *http_request(const struct http_exchange *x)
{
	return &x->req;
}

struct span http_header_get(const struct http_request *r, const char *name)
{
	struct span want = span_of(name);
	for (size_t i = 0; i < r->n_headers; i++) {
		const struct http_header *h = &r->headers[i];
		if (h->name.len == want.len && span_ieq(h->name, want)) {
			return h->value;
		}
	}
	return span_n(NULL, 0);
}

size_t http_header_count(const struct http_request *r, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n_headers; i++) {
		n += span_iis(r->headers[i].name, name);
	}
	return n;
}

void http_on_gone(struct http_exchange *x, void (*fn)(void *ctx), void *ctx)
{
	x->gone = fn;
	x->gone_ctx = ctx;
}

void http_on_drain(struct http_exchange *x, void (*fn)(void *ctx), void *ctx)
{
	x->drain = fn;
	x->drain_ctx = ctx;
}

void http_stream_body(struct http_exchange *x, const struct http_body_events *events)
{
	x->events = *events;
}

static void pause_body(struct http_exchange *x, bool paused)
{
	struct http_conn *c = x->conn;
	if (c && c->current == x && c->body_paused != paused) {
		c->body_paused = paused;
		http_conn_touch(c);
	}
}

void http_body_pause(struct http_exchange *x)
{
	pause_body(x, true);
}

void http_body_resume(struct http_exchange *x)
{
	pause_body(x, false);
}

/* --- heads ------------------------------------------------------------------------------------ */

static bool is_clean(struct span s)
{
	for (size_t i = http_chars_text(s); i < s.len; i++) {
		if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0') {
			return false;
		}
	}
	return true;
}

static char *put(char *to, struct span s)
{
	if (s.len) {
		memcpy(to, s.ptr, s.len);
	}
	return to + s.len;
}

static char *put_status_line(char *to, int status)
{
	ENSURE(status >= 100 && status <= 999);
	to = put(to, SPAN("HTTP/1.1 "));
	*to++ = (char)('0' + status / 100);
	*to++ = (char)('0' + status / 10 % 10);
	*to++ = (char)('0' + status % 10);
	*to++ = ' ';
	to = put(to, reason(status));
	return put(to, SPAN("\r\n"));
}

static char *put_header(char *to, struct span name, struct span value)
{
	char *line = to;
	to = put(to, name);
	to = put(to, SPAN(": "));
	to = put(to, value);
	ENSURE(name.len && is_clean(span_n(line, (size_t)(to - line))));
	return put(to, SPAN("\r\n"));
}

static char *put_length(char *to, uint64_t length)
{
	char place[BUF_U64_SIZE];
	struct buf digits = buf_on(place, sizeof place);
	buf_add_u64(&digits, length);
	to = put(to, SPAN("Content-Length: "));
	to = put(to, buf_span(&digits));
	return put(to, SPAN("\r\n"));
}

/* RFC 9110 sections 15.3.5 and 15.4.5, and 1xx. */
static bool status_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

/* Room for all of a head, or more. */
static size_t head_room(const struct http_reply *reply)
{
	size_t room = REST_MAX;
	for (size_t i = 0; i < reply->n_headers; i++) {
		const struct http_header *h = &reply->headers[i];
		room += h->name.len + h->value.len + sizeof ": \r\n";
	}
	return room;
}

static void write_head(
	struct buf *b, struct http_exchange *x, const struct http_reply *reply, int64_t length)
{
	struct http_server *server = x->conn->server;
	char *to = buf_reserve(b, head_room(reply));
	if (!to) {
		return; /* the connection sees the overflow and closes */
	}
	char *from = to;
	to = put_status_line(to, reply->status);
	for (size_t i = 0; i < reply->n_headers; i++) {
		to = put_header(to, reply->headers[i].name, reply->headers[i].value);
	}
	if (server->config.send_date) {
		to = put(to, SPAN("Date: "));
		to = put(to, span_of(http_server_date(server)));
		to = put(to, SPAN("\r\n"));
	}
	if (x->chunked) {
		to = put(to, SPAN("Transfer-Encoding: chunked\r\n"));
	} else if (length >= 0 && status_has_body(reply->status)) {
		to = put_length(to, (uint64_t)length);
	}
	/* HTTP/1.1 needs no word for keeping it; the service says so all the same (api-gateway.md 4.4). */
	to = put(to, x->keep_alive ? SPAN("Connection: keep-alive\r\n\r\n")
				   : SPAN("Connection: close\r\n\r\n"));
	buf_commit(b, (size_t)(to - from));
}

/* Everything up to and with the empty line; length -1: unknown. Returns what a body may be added to. */
static struct buf *add_head(struct http_exchange *x, const struct http_reply *reply, int64_t length)
{
	struct http_conn *c = x->conn;
	/* A closing server still answers all that it has taken; the last answer says so. */
	bool is_last = x->node.next == &c->queue;
	if (!x->read || (c->server->scope.closing && is_last)) {
		x->keep_alive = false;
	}
	x->begun = true;
	x->no_body = !status_has_body(reply->status) || span_is(x->req.method, "HEAD");
	x->chunked = length < 0 && x->req.minor > 0 && status_has_body(reply->status);
	if (length < 0 && !x->chunked && !x->no_body) {
		x->keep_alive = false;
	}
	struct buf *b = http_out_tail(http_exchange_out(x));
	write_head(b, x, reply, length);
	return b;
}

/* Nobody reads the answer: the client has left, or an earlier answer closes the connection. */
static bool is_lost(const struct http_exchange *x)
{
	ENSURE(!x->done);
	return !x->conn || x->conn->scope.closing || x->conn->cut;
}

/* --- whole answers ---------------------------------------------------------------------------- */

void http_reply(struct http_exchange *x, const struct http_reply *reply)
{
	if (is_lost(x)) {
		http_exchange_drop(x);
		return;
	}
	ENSURE(!x->begun);
	struct buf *b = add_head(x, reply, (int64_t)reply->body.len);
	if (!x->no_body) {
		buf_add_span(b, reply->body);
	}
	http_exchange_finish(x);
}

void http_reply_buf(struct http_exchange *x, const struct http_reply *reply, struct buf *body)
{
	/* Below this a copy costs less than another vector and another allocation. */
	enum {
		COPY_MAX = 4096
	};
	if (body->len <= COPY_MAX || is_lost(x)) {
		struct http_reply copied = *reply;
		copied.body = buf_span(body);
		http_reply(x, &copied);
		buf_fini(body);
		return;
	}
	ENSURE(!x->begun);
	add_head(x, reply, (int64_t)body->len);
	if (x->no_body) {
		buf_fini(body);
	} else {
		http_out_take(http_exchange_out(x), body);
	}
	http_exchange_finish(x);
}

/* --- answers in pieces ------------------------------------------------------------------------ */

void http_reply_begin(struct http_exchange *x, const struct http_reply *reply, int64_t length)
{
	if (is_lost(x)) {
		return;
	}
	ENSURE(!x->begun);
	add_head(x, reply, length);
	x->left = length < 0 ? -1 : length;
	http_conn_touch(x->conn);
}

bool http_reply_write(struct http_exchange *x, struct span bytes)
{
	if (is_lost(x)) {
		return true;
	}
	ENSURE(x->begun);
	struct http_out *out = http_exchange_out(x);
	if (bytes.len && !x->no_body) {
		struct buf *b = http_out_tail(out);
		if (x->chunked) {
			buf_addf(b, "%zx\r\n", bytes.len);
		}
		if (x->left >= 0) {
			ENSURE((uint64_t)x->left >= bytes.len);
			x->left -= (int64_t)bytes.len;
		}
		buf_add_span(b, bytes);
		if (x->chunked) {
			buf_add_span(b, SPAN("\r\n"));
		}
		http_conn_touch(x->conn);
	}
	x->full = http_out_size(out) + http_out_size(&x->conn->flight) > HTTP_OUT_MARK;
	return !x->full;
}

void http_reply_end(struct http_exchange *x)
{
	if (is_lost(x)) {
		http_exchange_drop(x);
		return;
	}
	ENSURE(x->begun);
	if (x->left > 0 && !x->no_body) {
		http_abort(x);
		return;
	}
	if (x->chunked && !x->no_body) {
		buf_add_span(http_out_tail(http_exchange_out(x)), SPAN("0\r\n\r\n"));
	}
	http_exchange_finish(x);
}

void http_abort(struct http_exchange *x)
{
	if (is_lost(x)) {
		http_exchange_drop(x);
		return;
	}
	x->keep_alive = false;
	http_exchange_finish(x);
}
