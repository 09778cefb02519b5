/* The lifetime of exchanges: whatever happens after however many turns of the loop, each exchange that
 * was handed out ends exactly once (answered or gone), the server's done runs once, nothing leaks and
 * the loop is empty. The turns are swept, until the script has run to its end undisturbed. */
#include "peer.h"

#include "proxy/base/list.h"
#include "proxy/net/http_server.h"
#include "proxy/net/timer.h"

#define TURNS 40

struct sweep {
	uv_loop_t loop;
	struct http_server *server;
	struct peer peers[2];
	struct list jobs;
	unsigned handed, ended, done;
};

/* One exchange in a handler's hands, answered by a timer in some later turn. */
struct job {
	struct list node; /* sweep->jobs */
	struct sweep *sweep;
	struct http_exchange *x;
	struct timer *timer;
	int pieces; /* still to be written, -1: answer whole */
};

static void job_end(struct job *j)
{
	j->sweep->ended++;
	list_remove(&j->node);
	timer_close(j->timer);
	free(j);
}

static void on_job_gone(void *ctx)
{
	job_end(ctx);
}

static void on_job_timer(void *ctx)
{
	struct job *j = ctx;
	if (j->pieces < 0) {
		http_reply(j->x, &(struct http_reply){ .status = 200, .body = SPAN("whole") });
		job_end(j);
	} else if (j->pieces-- > 0) {
		http_reply_write(j->x, SPAN("piece"));
		timer_arm(j->timer, 0);
	} else {
		http_reply_end(j->x);
		job_end(j);
	}
}

static struct job *job_start(struct sweep *s, struct http_exchange *x)
{
	struct job *j = xalloc(sizeof *j);
	*j = (struct job){ .sweep = s, .x = x, .pieces = -1 };
	j->timer = timer_open(&s->loop, on_job_timer, j);
	list_push_back(&s->jobs, &j->node);
	s->handed++;
	http_on_gone(x, on_job_gone, j);
	return j;
}

static void close_server(struct sweep *s, unsigned grace);

static void on_request(void *ctx, struct http_exchange *x)
{
	struct sweep *s = ctx;
	struct span path = http_request(x)->path;
	if (span_is(path, "/now")) {
		http_reply(x, &(struct http_reply){ .status = 200, .body = SPAN("now") });
		return;
	}
	if (span_is(path, "/abort")) {
		http_abort(x);
		return;
	}
	if (span_is(path, "/stop")) {
		close_server(s, 1000);
		http_reply(x, &(struct http_reply){ .status = 200, .body = SPAN("bye") });
		return;
	}
	struct job *j = job_start(s, x);
	if (span_is(path, "/pieces")) {
		j->pieces = 3;
		http_reply_begin(x, &(struct http_reply){ .status = 200 }, -1);
	}
	timer_arm(j->timer, 0);
}

static void on_data(void *ctx, struct span piece)
{
	struct job *j = ctx;
	(void)piece;
	http_body_pause(j->x);
	http_body_resume(j->x);
}

static void on_end(void *ctx, const struct http_header *trailers, size_t n)
{
	struct job *j = ctx;
	(void)trailers;
	(void)n;
	timer_arm(j->timer, 0);
}

static bool on_head(void *ctx, struct http_exchange *x)
{
	if (!span_is(http_request(x)->path, "/stream")) {
		return false;
	}
	struct job *j = job_start(ctx, x);
	http_stream_body(x, &(struct http_body_events){ on_data, on_end, j });
	return true;
}

static bool on_upgrade(void *ctx, struct span path, struct span head, int fd)
{
	(void)ctx;
	(void)path;
	(void)head;
	close(fd);
	return true;
}

static void on_closed(void *ctx)
{
	struct sweep *s = ctx;
	s->done++;
}

static void close_server(struct sweep *s, unsigned grace)
{
	if (s->server) {
		http_server_close(s->server, grace, on_closed, s);
		s->server = NULL;
	}
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
#define HALF_BODY "3\r\nabc\r\n3\r\nd"

/* What the two clients say, at turn 0 and at turn 3. */
static const char *const scripts[][2] = {
	{ GET("/now") GET("/late") GET("/now") GET("/pieces"), GET("/late") GET("/late") },
	{ POST("/stream") "\r\n" HALF_BODY, "ef\r\n0\r\n\r\n" GET("/late") },
	{ POST("/stream") "Expect: 100-continue\r\n\r\n", HALF_BODY },
	{ POST("/late") "\r\n" HALF_BODY, "ef\r\n0\r\n\r\n" },
	{ GET("/late") "GET  / HTTP/1.1\r\n", "\r\n" GET("/late") },
	{ POST("/stream") "\r\n" HALF_BODY "zz", "zzzz\r\n" },
	{ GET("/late") GET("/pieces") GET("/abort"), GET("/now") },
	{ GET("/late") GET("/stop") GET("/late"), GET("/now") },
	{ "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "x" },
	{ "GET /late HTTP/1.0\r\n\r\n", GET("/now") },
	{ "GET / HT", "TP/1.1\r\n" },
	{ "", "" },
};

typedef void (*disturb_fn)(struct sweep *s);

static void say(struct sweep *s, const char *words)
{
	for (int i = 0; i < 2; i++) {
		/* A server that has closed already is part of the sweep. */
		if (*words && s->peers[i].fd >= 0) {
			ssize_t n = send(s->peers[i].fd, words, strlen(words), MSG_NOSIGNAL);
			(void)n;
		}
	}
}

static void hang_up(struct peer *p)
{
	if (p->fd >= 0) {
		peer_close(p);
		p->fd = -1;
	}
}

static void run_script(const char *const script[2], int turns, disturb_fn disturb)
{
	struct sweep s = { 0 };
	list_init(&s.jobs);
	uv_loop_init(&s.loop);
	struct http_server_config config = { .ctx = &s,
		.on_request = on_request,
		.on_head = on_head,
		.on_upgrade = on_upgrade,
		.pipeline = 3 };
	struct err err = ERR_INIT;
	s.server = http_server_open(&s.loop, "127.0.0.1", 0, &config, &err);
	assert_non_null(s.server);
	for (int i = 0; i < 2; i++) {
		peer_connect(&s.peers[i], &s.loop, http_server_port(s.server));
	}
	say(&s, script[0]);
	for (int i = 0; i < turns; i++) {
		if (i == 3) {
			say(&s, script[1]);
		}
		uv_run(&s.loop, UV_RUN_NOWAIT);
	}
	disturb(&s);
	/* Both clients leave in the end, so that nothing lingers. */
	for (int i = 0; i < 4; i++) {
		uv_run(&s.loop, UV_RUN_NOWAIT);
	}
	for (int i = 0; i < 2; i++) {
		hang_up(&s.peers[i]);
	}
	close_server(&s, 0);
	run_dry(&s.loop);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.handed, s.ended);
	assert_true(list_empty(&s.jobs));
}

static void sweep(disturb_fn disturb)
{
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		for (int turns = 0; turns < TURNS; turns++) {
			run_script(scripts[i], turns, disturb);
		}
	}
}

static void close_hard(struct sweep *s)
{
	close_server(s, 0);
}

static void close_softly(struct sweep *s)
{
	close_server(s, 50);
}

static void reset_clients(struct sweep *s)
{
	for (int i = 0; i < 2; i++) {
		peer_reset(&s->peers[i]);
		s->peers[i].fd = -1;
	}
}

static void leave(struct sweep *s)
{
	hang_up(&s->peers[0]);
	shutdown(s->peers[1].fd, SHUT_WR);
}

static void abort_all(struct sweep *s)
{
	while (!list_empty(&s->jobs)) {
		struct job *j = container_of(list_first(&s->jobs), struct job, node);
		http_abort(j->x);
		job_end(j);
	}
}

static void reset_and_close(struct sweep *s)
{
	reset_clients(s);
	close_server(s, 0);
}

static void answer_all_while_closing(struct sweep *s)
{
	close_server(s, 0);
	while (!list_empty(&s->jobs)) {
		struct job *j = container_of(list_first(&s->jobs), struct job, node);
		j->pieces = j->pieces > 0 ? 0 : j->pieces;
		on_job_timer(j);
	}
}

#define SWEEP_TEST(name, disturb)      \
	static void name(void **state) \
	{                              \
		(void)state;           \
		sweep(disturb);        \
	}

SWEEP_TEST(server_closes_at_once, close_hard)
SWEEP_TEST(server_closes_with_grace, close_softly)
SWEEP_TEST(clients_reset, reset_clients)
SWEEP_TEST(clients_leave, leave)
SWEEP_TEST(handlers_abort, abort_all)
SWEEP_TEST(clients_reset_and_server_closes, reset_and_close)
SWEEP_TEST(handlers_answer_a_closing_server, answer_all_while_closing)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_closes_at_once),
		cmocka_unit_test(server_closes_with_grace),
		cmocka_unit_test(clients_reset),
		cmocka_unit_test(clients_leave),
		cmocka_unit_test(handlers_abort),
		cmocka_unit_test(clients_reset_and_server_closes),
		cmocka_unit_test(handlers_answer_a_closing_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
