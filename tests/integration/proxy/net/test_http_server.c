/* What a client sees of the server, byte by byte. */
#include "peer.h"

#include "proxy/net/http_server.h"
#include "proxy/net/timer.h"

#define HEAD_200(len) "HTTP/1.1 200 OK\r\nContent-Length: " len "\r\n"
#define KEPT "Connection: keep-alive\r\n\r\n"
#define REPLY_200(len, body) HEAD_200(len) KEPT body
#define REPLY_CLOSE(len, body) HEAD_200(len) "Connection: close\r\n\r\n" body
#define BAD_REQUEST                                                                            \
	"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 25\r\n" \
	"Connection: close\r\n\r\n{\"message\":\"Bad Request\"}"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* The handler under test: answers at once by path, or keeps the exchange until told. */
struct fixture {
	uv_loop_t loop;
	struct http_server *server;
	struct http_server_config config;
	struct peer peer;
	struct http_exchange *held[8]; /* "/hold": in order of arrival */
	unsigned n_held, n_gone, n_drained, n_requests;
	struct buf log; /* of streamed bodies */
	bool pause_body;
	int upgraded_fd;
	char fault_detail[64];
};

static void reply_span(struct http_exchange *x, struct span body)
{
	http_reply(x, &(struct http_reply){ .status = 200, .body = body });
}

static void reply(struct http_exchange *x, const char *body)
{
	reply_span(x, span_of(body));
}

static void on_gone(void *ctx)
{
	struct fixture *f = ctx;
	f->n_gone++;
}

static void on_drain(void *ctx)
{
	struct fixture *f = ctx;
	f->n_drained++;
}

static void hold(struct fixture *f, struct http_exchange *x)
{
	http_on_gone(x, on_gone, f);
	f->held[f->n_held++] = x;
}

static void reply_large(struct http_exchange *x)
{
	struct buf body = BUF_INIT((size_t)1 << 24);
	memset(buf_reserve(&body, 8 << 20), 'x', 8 << 20);
	buf_commit(&body, 8 << 20);
	http_reply_buf(x, &(struct http_reply){ .status = 200 }, &body);
	assert_int_equal(body.len, 0);
	buf_fini(&body);
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct fixture *f = ctx;
	const struct http_request *r = http_request(x);
	f->n_requests++;
	if (span_is(r->path, "/hold")) {
		hold(f, x);
	} else if (span_is(r->path, "/echo")) {
		reply_span(x, r->body);
	} else if (span_is(r->path, "/large")) {
		reply_large(x);
	} else if (span_is(r->path, "/204")) {
		http_reply(x, &(struct http_reply){ .status = 204, .body = SPAN("not sent") });
	} else if (span_is(r->path, "/304")) {
		http_reply(x, &(struct http_reply){ .status = 304, .body = SPAN("not sent") });
	} else if (span_is(r->path, "/abort")) {
		http_abort(x);
	} else if (span_is(r->path, "/break")) {
		http_reply_begin(x, &(struct http_reply){ .status = 200 }, -1);
		http_reply_write(x, SPAN("half"));
		http_abort(x);
	} else {
		reply(x, "hello");
	}
}

static void setup_with(struct fixture *f, const struct http_server_config *config)
{
	*f = (struct fixture){ .config = *config, .upgraded_fd = -1 };
	buf_init(&f->log, 1 << 22);
	uv_loop_init(&f->loop);
	f->config.ctx = f;
	f->config.on_request = on_request;
	struct err err = ERR_INIT;
	f->server = http_server_open(&f->loop, "127.0.0.1", 0, &f->config, &err);
	assert_non_null(f->server);
	peer_connect(&f->peer, &f->loop, http_server_port(f->server));
}

static void setup(struct fixture *f)
{
	setup_with(f, &(struct http_server_config){ .pipeline = 4 });
}

static void set_true(void *ctx)
{
	*(bool *)ctx = true;
}

static void teardown(struct fixture *f)
{
	bool done = false;
	http_server_close(f->server, 0, set_true, &done);
	assert_false(done);
	run_dry(&f->loop);
	assert_true(done);
	peer_close(&f->peer);
	buf_fini(&f->log);
}

/* --- answers ----------------------------------------------------------------------------------- */

static void answers_and_keeps_the_connection(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	for (int i = 0; i < 3; i++) {
		peer_send(&f.peer, GET("/"));
		peer_expect(&f.peer, REPLY_200("5", "hello"));
	}
	assert_int_equal(http_server_connections(f.server), 1);
	teardown(&f);
}

static void a_request_byte_by_byte_is_answered(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	const char request[] =
		"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
	for (size_t i = 0; i < sizeof request - 1; i++) {
		peer_send(&f.peer, (char[]){ request[i], '\0' });
		peer_turn(&f.peer);
	}
	peer_expect(&f.peer, REPLY_200("7", "abcdefg"));
	teardown(&f);
}

/* One end of a socket pair is a connection like any other, to its end. */
static void an_adopted_socket_is_served(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	close(f.peer.fd);
	f.peer.fd = fds[1];
	http_server_adopt(f.server, fds[0]);
	peer_send(&f.peer, GET("/hold") GET("/"));
	TURN_UNTIL(&f.peer, f.n_requests == 2);
	reply(f.held[0], "first");
	peer_expect(&f.peer, REPLY_200("5", "first") REPLY_200("5", "hello"));
	shutdown(f.peer.fd, SHUT_WR);
	TURN_UNTIL(&f.peer, f.peer.eof && http_server_connections(f.server) == 0);
	teardown(&f);
}

static void pipelined_answers_leave_in_order(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, GET("/hold") GET("/hold") GET("/"));
	TURN_UNTIL(&f.peer, f.n_requests == 3);
	reply(f.held[1], "second");
	for (int i = 0; i < 3; i++) {
		peer_turn(&f.peer);
	}
	assert_int_equal(f.peer.got.len, 0);
	reply(f.held[0], "first");
	peer_expect(
		&f.peer, REPLY_200("5", "first") REPLY_200("6", "second") REPLY_200("5", "hello"));
	teardown(&f);
}

static void no_more_than_pipeline_requests_are_handed_out(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .pipeline = 2 });
	peer_send(&f.peer, GET("/hold") GET("/hold") GET("/hold"));
	TURN_UNTIL(&f.peer, f.n_held == 2);
	for (int i = 0; i < 3; i++) {
		peer_turn(&f.peer);
	}
	assert_int_equal(f.n_held, 2);
	reply(f.held[0], "1");
	/* Not from inside the answer of another. */
	assert_int_equal(f.n_held, 2);
	TURN_UNTIL(&f.peer, f.n_held == 3);
	reply(f.held[2], "3");
	reply(f.held[1], "2");
	peer_expect(&f.peer, REPLY_200("1", "1") REPLY_200("1", "2") REPLY_200("1", "3"));
	teardown(&f);
}

static void a_flood_of_requests_waits_for_answers(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .pipeline = 1 });
	struct buf flood = BUF_INIT(1 << 22);
	buf_add_str(&flood, GET("/hold"));
	while (flood.len < 200000) {
		buf_add_str(&flood, GET("/"));
	}
	size_t requests = (flood.len - strlen(GET("/hold"))) / strlen(GET("/"));
	peer_send(&f.peer, buf_cstr(&flood));
	TURN_UNTIL(&f.peer, f.n_held == 1);
	reply(f.held[0], "hello");
	TURN_UNTIL(&f.peer, f.peer.got.len == (requests + 1) * strlen(REPLY_200("5", "hello")));
	assert_int_equal(f.n_requests, requests + 1);
	buf_fini(&flood);
	teardown(&f);
}

static void a_large_body_arrives_whole(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, GET("/large") GET("/"));
	peer_expect(&f.peer, REPLY_200("8388608", ""));
	TURN_UNTIL(&f.peer, f.peer.got.len >= 8 << 20);
	buf_consume(&f.peer.got, 8 << 20);
	peer_expect(&f.peer, REPLY_200("5", "hello"));
	teardown(&f);
}

/* The sanitizer's own count (sanitizer/allocator_interface.h, which Debian's gcc comes without). */
size_t __sanitizer_get_current_allocated_bytes(void);

/* A client may ask for the next thing first, and be answered much later. */
static void an_answered_request_gives_up_its_body(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .pipeline = 4, .max_body = 8 << 20 });
	peer_send(&f.peer, GET("/hold"));
	TURN_UNTIL(&f.peer, f.n_held == 1);
	size_t before = __sanitizer_get_current_allocated_bytes();
	struct buf large = BUF_INIT(16 << 20);
	buf_addf(&large, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", 5 << 20);
	char *body = buf_reserve(&large, 5 << 20);
	memset(body, 'x', 5 << 20);
	buf_commit(&large, 5 << 20);
	peer_send(&f.peer, buf_cstr(&large));
	buf_fini(&large);
	TURN_UNTIL(&f.peer, f.n_requests == 2);
	assert_in_range(__sanitizer_get_current_allocated_bytes(), 0, before + (1 << 20));
	reply(f.held[0], "first");
	peer_expect(&f.peer, REPLY_200("5", "first") REPLY_200("5", "hello"));
	teardown(&f);
}

static void head_204_and_304_have_no_body(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" GET("/204") GET("/304") GET("/"));
	peer_expect(&f.peer,
		HEAD_200("5") KEPT "HTTP/1.1 204 No Content\r\n" KEPT
				   "HTTP/1.1 304 Not Modified\r\n" KEPT REPLY_200("5", "hello"));
	teardown(&f);
}

static void answers_in_pieces(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, GET("/hold") GET("/hold"));
	TURN_UNTIL(&f.peer, f.n_held == 2);
	struct http_reply r = { .status = 200 };
	http_reply_begin(f.held[0], &r, -1);
	http_reply_begin(f.held[1], &r, 4);
	assert_true(http_reply_write(f.held[0], SPAN("abc")));
	assert_true(http_reply_write(f.held[1], SPAN("12")));
	peer_expect(
		&f.peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" KEPT "3\r\nabc\r\n");
	http_reply_write(f.held[0], SPAN(""));
	http_reply_end(f.held[0]);
	peer_expect(&f.peer, "0\r\n\r\n" HEAD_200("4") KEPT "12");
	http_reply_write(f.held[1], SPAN("34"));
	http_reply_end(f.held[1]);
	peer_expect(&f.peer, "34");
	teardown(&f);
}

static void a_piece_too_few_breaks_the_connection(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, GET("/hold"));
	TURN_UNTIL(&f.peer, f.n_held == 1);
	http_reply_begin(f.held[0], &(struct http_reply){ .status = 200 }, 4);
	http_reply_write(f.held[0], SPAN("123"));
	peer_expect(&f.peer, HEAD_200("4") KEPT "123");
	http_reply_end(f.held[0]);
	peer_expect_eof(&f.peer);
	assert_int_equal(f.n_gone, 0);
	teardown(&f);
}

static void a_slow_reader_stops_the_stream(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, GET("/hold"));
	TURN_UNTIL(&f.peer, f.n_held == 1);
	static char block[64 * 1024];
	http_on_drain(f.held[0], on_drain, &f);
	http_reply_begin(f.held[0], &(struct http_reply){ .status = 200 }, -1);
	size_t written = 0;
	while (f.n_drained == 0 || written < (16 << 20)) {
		bool more = http_reply_write(f.held[0], span_n(block, sizeof block));
		written += sizeof block;
		if (!more) {
			unsigned before = f.n_drained;
			uv_run(&f.loop, UV_RUN_NOWAIT);
			TURN_UNTIL(&f.peer, f.n_drained > before);
		}
	}
	http_reply_end(f.held[0]);
	TURN_UNTIL(&f.peer, f.peer.got.len >= written && memcmp(f.peer.got.ptr + f.peer.got.len - 7,
								 "\r\n0\r\n\r\n", 7) == 0);
	teardown(&f);
}

/* --- connections ------------------------------------------------------------------------------- */

static void closes_when_asked(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" GET("/"));
	peer_expect(&f.peer, REPLY_CLOSE("5", "hello"));
	peer_expect_eof(&f.peer);
	assert_int_equal(f.n_requests, 1);
	teardown(&f);
}

static void http_1_0(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	peer_expect(&f.peer, REPLY_200("5", "hello"));
	peer_send(&f.peer, "GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	TURN_UNTIL(&f.peer, f.n_held == 1);
	http_reply_begin(f.held[0], &(struct http_reply){ .status = 200 }, -1);
	http_reply_write(f.held[0], SPAN("until close"));
	http_reply_end(f.held[0]);
	peer_expect(&f.peer, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil close");
	peer_expect_eof(&f.peer);
	teardown(&f);
}

static void what_waits_behind_a_closing_answer_is_gone(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	const char *hold = "GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
	peer_send(&f.peer, hold);
	peer_send(&f.peer, hold);
	TURN_UNTIL(&f.peer, f.n_held == 2);
	http_reply_begin(f.held[0], &(struct http_reply){ .status = 200 }, -1);
	http_reply_end(f.held[0]);
	peer_expect(&f.peer, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	peer_expect_eof(&f.peer);
	shutdown(f.peer.fd, SHUT_WR);
	TURN_UNTIL(&f.peer, f.n_gone == 1);
	teardown(&f);
}

static void a_closing_server_answers_what_it_has_taken(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, GET("/hold") GET("/hold"));
	TURN_UNTIL(&f.peer, f.n_held == 2);
	bool done = false;
	http_server_close(f.server, 10000, set_true, &done);
	reply(f.held[0], "first");
	peer_expect(&f.peer, REPLY_200("5", "first"));
	reply(f.held[1], "last");
	peer_expect(&f.peer, REPLY_CLOSE("4", "last"));
	peer_expect_eof(&f.peer);
	peer_close(&f.peer);
	run_dry(&f.loop);
	assert_true(done);
}

static void a_half_closed_client_gets_its_answer(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, GET("/hold") GET("/"));
	shutdown(f.peer.fd, SHUT_WR);
	TURN_UNTIL(&f.peer, f.n_requests == 2);
	for (int i = 0; i < 3; i++) {
		peer_turn(&f.peer);
	}
	reply(f.held[0], "late");
	peer_expect(&f.peer, REPLY_200("4", "late") REPLY_200("5", "hello"));
	peer_expect_eof(&f.peer);
	assert_int_equal(f.n_gone, 0);
	teardown(&f);
}

static void a_half_closed_client_may_count_as_gone(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .half_closed_is_gone = true });
	peer_send(&f.peer, GET("/hold"));
	TURN_UNTIL(&f.peer, f.n_held == 1);
	shutdown(f.peer.fd, SHUT_WR);
	TURN_UNTIL(&f.peer, f.n_gone == 1);
	teardown(&f);
}

static void a_reset_tells_each_exchange(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, GET("/hold") GET("/hold"));
	TURN_UNTIL(&f.peer, f.n_held == 2);
	reply(f.held[1], "waits for the first");
	peer_reset(&f.peer);
	while (http_server_connections(f.server) || f.n_gone == 0) {
		uv_run(&f.loop, UV_RUN_ONCE);
	}
	assert_int_equal(f.n_gone, 1);
	peer_connect(&f.peer, &f.loop, http_server_port(f.server));
	teardown(&f);
}

static void an_exchange_without_on_gone_outlives_its_client(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, GET("/hold?still=here"));
	TURN_UNTIL(&f.peer, f.n_held == 1);
	http_on_gone(f.held[0], NULL, NULL);
	peer_reset(&f.peer);
	while (http_server_connections(f.server)) {
		uv_run(&f.loop, UV_RUN_ONCE);
	}
	peer_connect(&f.peer, &f.loop, http_server_port(f.server));
	teardown(&f);
	assert_true(span_is(http_request(f.held[0])->query, "still=here"));
	http_reply_begin(f.held[0], &(struct http_reply){ .status = 200 }, -1);
	assert_true(http_reply_write(f.held[0], SPAN("void")));
	http_reply_end(f.held[0]);
}

static void what_was_written_before_an_abort_leaves_first(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	/* All in one turn, behind another answer; what follows the break is not answered. */
	peer_send(&f.peer, GET("/") GET("/break") GET("/"));
	peer_expect(&f.peer, REPLY_200("5", "hello"));
	peer_expect(&f.peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
			     "Connection: keep-alive\r\n\r\n4\r\nhalf\r\n");
	peer_expect_eof(&f.peer);
	teardown(&f);
}

static void abort_closes_at_once(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, GET("/abort"));
	peer_expect_eof(&f.peer);
	teardown(&f);
}

static void connections_above_the_limit_are_closed(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .max_connections = 1 });
	peer_send(&f.peer, GET("/"));
	peer_expect(&f.peer, REPLY_200("5", "hello"));
	struct peer second;
	peer_connect(&second, &f.loop, http_server_port(f.server));
	peer_expect_eof(&second);
	peer_close(&second);
	teardown(&f);
}

/* --- bad requests ------------------------------------------------------------------------------ */

static void a_bad_request_is_answered_after_the_good_ones(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, GET("/hold") "GET  / HTTP/1.1\r\n\r\n" GET("/"));
	TURN_UNTIL(&f.peer, f.n_held == 1);
	reply(f.held[0], "good");
	peer_expect(&f.peer, REPLY_200("4", "good") BAD_REQUEST);
	peer_expect_eof(&f.peer);
	assert_int_equal(f.n_requests, 1);
	teardown(&f);
}

static void the_last_answer_survives_unread_input(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n");
	static char block[64 * 1024 + 1];
	memset(block, 'x', sizeof block - 1);
	peer_send(&f.peer, block);
	peer_expect(&f.peer, "HTTP/1.1 413 Content Too Large\r\n");
	for (int i = 0; i < 8; i++) {
		peer_send(&f.peer, block);
		peer_turn(&f.peer);
	}
	shutdown(f.peer.fd, SHUT_WR);
	TURN_UNTIL(&f.peer, f.peer.eof && http_server_connections(f.server) == 0);
	assert_false(f.peer.reset);
	teardown(&f);
}

static void shape_fault(void *ctx, enum http_fault fault, const char *detail, const char *peer,
	struct http_reply *r)
{
	struct fixture *f = ctx;
	snprintf(f->fault_detail, sizeof f->fault_detail, "%d %s %s", (int)fault, detail, peer);
	r->n_headers = 0;
	r->body = SPAN("shaped");
}

static void the_user_shapes_faults(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .fault = shape_fault });
	peer_send(&f.peer, "GET / HTTP/1.1\r\n\r\n");
	peer_expect(&f.peer, "HTTP/1.1 400 Bad Request\r\nContent-Length: 6\r\n"
			     "Connection: close\r\n\r\nshaped");
	peer_expect_eof(&f.peer);
	assert_string_equal(f.fault_detail, "0 no Host 127.0.0.1");
	teardown(&f);
}

static void a_slow_head_is_refused_after_the_answers(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .pipeline = 4, .head_timeout_ms = 30 });
	peer_send(&f.peer, GET("/") "GET / HT");
	peer_expect(&f.peer, REPLY_200("5", "hello") "HTTP/1.1 408 Request Timeout\r\n");
	TURN_UNTIL(&f.peer, f.peer.eof);
	teardown(&f);
}

static void a_slow_body_is_refused(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .body_timeout_ms = 30 });
	peer_send(&f.peer, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab");
	peer_expect(&f.peer, "HTTP/1.1 408 Request Timeout\r\n");
	TURN_UNTIL(&f.peer, f.peer.eof);
	teardown(&f);
}

static void an_idle_connection_is_closed(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .idle_timeout_ms = 30 });
	peer_send(&f.peer, GET("/"));
	peer_expect(&f.peer, REPLY_200("5", "hello"));
	peer_expect_eof(&f.peer);
	teardown(&f);
}

static void a_client_that_takes_no_bytes_is_closed(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .idle_timeout_ms = 20 });
	peer_send(&f.peer, GET("/large"));
	do {
		uv_run(&f.loop, UV_RUN_ONCE);
	} while (http_server_connections(f.server) || !f.n_requests);
	teardown(&f);
}

static void a_slow_client_may_take_longer_than_the_limit(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .idle_timeout_ms = 100 });
	peer_send(&f.peer, GET("/large"));
	uint64_t start = uv_hrtime();
	size_t got = 0;
	/* 60 ns a byte: half a second in all. */
	while (got < 8 << 20 && !f.peer.eof) {
		uv_run(&f.loop, UV_RUN_NOWAIT);
		if (uv_hrtime() - start > got * 60) {
			peer_receive(&f.peer);
			got = f.peer.got.len;
		}
	}
	assert_false(f.peer.eof);
	assert_true(got >= 8 << 20);
	teardown(&f);
}

/* --- bodies ------------------------------------------------------------------------------------ */

static void expect_continue_is_answered(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	peer_send(&f.peer, "PUT /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
			   "Content-Length: 2\r\n\r\n");
	peer_expect(&f.peer, "HTTP/1.1 100 Continue\r\n\r\n");
	peer_send(&f.peer, "ok");
	peer_expect(&f.peer, REPLY_200("2", "ok"));
	peer_send(&f.peer, "PUT /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
			   "Content-Length: 20000000\r\n\r\n");
	peer_expect(&f.peer, "HTTP/1.1 413 Content Too Large\r\n");
	teardown(&f);
}

static void on_data(void *ctx, struct span piece)
{
	struct fixture *f = ctx;
	buf_add_span(&f->log, piece);
	if (f->pause_body) {
		http_body_pause(f->held[0]);
	}
}

static void on_end(void *ctx, const struct http_header *trailers, size_t n)
{
	struct fixture *f = ctx;
	buf_addf(&f->log, "|%zu", n);
	for (size_t i = 0; i < n; i++) {
		buf_addf(&f->log, "|%.*s", SPAN_ARG(trailers[i].value));
	}
	reply_span(f->held[0], buf_span(&f->log));
}

static bool on_head(void *ctx, struct http_exchange *x)
{
	struct fixture *f = ctx;
	if (span_is(http_request(x)->path, "/refuse")) {
		reply(x, "refused");
		return false;
	}
	if (!span_is(http_request(x)->path, "/stream")) {
		return false;
	}
	hold(f, x);
	http_stream_body(x, &(struct http_body_events){ on_data, on_end, f });
	return true;
}

#define STREAM(path) \
	"POST " path " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"

static void a_body_may_be_streamed(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .on_head = on_head });
	peer_send(&f.peer, STREAM("/stream"));
	TURN_UNTIL(&f.peer, f.log.len == 3);
	peer_send(&f.peer, "2\r\nde\r\n0\r\nT: trailer\r\n\r\n" STREAM("/echo") "0\r\n\r\n");
	peer_expect(&f.peer, REPLY_200("15", "abcde|1|trailer") REPLY_200("3", "abc"));
	assert_int_equal(f.n_gone, 0);
	teardown(&f);
}

static void a_paused_body_waits(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .on_head = on_head, .body_timeout_ms = 1 });
	f.pause_body = true;
	peer_send(&f.peer, STREAM("/stream") "2\r\nde\r\n0\r\n\r\n");
	TURN_UNTIL(&f.peer, f.log.len == 3);
	for (int i = 0; i < 5; i++) {
		peer_turn(&f.peer);
	}
	assert_int_equal(f.log.len, 3);
	http_body_resume(f.held[0]);
	f.pause_body = false;
	peer_expect(&f.peer, REPLY_200("7", "abcde|0"));
	teardown(&f);
}

static void an_early_answer_ends_the_connection(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .on_head = on_head });
	peer_send(&f.peer, STREAM("/refuse") "0\r\n\r\n" GET("/"));
	peer_expect(&f.peer, REPLY_CLOSE("7", "refused"));
	peer_expect_eof(&f.peer);
	assert_int_equal(f.n_requests, 0);
	teardown(&f);
}

static void a_client_that_leaves_within_a_streamed_body_is_gone(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .on_head = on_head });
	peer_send(&f.peer, STREAM("/stream"));
	TURN_UNTIL(&f.peer, f.log.len == 3);
	shutdown(f.peer.fd, SHUT_WR);
	TURN_UNTIL(&f.peer, f.n_gone == 1);
	peer_expect_eof(&f.peer);
	teardown(&f);
}

static void a_bad_chunk_in_a_streamed_body_is_a_fault(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .on_head = on_head });
	peer_send(&f.peer, STREAM("/stream") "zz\r\n");
	peer_expect(&f.peer, BAD_REQUEST);
	peer_expect_eof(&f.peer);
	assert_int_equal(f.n_gone, 1);
	teardown(&f);
}

/* --- upgrades and addresses -------------------------------------------------------------------- */

static bool on_upgrade(void *ctx, struct span path, struct span head, int fd)
{
	struct fixture *f = ctx;
	if (!span_is(path, "/ws")) {
		return false;
	}
	buf_add_span(&f->log, head);
	f->upgraded_fd = fd;
	return true;
}

#define UPGRADE(path) \
	"GET " path " HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

static void an_upgrade_hands_over_the_socket(void **state)
{
	(void)state;
	struct fixture f;
	setup_with(&f, &(struct http_server_config){ .on_upgrade = on_upgrade });
	peer_send(&f.peer, UPGRADE("/other"));
	peer_expect(&f.peer, REPLY_200("5", "hello"));
	peer_send(&f.peer, UPGRADE("/ws") "early frame");
	TURN_UNTIL(&f.peer, f.upgraded_fd >= 0 && http_server_connections(f.server) == 0);
	assert_string_equal(buf_cstr(&f.log), UPGRADE("/ws") "early frame");
	assert_int_equal(write(f.upgraded_fd, "hi", 2), 2);
	peer_expect(&f.peer, "hi");
	assert_false(f.peer.eof);
	close(f.upgraded_fd);
	peer_expect_eof(&f.peer);
	teardown(&f);
}

static void a_taken_port_is_busy(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct err err = ERR_INIT;
	assert_null(http_server_open(
		&f.loop, "127.0.0.1", http_server_port(f.server), &f.config, &err));
	assert_int_equal(err.code, ERR_BUSY);
	assert_null(http_server_open(&f.loop, "not numeric", 0, &f.config, &err));
	assert_int_equal(err.code, ERR_INVALID);
	teardown(&f);
}

static void localhost_listens_on_both(void **state)
{
	(void)state;
	struct fixture f;
	setup(&f);
	struct err err = ERR_INIT;
	struct http_server *s = http_server_open(&f.loop, "localhost", 0, &f.config, &err);
	assert_non_null(s);
	struct peer p;
	peer_connect(&p, &f.loop, http_server_port(s));
	peer_send(&p, GET("/"));
	peer_expect(&p, REPLY_200("5", "hello"));
	peer_close(&p);
	p = (struct peer){ .loop = &f.loop, .fd = socket(AF_INET6, SOCK_STREAM, 0) };
	buf_init(&p.got, 4096);
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6,
		.sin6_addr = in6addr_loopback,
		.sin6_port = htons((uint16_t)http_server_port(s)) };
	if (connect(p.fd, (struct sockaddr *)&addr, sizeof addr) == 0) {
		peer_send(&p, GET("/"));
		peer_expect(&p, REPLY_200("5", "hello"));
	} else {
		assert_int_equal(errno, EADDRNOTAVAIL); /* a machine without ::1 */
	}
	peer_close(&p);
	http_server_close(s, 0, NULL, NULL);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_and_keeps_the_connection),
		cmocka_unit_test(a_request_byte_by_byte_is_answered),
		cmocka_unit_test(an_adopted_socket_is_served),
		cmocka_unit_test(pipelined_answers_leave_in_order),
		cmocka_unit_test(no_more_than_pipeline_requests_are_handed_out),
		cmocka_unit_test(a_flood_of_requests_waits_for_answers),
		cmocka_unit_test(a_large_body_arrives_whole),
		cmocka_unit_test(an_answered_request_gives_up_its_body),
		cmocka_unit_test(head_204_and_304_have_no_body),
		cmocka_unit_test(answers_in_pieces),
		cmocka_unit_test(a_piece_too_few_breaks_the_connection),
		cmocka_unit_test(a_slow_reader_stops_the_stream),
		cmocka_unit_test(closes_when_asked),
		cmocka_unit_test(http_1_0),
		cmocka_unit_test(what_waits_behind_a_closing_answer_is_gone),
		cmocka_unit_test(a_closing_server_answers_what_it_has_taken),
		cmocka_unit_test(a_half_closed_client_gets_its_answer),
		cmocka_unit_test(a_half_closed_client_may_count_as_gone),
		cmocka_unit_test(a_reset_tells_each_exchange),
		cmocka_unit_test(an_exchange_without_on_gone_outlives_its_client),
		cmocka_unit_test(abort_closes_at_once),
		cmocka_unit_test(what_was_written_before_an_abort_leaves_first),
		cmocka_unit_test(connections_above_the_limit_are_closed),
		cmocka_unit_test(a_bad_request_is_answered_after_the_good_ones),
		cmocka_unit_test(the_last_answer_survives_unread_input),
		cmocka_unit_test(the_user_shapes_faults),
		cmocka_unit_test(a_slow_head_is_refused_after_the_answers),
		cmocka_unit_test(a_slow_body_is_refused),
		cmocka_unit_test(an_idle_connection_is_closed),
		cmocka_unit_test(a_client_that_takes_no_bytes_is_closed),
		cmocka_unit_test(a_slow_client_may_take_longer_than_the_limit),
		cmocka_unit_test(expect_continue_is_answered),
		cmocka_unit_test(a_body_may_be_streamed),
		cmocka_unit_test(a_paused_body_waits),
		cmocka_unit_test(an_early_answer_ends_the_connection),
		cmocka_unit_test(a_client_that_leaves_within_a_streamed_body_is_gone),
		cmocka_unit_test(a_bad_chunk_in_a_streamed_body_is_a_fault),
		cmocka_unit_test(an_upgrade_hands_over_the_socket),
		cmocka_unit_test(a_taken_port_is_busy),
		cmocka_unit_test(localhost_listens_on_both),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
