/* From bytes to exchanges: runs the parser over what the connection has read, and gives each head,
 * body piece and end to the handler. What cannot be parsed, or does not come in time, is a fault. */
#include "proxy/net/http_intake.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/net/http_conn.h"

/* --- faults ----------------------------------------------------------------------------------- */

static const int fault_status[] = {
	[HTTP_FAULT_MALFORMED] = 400,
	[HTTP_FAULT_HEAD_TIMEOUT] = 408,
	[HTTP_FAULT_BODY_TOO_LARGE] = 413,
	[HTTP_FAULT_HEAD_TOO_LARGE] = 431,
	[HTTP_FAULT_VERSION] = 505,
};

bool http_intake_drop(struct http_conn *c)
{
	struct http_exchange *x = c->current;
	if (x && x->begun) {
		return false;
	}
	if (x) {
		c->current = NULL;
		c->body_paused = false;
		c->n_queue--;
		http_exchange_orphan(x);
	}
	return true;
}

void http_intake_fault(struct http_conn *c, enum http_fault fault, const char *detail)
{
	const struct http_server_config *config = &c->server->config;
	log_debug("net", "%s: bad request: %s", c->peer, detail);
	if (!http_intake_drop(c)) {
		http_conn_close_because(c, detail);
		return;
	}
	if (c->scope.closing) { /* told of the loss, the handler closed the server */
		return;
	}
	int status = fault_status[fault];
	struct http_header type = { SPAN("Content-Type"), SPAN("application/json") };
	char body[64];
	snprintf(body, sizeof body, "{\"message\":\"%s\"}", http_reason(status));
	struct http_reply reply = {
		.status = status, .headers = &type, .n_headers = 1, .body = span_of(body)
	};
	if (config->fault) {
		config->fault(config->ctx, fault, detail, c->peer, &reply);
	}
	struct http_exchange *x = http_exchange_next(c);
	/* Whatever of the request was parsed before it turned out bad does not shape the answer. */
	x->req.method = SPAN("");
	x->req.minor = 1;
	x->handed = x->read = true;
	x->keep_alive = false;
	http_exchange_enqueue(x);
	c->last = true;
	http_reply(x, &reply);
}

/* --- requests --------------------------------------------------------------------------------- */

static bool take_upgrade(struct http_conn *c, struct http_exchange *x, struct span *rest)
{
	const struct http_server_config *config = &c->server->config;
	/* Behind unfinished answers the wish is ignored, as RFC 9110 section 7.8 allows. */
	if (!config->on_upgrade || !c->parse.websocket || c->n_queue || c->writing ||
		http_out_size(&c->out)) {
		return false;
	}
	uv_os_fd_t fd;
	if (uv_fileno((uv_handle_t *)&c->stream, &fd) != 0 ||
		(fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0) {
		log_warn("net", "cannot hand over a websocket: no file descriptor");
		return false;
	}
	struct buf head = BUF_INIT(c->server->config.max_head + HTTP_READ_SIZE);
	buf_add_span(&head, c->parse.head);
	buf_add_span(&head, *rest);
	bool taken = config->on_upgrade(config->ctx, x->req.path, buf_span(&head), fd);
	buf_fini(&head);
	if (taken) {
		*rest = span_n(NULL, 0);
		http_conn_close_because(c, "upgraded");
	} else {
		close(fd);
	}
	return taken;
}

static void on_head(struct http_conn *c, struct http_exchange *x, struct span *rest)
{
	const struct http_server_config *config = &c->server->config;
	c->n_requests++;
	if (take_upgrade(c, x, rest) || c->scope.closing) {
		return;
	}
	x->keep_alive = c->parse.keep_alive;
	http_exchange_enqueue(x);
	if (!x->keep_alive) {
		c->last = true;
	}
	c->current = x;
	if (!x->req.has_body) {
		return;
	}
	if (config->on_head) {
		x->handed = true;
		bool streamed = config->on_head(config->ctx, x);
		/* Answered or aborted in there, x is no longer current, or no longer. */
		if (c->scope.closing || c->current != x) {
			return;
		}
		x->streamed = streamed;
		x->handed = streamed;
	}
	if (c->parse.expect_continue && rest->len == 0) {
		buf_add_str(http_out_tail(http_exchange_out(x)), "HTTP/1.1 100 Continue\r\n\r\n");
	}
}

static void on_body(struct http_conn *c, struct http_exchange *x)
{
	if (x->streamed) {
		if (x->events.on_data) {
			x->events.on_data(x->events.ctx, c->parse.piece);
		}
	} else {
		buf_add_span(&x->body, c->parse.piece);
	}
}

static void on_end(struct http_conn *c, struct http_exchange *x)
{
	const struct http_server_config *config = &c->server->config;
	c->current = NULL;
	c->body_paused = false;
	x->read = true;
	if (x->streamed) {
		if (x->events.on_end) {
			x->events.on_end(x->events.ctx, c->parse.trailers, c->parse.n_trailers);
		}
		return;
	}
	x->req.body = buf_span(&x->body);
	x->handed = true;
	config->on_request(config->ctx, x);
}

bool http_intake_open(const struct http_conn *c)
{
	if (c->scope.closing) {
		return false;
	}
	if (c->current) {
		return !c->body_paused;
	}
	return !c->last && c->n_queue < c->server->config.pipeline &&
	       http_out_size(&c->out) <= HTTP_OUT_MARK;
}

void http_intake(struct http_conn *c, struct span *in)
{
	while (http_intake_open(c)) {
		struct http_exchange *x = c->current ? c->current : http_exchange_next(c);
		switch (http_parse_next(&c->parse, in, &x->req)) {
		case HTTP_PARSE_MORE:
			return;
		case HTTP_PARSE_HEAD:
			on_head(c, x, in);
			break;
		case HTTP_PARSE_BODY:
			on_body(c, x);
			break;
		case HTTP_PARSE_END:
			on_end(c, x);
			break;
		case HTTP_PARSE_BAD:
			http_intake_fault(c, c->parse.fault, c->parse.detail);
			return;
		}
	}
}

void http_intake_pending(struct http_conn *c)
{
	if (c->pending.len == 0 || !http_intake_open(c)) {
		return;
	}
	struct span in = buf_span(&c->pending);
	http_intake(c, &in);
	buf_consume(&c->pending, c->pending.len - in.len);
}
