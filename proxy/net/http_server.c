/* The server: its listeners, the list of its connections, and the moment in each turn of the loop at
 * which answers given from elsewhere are written.
 *
 * Happy path: open -> on_connection -> http_conn_open ... -> close -> connections retire -> the last
 * hold is dropped -> done. A failing open goes the close path too, once a handle is initialised. */
#include "proxy/net/http_server.h"

#include <signal.h>
#include <stdlib.h>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/net/http_conn.h"

#define BACKLOG 1024
/* With "localhost" and port 0 the port that 127.0.0.1 got may be taken on ::1. */
#define PORT_TRIES 20

/* --- the dirty ones --------------------------------------------------------------------------- */

static void advance_dirty(struct http_server *s)
{
	uv_prepare_stop(&s->prepare);
	uv_check_stop(&s->check);
	/* Only those that are on the list now: what becomes dirty meanwhile waits for the next
	 * phase, so that two connections cannot keep each other and the loop busy. */
	struct list now;
	list_init(&now);
	while (!list_empty(&s->dirty)) {
		struct list *node = list_first(&s->dirty);
		list_remove(node);
		list_push_back(&now, node);
	}
	while (!list_empty(&now)) {
		struct http_conn *c = container_of(list_first(&now), struct http_conn, in_dirty);
		list_remove(&c->in_dirty);
		http_conn_advance(c);
	}
}

static void on_prepare(uv_prepare_t *handle)
{
	advance_dirty(handle->data);
}

static void on_check(uv_check_t *handle)
{
	advance_dirty(handle->data);
}

void http_server_dirty(struct http_server *s, struct http_conn *c)
{
	if (list_empty(&s->dirty)) {
		/* Before the loop waits (answers given by timers) and after it has waited (by other
		 * sockets), whichever comes first. */
		uv_prepare_start(&s->prepare, on_prepare);
		uv_check_start(&s->check, on_check);
	}
	if (list_empty(&c->in_dirty)) {
		list_push_back(&s->dirty, &c->in_dirty);
	}
}

const char *http_server_date(struct http_server *s)
{
	uint64_t second = uv_now(s->loop) / 1000 + 1;
	if (s->date_at != second) {
		s->date_at = second;
		time_http(s->date, clock_now_ms(&clock_system));
	}
	return s->date;
}

/* --- closing ---------------------------------------------------------------------------------- */

static void on_last_hold(struct scope *scope)
{
	struct http_server *s = container_of(scope, struct http_server, scope);
	void (*done)(void *ctx) = s->done;
	void *ctx = s->done_ctx;
	free(s);
	if (done) {
		done(ctx);
	}
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct http_server *s = handle->data;
	scope_drop(&s->scope);
}

static void close_handle(void *handle)
{
	uv_close(handle, on_handle_closed);
}

/* The helpers serve the connections to the last. */
static void close_helpers_if_alone(struct http_server *s)
{
	if (s->scope.closing && s->n_conns == 0 && !uv_is_closing((uv_handle_t *)&s->grace)) {
		close_handle(&s->prepare);
		close_handle(&s->check);
		close_handle(&s->grace);
	}
}

void http_server_forget(struct http_server *s, struct http_conn *c)
{
	list_remove(&c->in_server);
	s->n_conns--;
	close_helpers_if_alone(s);
}

static void on_grace(uv_timer_t *handle)
{
	struct http_server *s = handle->data;
	LIST_FOR_SAFE (node, &s->conns) {
		http_conn_close(container_of(node, struct http_conn, in_server));
	}
}

void http_server_close(struct http_server *s, unsigned grace_ms, void (*done)(void *ctx), void *ctx)
{
	if (!scope_close(&s->scope)) {
		return;
	}
	s->done = done;
	s->done_ctx = ctx;
	for (unsigned i = 0; i < s->n_listeners; i++) {
		close_handle(&s->listeners[i].tcp);
	}
	uv_timer_start(&s->grace, on_grace, grace_ms, 0);
	LIST_FOR_SAFE (node, &s->conns) {
		http_conn_retire(container_of(node, struct http_conn, in_server));
	}
	close_helpers_if_alone(s);
	scope_drop(&s->scope);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void on_connection(uv_stream_t *stream, int status)
{
	struct http_server *s = stream->data;
	if (status < 0) {
		log_warn("net", "cannot accept a connection: %s", uv_strerror(status));
		return;
	}
	http_conn_open(s, stream);
}

static int listen_on(struct http_server *s, const char *host, unsigned port)
{
	struct sockaddr_storage addr;
	bool v6 = strchr(host, ':') != NULL;
	int rc = v6 ? uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)&addr)
		    : uv_ip4_addr(host, (int)port, (struct sockaddr_in *)&addr);
	if (rc < 0) {
		return rc;
	}
	uv_tcp_t *tcp = &s->listeners[s->n_listeners].tcp;
	rc = uv_tcp_init(s->loop, tcp);
	if (rc < 0) {
		return rc;
	}
	tcp->data = s;
	s->n_listeners++;
	scope_hold(&s->scope);
	rc = uv_tcp_bind(
		tcp, (struct sockaddr *)&addr, 0); /* "::" is all addresses, IPv4 as well */
	return rc < 0 ? rc : uv_listen((uv_stream_t *)tcp, BACKLOG, on_connection);
}

static unsigned bound_port(const uv_tcp_t *tcp)
{
	struct sockaddr_storage addr;
	int len = sizeof addr;
	ENSURE(uv_tcp_getsockname(tcp, (struct sockaddr *)&addr, &len) == 0);
	return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
						: ((struct sockaddr_in *)&addr)->sin_port);
}

static int listen_on_localhost(struct http_server *s, unsigned port)
{
	int rc = listen_on(s, "127.0.0.1", port);
	if (rc < 0) {
		return rc;
	}
	rc = listen_on(s, "::1", bound_port(&s->listeners[0].tcp));
	return rc == UV_EADDRNOTAVAIL || rc == UV_EAFNOSUPPORT ? 0 : rc;
}

static struct http_server *create(uv_loop_t *loop, const struct http_server_config *config)
{
	struct http_server *s = xalloc(sizeof *s);
	scope_init(&s->scope, on_last_hold);
	s->loop = loop;
	s->config = *config;
	struct http_server_config *c = &s->config;
	c->max_head = c->max_head ? c->max_head : 16 * 1024;
	c->max_body = c->max_body ? c->max_body : 1024 * 1024;
	c->head_timeout_ms = c->head_timeout_ms ? c->head_timeout_ms : 20 * 1000;
	c->body_timeout_ms = c->body_timeout_ms ? c->body_timeout_ms : 30 * 1000;
	c->idle_timeout_ms = c->idle_timeout_ms ? c->idle_timeout_ms : 75 * 1000;
	c->pipeline = c->pipeline ? c->pipeline : 1;
	c->max_connections = c->max_connections ? c->max_connections : 10000;
	list_init(&s->conns);
	list_init(&s->dirty);
	uv_prepare_init(loop, &s->prepare);
	uv_check_init(loop, &s->check);
	uv_timer_init(loop, &s->grace);
	s->prepare.data = s->check.data = s->grace.data = s;
	for (int i = 0; i < 3; i++) {
		scope_hold(&s->scope);
	}
	return s;
}

struct http_server *http_server_open(uv_loop_t *loop, const char *host, unsigned port,
	const struct http_server_config *config, struct err *err)
{
	/* libuv writes without MSG_NOSIGNAL: a client that has left is an error code, not our end. */
	signal(SIGPIPE, SIG_IGN);
	bool localhost = strcmp(host, "localhost") == 0;
	for (int tries = 1;; tries++) {
		struct http_server *s = create(loop, config);
		int rc = localhost ? listen_on_localhost(s, port) : listen_on(s, host, port);
		if (rc == 0) {
			s->port = bound_port(&s->listeners[0].tcp);
			return s;
		}
		http_server_close(s, 0, NULL, NULL);
		if (rc == UV_EADDRINUSE && port == 0 && tries < PORT_TRIES) {
			continue;
		}
		err_set(err,
			rc == UV_EADDRINUSE ? ERR_BUSY
			: rc == UV_EINVAL   ? ERR_INVALID
					    : ERR_IO,
			"listening on '%s' port %u: %s", host, port, uv_strerror(rc));
		return NULL;
	}
}

void http_server_adopt(struct http_server *s, int fd)
{
	ENSURE(!s->scope.closing);
	http_conn_adopt(s, fd);
}

unsigned http_server_port(const struct http_server *s)
{
	return s->port;
}

unsigned http_server_connections(const struct http_server *s)
{
	return s->n_conns;
}
