/* One connection.
 *
 *          bytes          head            body whole           answered, written
 *   IDLE --------> HEAD --------> BODY ---------------> WAIT ---------------------> IDLE
 *     |             |   \_______no body________________/ ^ |
 *     |             |              |                     | | pipelined: the next head is read
 *     |             | bad, slow    | bad, slow           `-' while fewer than `pipeline` wait
 *     |             v              v
 *     |            FAULT: its answer is queued behind the others, nothing more is parsed
 *     |             |
 *     | idle too    |  last answer written (also: Connection: close, client's EOF, server closing)
 *     | long        v
 *     |           LINGER: our side shut, input thrown away until the client's EOF, or 1 s
 *     v             v
 *   CLOSED <--------'   <--- reset, http_abort, write stalled: from everywhere
 *
 * The states are not stored as one word: they follow from the parser's state, the queue and the
 * flags below, and http_conn_advance, the only function that moves on, looks at these.
 *
 * Lingering keeps the kernel from answering unread input with a reset that would overtake our
 * last answer (RFC 9112 section 9.6). */
#include "proxy/net/http_conn.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/net/http_intake.h"

#define LINGER_MS 1000
#define VECTORS_MAX 32

static void set_reading(struct http_conn *c, bool on);

/* --- closing ---------------------------------------------------------------------------------- */

static void on_last_hold(struct scope *s)
{
	struct http_conn *c = container_of(s, struct http_conn, scope);
	struct http_server *server = c->server;
	while (!list_empty(&c->spare)) {
		http_exchange_free(container_of(list_first(&c->spare), struct http_exchange, node));
	}
	http_parse_fini(&c->parse);
	buf_fini(&c->pending);
	http_out_fini(&c->out);
	http_out_fini(&c->flight);
	free(c);
	scope_drop(&server->scope);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct http_conn *c = handle->data;
	scope_drop(&c->scope);
}

static void on_stream_closed(uv_handle_t *handle)
{
	struct http_conn *c = handle->data;
	while (!list_empty(&c->queue)) {
		http_exchange_orphan(http_exchange_first(c));
	}
	scope_drop(&c->scope);
}

void http_conn_close(struct http_conn *c)
{
	if (!scope_close(&c->scope)) {
		return;
	}
	list_remove(&c->in_dirty);
	http_server_forget(c->server, c);
	uv_close((uv_handle_t *)&c->stream, on_stream_closed);
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
	scope_drop(&c->scope);
}

void http_conn_close_because(struct http_conn *c, const char *reason)
{
	log_debug("net", "%s: closing because: %s (%u requests)", c->peer, reason, c->n_requests);
	http_conn_close(c);
}

void http_conn_retire(struct http_conn *c)
{
	if (c->n_queue == 0 && !c->writing && !c->lingering && http_out_size(&c->out) == 0) {
		http_conn_close_because(c, "server is closing");
	} else {
		c->last = true;
		http_conn_touch(c);
	}
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
	/* Counts for nothing: the stream's close callback comes after this one. */
	(void)req;
	(void)status;
}

static void linger(struct http_conn *c)
{
	c->lingering = true;
	if (c->eof || uv_shutdown(&c->shutdown, &c->stream, on_shutdown) != 0) {
		http_conn_close_because(c, "done");
	}
}

/* --- time ------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *handle);

/* The timer is not moved for each request: it fires, looks at the deadline, and sleeps on. */
static void arm(struct http_conn *c, uint64_t due)
{
	if (due < c->timer_due) {
		c->timer_due = due;
		uint64_t now = uv_now(c->server->loop);
		uv_timer_start(&c->timer, on_timer, due > now ? due - now : 0, 0);
	}
}

static enum http_wait what_we_wait_for(const struct http_conn *c)
{
	if (c->lingering) {
		return HTTP_WAIT_LINGER;
	}
	if (c->writing) {
		return HTTP_WAIT_WRITE;
	}
	if (c->current) {
		return c->body_paused ? HTTP_WAIT_NONE : HTTP_WAIT_BODY;
	}
	if (!http_parse_idle(&c->parse) && !c->last) {
		return HTTP_WAIT_HEAD;
	}
	return c->n_queue ? HTTP_WAIT_NONE : HTTP_WAIT_IDLE;
}

static uint64_t wait_ms(const struct http_conn *c, enum http_wait wait)
{
	const struct http_server_config *config = &c->server->config;
	switch (wait) {
	case HTTP_WAIT_NONE:
		return UINT_MAX;
	case HTTP_WAIT_HEAD:
		return config->head_timeout_ms;
	case HTTP_WAIT_BODY:
		return config->body_timeout_ms;
	case HTTP_WAIT_LINGER:
		return LINGER_MS;
	case HTTP_WAIT_WRITE: /* a client that takes no bytes is as good as idle */
	case HTTP_WAIT_IDLE:
		break;
	}
	return config->idle_timeout_ms;
}

static void set_deadline(struct http_conn *c)
{
	enum http_wait wait = what_we_wait_for(c);
	/* A head that drips and a client that does not hang up get no new time with each byte. */
	if (wait == c->wait && (wait == HTTP_WAIT_HEAD || wait == HTTP_WAIT_LINGER)) {
		return;
	}
	uint64_t ms = wait_ms(c, wait);
	c->wait = wait;
	c->deadline = ms == UINT_MAX ? UINT64_MAX : uv_now(c->server->loop) + ms;
	arm(c, c->deadline);
}

/* A slow client may need many times the limit for one large answer. */
static bool takes_bytes(struct http_conn *c)
{
	size_t left = uv_stream_get_write_queue_size(&c->stream);
	bool progress = left < c->unwritten;
	c->unwritten = left;
	return progress;
}

static void on_timer(uv_timer_t *handle)
{
	struct http_conn *c = handle->data;
	c->timer_due = UINT64_MAX;
	if (uv_now(c->server->loop) < c->deadline) {
		if (c->deadline != UINT64_MAX) {
			arm(c, c->deadline);
		}
		return;
	}
	switch (c->wait) {
	case HTTP_WAIT_WRITE:
		if (!takes_bytes(c)) {
			http_conn_close_because(c, "client takes no bytes");
		}
		break;
	case HTTP_WAIT_HEAD:
		http_intake_fault(c, HTTP_FAULT_HEAD_TIMEOUT, "head did not come in time");
		break;
	case HTTP_WAIT_BODY:
		http_intake_fault(c, HTTP_FAULT_HEAD_TIMEOUT, "body did not come in time");
		break;
	case HTTP_WAIT_IDLE:
	case HTTP_WAIT_LINGER:
		http_conn_close_because(c, "idle");
		break;
	case HTTP_WAIT_NONE:
		break;
	}
	http_conn_advance(c);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void on_written(uv_write_t *req, int status)
{
	struct http_conn *c = req->handle->data;
	c->writing = false;
	http_out_clear(&c->flight);
	if (c->scope.closing) {
		return;
	}
	if (status < 0) {
		http_conn_close_because(c, uv_strerror(status));
		return;
	}
	http_conn_advance(c);
}

/* What the kernel does not take at once is left to the loop. */
static void write_rest(struct http_conn *c)
{
	struct http_out swap = c->flight;
	c->flight = c->out;
	c->out = swap;
	uv_buf_t *vectors = xcalloc(c->flight.n, sizeof *vectors);
	unsigned n = http_out_vectors(&c->flight, vectors, c->flight.n);
	int rc = uv_write(&c->write, &c->stream, vectors, n, on_written);
	free(vectors);
	if (rc < 0) {
		http_conn_close_because(c, uv_strerror(rc));
		return;
	}
	c->writing = true;
	c->unwritten = SIZE_MAX;
}

static void flush(struct http_conn *c)
{
	if (http_out_broken(&c->out)) {
		http_conn_close_because(c, "answer too large");
		return;
	}
	while (!c->writing) {
		uv_buf_t vectors[VECTORS_MAX];
		unsigned n = http_out_vectors(&c->out, vectors, VECTORS_MAX);
		if (n == 0) {
			return;
		}
		int rc = uv_try_write(&c->stream, vectors, n);
		if (rc == UV_EAGAIN) {
			write_rest(c);
			return;
		}
		if (rc < 0) {
			http_conn_close_because(c, uv_strerror(rc));
			return;
		}
		http_out_advance(&c->out, (size_t)rc);
	}
}

static void tell_drained(struct http_conn *c)
{
	struct http_exchange *x = http_exchange_first(c);
	if (!x || !x->full || c->writing || http_out_size(&c->out) > HTTP_OUT_MARK / 4) {
		return;
	}
	x->full = false;
	if (x->drain) {
		x->drain(x->drain_ctx);
	}
}

/* --- the one that moves on -------------------------------------------------------------------- */

void http_conn_touch(struct http_conn *c)
{
	if (!c->busy && !c->scope.closing) {
		http_server_dirty(c->server, c);
	}
}

/* The client sends no more and what it sent has been looked at. */
static void settle_eof(struct http_conn *c)
{
	c->last = true;
	if (c->n_queue && c->server->config.half_closed_is_gone) {
		http_conn_close_because(c, "client has left");
	} else if (!http_intake_drop(c)) {
		http_conn_close_because(c, "client left within a body");
	}
}

static void settle(struct http_conn *c)
{
	if (c->eof && !c->lingering && c->pending.len == 0) {
		settle_eof(c);
	}
	if (!c->scope.closing && !c->lingering && c->last && (c->cut || c->n_queue == 0) &&
		!c->writing && http_out_size(&c->out) == 0) {
		linger(c);
	}
	if (c->scope.closing) {
		return;
	}
	if (c->last && !c->current) {
		buf_clear(&c->pending);
	}
	set_reading(c, !c->eof && c->pending.len < HTTP_READ_SIZE);
	set_deadline(c);
}

void http_conn_advance(struct http_conn *c)
{
	if (c->scope.closing) {
		return;
	}
	c->busy = true;
	/* Each round may make room for the next: a drained stream writes more, an answer written
	 * lets the next request in. */
	size_t before;
	do {
		before = c->pending.len;
		http_intake_pending(c);
		if (!c->scope.closing) {
			flush(c);
		}
		if (!c->scope.closing) {
			tell_drained(c);
		}
	} while (!c->scope.closing && ((c->pending.len != before && http_intake_open(c)) ||
					      (!c->writing && http_out_size(&c->out))));
	c->busy = false;
	settle(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	struct http_conn *c = handle->data;
	*buf = uv_buf_init(c->server->read_buffer, HTTP_READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct http_conn *c = stream->data;
	if (n == 0 || c->scope.closing) {
		return;
	}
	if (n < 0) {
		c->eof = true;
		c->reading = false;
		if (n != UV_EOF || c->lingering) {
			http_conn_close_because(c, n == UV_EOF ? "done" : uv_strerror((int)n));
			return;
		}
		http_conn_advance(c);
		return;
	}
	if (c->last && !c->current) {
		return; /* thrown away */
	}
	struct span in = span_n(buf->base, (size_t)n);
	c->busy = true;
	if (c->pending.len == 0) {
		http_intake(c, &in);
	}
	c->busy = false;
	if (!c->scope.closing && in.len) {
		buf_add_span(&c->pending, in);
	}
	http_conn_advance(c);
}

static void set_reading(struct http_conn *c, bool on)
{
	if (on != c->reading) {
		c->reading = on;
		if (on) {
			uv_read_start(&c->stream, on_alloc, on_read);
		} else {
			uv_read_stop(&c->stream);
		}
	}
}

/* --- opening ---------------------------------------------------------------------------------- */

static void read_peer(struct http_conn *c)
{
	struct sockaddr_storage addr;
	int len = sizeof addr;
	if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&addr, &len) != 0) {
		return;
	}
	if (addr.ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&addr;
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
			/* An IPv4 client of a listener on "::". */
			uv_inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], c->peer, sizeof c->peer);
		} else {
			uv_ip6_name(v6, c->peer, sizeof c->peer);
		}
	} else {
		uv_ip4_name((struct sockaddr_in *)&addr, c->peer, sizeof c->peer);
	}
}

/* With both handles still to be initialised. */
static struct http_conn *create(struct http_server *server)
{
	struct http_conn *c = xalloc(sizeof *c);
	scope_init(&c->scope, on_last_hold);
	c->server = server;
	scope_hold(&server->scope);
	list_init(&c->in_dirty);
	list_init(&c->queue);
	list_init(&c->spare);
	list_init(&c->in_server);
	list_push_back(&server->conns, &c->in_server);
	server->n_conns++;
	http_parse_init(&c->parse, server->config.max_head, server->config.max_body);
	buf_init(&c->pending, 2 * HTTP_READ_SIZE);
	c->timer_due = c->deadline = UINT64_MAX;
	uv_timer_init(server->loop, &c->timer);
	c->timer.data = c;
	scope_hold(&c->scope);
	return c;
}

void http_conn_open(struct http_server *server, uv_stream_t *listener)
{
	struct http_conn *c = create(server);
	uv_tcp_init(server->loop, &c->tcp);
	c->stream.data = c;
	scope_hold(&c->scope);
	int rc = uv_accept(listener, &c->stream);
	if (rc < 0) {
		http_conn_close_because(c, uv_strerror(rc));
		return;
	}
	if (server->n_conns > server->config.max_connections) {
		http_conn_close_because(c, "too many connections");
		return;
	}
	uv_tcp_nodelay(&c->tcp, 1);
	read_peer(c);
	settle(c);
}

void http_conn_adopt(struct http_server *server, int fd)
{
	struct http_conn *c = create(server);
	uv_pipe_init(server->loop, &c->pipe, 0);
	c->stream.data = c;
	scope_hold(&c->scope);
	int rc = uv_pipe_open(&c->pipe, fd);
	if (rc < 0) {
		close(fd);
		http_conn_close_because(c, uv_strerror(rc));
		return;
	}
	settle(c);
}
