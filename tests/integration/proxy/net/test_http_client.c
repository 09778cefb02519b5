/* The client against our own server, against peers that misbehave, and against a TLS server whose
 * authority is unknown, then known. */
#include "peer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "proxy/net/http_client.h"
#include "proxy/net/timer.h"

struct fixture {
	uv_loop_t loop;
	struct http_server *server;
	struct http_client *client;
	struct http_exchange *held;
	struct http_call *call;
	unsigned n_done, n_head, n_gone;
	struct err err;
	int status;
	struct buf body; /* of done, or of on_data */
	struct buf head; /* of on_head */
	bool cancel_in_data, destroy_in_data, destroy_in_done, send_in_data;
	unsigned n_data;
};

static void describe(struct buf *b, const struct http_request *r)
{
	buf_addf(b, "%.*s %.*s\n", SPAN_ARG(r->method), SPAN_ARG(r->target));
	for (size_t i = 0; i < r->n_headers; i++) {
		if (!span_iis(r->headers[i].name, "host")) {
			buf_addf(b, "%.*s=%.*s\n", SPAN_ARG(r->headers[i].name),
				SPAN_ARG(r->headers[i].value));
		}
	}
	buf_add_span(b, r->body);
}

static void on_gone(void *ctx)
{
	struct fixture *f = ctx;
	f->n_gone++;
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct fixture *f = ctx;
	const struct http_request *r = http_request(x);
	struct http_header headers[] = { { SPAN("x-a"), SPAN("1") }, { SPAN("X-A"), SPAN("") },
		{ SPAN("location"), SPAN("/elsewhere") } };
	struct buf body = BUF_INIT(1 << 20);
	if (span_is(r->path, "/hold")) {
		f->held = x;
		http_on_gone(x, on_gone, f);
	} else if (span_is(r->path, "/redirect")) {
		http_reply(x, &(struct http_reply){ 302, headers, 3, SPAN("moved") });
	} else if (span_is(r->path, "/broken")) {
		http_reply_begin(x, &(struct http_reply){ .status = 200 }, 10);
		http_reply_write(x, SPAN("half"));
		http_reply_end(x);
	} else {
		describe(&body, r);
		http_reply(x, &(struct http_reply){ 200, headers, 2, buf_span(&body) });
	}
	buf_fini(&body);
}

static void setup(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	buf_init(&f->body, 1 << 24);
	buf_init(&f->head, 1 << 16);
	uv_loop_init(&f->loop);
	struct http_server_config config = { .ctx = f, .on_request = on_request };
	struct err err = ERR_INIT;
	f->server = http_server_open(&f->loop, "127.0.0.1", 0, &config, &err);
	assert_non_null(f->server);
	f->client = http_client_create(&f->loop);
}

static void teardown(struct fixture *f)
{
	http_client_destroy(f->client);
	if (f->server) {
		http_server_close(f->server, 0, NULL, NULL);
	}
	run_dry(&f->loop);
	buf_fini(&f->body);
	buf_fini(&f->head);
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct fixture *f = ctx;
	f->n_head++;
	buf_addf(&f->head, "%d\n", status);
	for (size_t i = 0; i < n; i++) {
		buf_addf(&f->head, "%.*s=%.*s\n", SPAN_ARG(headers[i].name),
			SPAN_ARG(headers[i].value));
	}
}

static void on_done(void *ctx, const struct err *err, int status, struct span body)
{
	struct fixture *f = ctx;
	f->n_done++;
	uv_stop(&f->loop); /* called by a timer, UV_RUN_ONCE would go on to wait for more */
	f->err = *err;
	f->status = status;
	buf_add_span(&f->body, body);
	if (f->destroy_in_done) {
		f->destroy_in_done = false;
		http_client_destroy(f->client);
		f->client = NULL;
	}
}

static struct http_client_request request_of(struct fixture *f, char url[64], const char *path)
{
	snprintf(url, 64, "http://localhost:%u%s", http_server_port(f->server), path);
	return (struct http_client_request){
		.method = "GET", .url = url, .done = on_done, .ctx = f
	};
}

static void on_data(void *ctx, struct span piece)
{
	struct fixture *f = ctx;
	f->n_data++;
	buf_add_span(&f->body, piece);
	if (f->cancel_in_data) {
		http_call_cancel(f->call);
	}
	if (f->destroy_in_data) {
		http_client_destroy(f->client);
		f->client = NULL;
	}
	if (f->send_in_data) {
		f->send_in_data = false;
		char url[64];
		struct http_client_request r = request_of(f, url, "/second");
		http_client_send(f->client, &r);
	}
}

static void send_and_wait(struct fixture *f, const struct http_client_request *r)
{
	f->n_done = 0;
	buf_clear(&f->body);
	f->call = http_client_send(f->client, r);
	assert_int_equal(f->n_done, 0);
	while (!f->n_done) {
		uv_run(&f->loop, UV_RUN_ONCE);
	}
	assert_int_equal(f->n_done, 1);
}

static void sends_what_it_is_given_and_no_more(void **state)
{
	(void)state;
	struct fixture f;
	char url[64];
	setup(&f);
	struct http_client_request r = request_of(&f, url, "/a/../b?c=%20d");
	r.on_head = on_head;
	send_and_wait(&f, &r);
	assert_int_equal(f.err.code, ERR_NONE);
	assert_int_equal(f.status, 200);
	assert_string_equal(buf_cstr(&f.body), "GET /a/../b?c=%20d\n");
	assert_string_equal(
		buf_cstr(&f.head), "200\nx-a=1\nX-A=\nContent-Length=19\nConnection=keep-alive\n");
	struct http_header headers[] = { { SPAN("Content-Type"), SPAN("a/b") },
		{ SPAN("X-Empty"), SPAN("") }, { SPAN("Content-Length"), SPAN("999") } };
	r.method = "PATCH";
	r.headers = headers;
	r.n_headers = 3;
	r.body = SPAN("body");
	r.has_body = true;
	send_and_wait(&f, &r);
	assert_string_equal(buf_cstr(&f.body), "PATCH /a/../b?c=%20d\nContent-Type=a/b\nX-Empty=\n"
					       "Content-Length=4\nbody");
	r = request_of(&f, url, "/");
	r.method = "POST";
	send_and_wait(&f, &r);
	assert_string_equal(buf_cstr(&f.body), "POST /\nContent-Length=0\n");
	r.method = "HEAD";
	send_and_wait(&f, &r);
	assert_int_equal(f.status, 200);
	assert_int_equal(f.body.len, 0);
	teardown(&f);
}

static void does_not_follow_redirects(void **state)
{
	(void)state;
	struct fixture f;
	char url[64];
	setup(&f);
	struct http_client_request r = request_of(&f, url, "/redirect");
	send_and_wait(&f, &r);
	assert_int_equal(f.status, 302);
	assert_string_equal(buf_cstr(&f.body), "moved");
	teardown(&f);
}

static void says_what_went_wrong(void **state)
{
	(void)state;
	struct fixture f;
	char url[64];
	setup(&f);
	struct http_client_request r = request_of(&f, url, "/broken?secret");
	send_and_wait(&f, &r);
	assert_int_equal(f.err.code, ERR_IO);
	assert_null(strstr(f.err.msg, "secret"));
	r = request_of(&f, url, "/long");
	r.max_body = 4;
	send_and_wait(&f, &r);
	assert_int_equal(f.err.code, ERR_LIMIT);
	r = request_of(&f, url, "/hold");
	r.timeout_ms = 30;
	send_and_wait(&f, &r);
	assert_int_equal(f.err.code, ERR_TIMEOUT);
	r.url = "http://127.0.0.1:1/";
	send_and_wait(&f, &r);
	assert_int_equal(f.err.code, ERR_UNAVAILABLE);
	r.url = "file:///etc/passwd";
	send_and_wait(&f, &r);
	assert_int_equal(f.err.code, ERR_INVALID);
	r.url = "http://h\r\nX: y/";
	send_and_wait(&f, &r);
	assert_int_equal(f.err.code, ERR_INVALID);
	teardown(&f);
}

static void a_canceled_call_is_silent(void **state)
{
	(void)state;
	struct fixture f;
	char url[64];
	setup(&f);
	struct http_client_request r = request_of(&f, url, "/hold");
	http_call_cancel(http_client_send(f.client, &r));
	f.call = http_client_send(f.client, &r);
	while (!f.held) {
		uv_run(&f.loop, UV_RUN_ONCE);
	}
	http_call_cancel(f.call);
	http_reply(f.held, &(struct http_reply){ .status = 200 });
	teardown(&f);
	assert_int_equal(f.n_done, 0);
}

static void may_be_canceled_and_closed_from_its_callbacks(void **state)
{
	(void)state;
	const unsigned dones[] = { 0, 1, 1, 2 };
	for (int how = 0; how < 4; how++) {
		struct fixture f;
		char url[64];
		setup(&f);
		f.cancel_in_data = how == 0;
		f.destroy_in_data = how == 1;
		f.destroy_in_done = how == 2;
		f.send_in_data = how == 3;
		struct http_client_request r = request_of(&f, url, "/first");
		r.on_data = on_data;
		f.call = http_client_send(f.client, &r);
		while (!f.n_data || (how >= 2 && f.n_done < dones[how])) {
			uv_run(&f.loop, UV_RUN_ONCE);
		}
		teardown(&f);
		assert_int_equal(f.n_done, dones[how]);
		assert_int_equal(f.err.code, how == 1 ? ERR_CANCELED : ERR_NONE);
	}
}

static void set_true(void *ctx)
{
	*(bool *)ctx = true;
}

static void a_paused_call_holds_its_data(void **state)
{
	(void)state;
	struct fixture f;
	char url[64];
	setup(&f);
	struct http_client_request r = request_of(&f, url, "/x");
	r.on_data = on_data;
	f.call = http_client_send(f.client, &r);
	http_call_pause(f.call, true);
	bool later = false;
	struct timer *timer = timer_open(&f.loop, set_true, &later);
	timer_arm(timer, 30);
	while (!later) {
		uv_run(&f.loop, UV_RUN_ONCE);
	}
	timer_close(timer);
	assert_int_equal(f.n_data, 0);
	assert_int_equal(f.n_done, 0);
	http_call_pause(f.call, false);
	assert_int_equal(f.n_data, 0);
	while (!f.n_done) {
		uv_run(&f.loop, UV_RUN_ONCE);
	}
	assert_string_equal(buf_cstr(&f.body), "GET /x\n");
	teardown(&f);
}

static void destroy_cancels_after_any_number_of_turns(void **state)
{
	(void)state;
	for (int turns = 0; turns < 40; turns++) {
		struct fixture f;
		char url[64];
		setup(&f);
		struct http_client_request r = request_of(&f, url, turns % 2 ? "/hold" : "/");
		http_client_send(f.client, &r);
		http_client_send(f.client, &r);
		for (int i = 0; i < turns; i++) {
			uv_run(&f.loop, UV_RUN_NOWAIT);
		}
		http_client_destroy(f.client);
		f.client = NULL;
		assert_int_equal(f.n_done, 2);
		teardown(&f);
		assert_int_equal(f.n_done, 2);
	}
}

/* In a child: our own mistake ends the program. */
static void a_header_cannot_smuggle_another(void **state)
{
	(void)state;
	const struct http_header bad[] = { { SPAN("x"), SPAN("a\r\nb: c") },
		{ SPAN("x"), SPAN("a\nb") }, { SPAN("x\r\ny"), SPAN("a") },
		{ SPAN("x"), SPAN("a\0b") } };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		pid_t pid = fork();
		if (pid == 0) {
			uv_loop_t loop;
			signal(SIGABRT, SIG_DFL);
			dup2(open("/dev/null", O_WRONLY), 2);
			uv_loop_init(&loop);
			struct http_client *c = http_client_create(&loop);
			http_client_send(c, &(struct http_client_request){ .method = "GET",
						    .url = "http://localhost:1/",
						    .headers = &bad[i],
						    .n_headers = 1,
						    .done = on_done });
			_exit(0);
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

/* --- TLS --------------------------------------------------------------------------------------- */

struct tls_server {
	char dir[32];
	char cert[64];
	pid_t pid;
	FILE *out;
	unsigned port;
};

/* `openssl s_server` with a certificate of its own making for "localhost". */
static void tls_start(struct tls_server *t)
{
	char command[512];
	snprintf(t->dir, sizeof t->dir, "/tmp/offstage-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->cert, sizeof t->cert, "%s/cert.pem", t->dir);
	snprintf(command, sizeof command,
		"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
		"-subj /CN=localhost -addext subjectAltName=DNS:localhost "
		"-keyout %s/key.pem -out %s 2>/dev/null",
		t->dir, t->cert);
	assert_int_equal(system(command), 0);
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	t->pid = fork();
	if (t->pid == 0) {
		char key[64];
		snprintf(key, sizeof key, "%s/key.pem", t->dir);
		dup2(fds[1], 1);
		dup2(open("/dev/null", O_WRONLY), 2); /* it complains of the alert we want */
		close(fds[0]);
		/* It offers HTTP/2, which it does not speak: who takes it is lost. */
		execlp("openssl", "openssl", "s_server", "-accept", "0", "-cert", t->cert, "-key",
			key, "-www", "-alpn", "h2,http/1.1", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	t->out = fdopen(fds[0], "r");
	char line[256];
	while (fgets(line, sizeof line, t->out)) {
		const char *colon = strrchr(line, ':');
		if (strncmp(line, "ACCEPT", 6) == 0 && colon) {
			t->port = (unsigned)strtoul(colon + 1, NULL, 10);
			return;
		}
	}
	fail_msg("openssl s_server did not start");
}

static void tls_stop(struct tls_server *t)
{
	char command[64];
	kill(t->pid, SIGTERM);
	waitpid(t->pid, NULL, 0);
	fclose(t->out);
	snprintf(command, sizeof command, "rm -r %s", t->dir);
	assert_int_equal(system(command), 0);
}

static void an_unknown_authority_is_refused(void **state)
{
	(void)state;
	struct fixture f;
	struct tls_server t;
	char url[64];
	setup(&f);
	tls_start(&t);
	struct http_client_request r = request_of(&f, url, "/");
	snprintf(url, sizeof url, "https://localhost:%u/", t.port);
	send_and_wait(&f, &r);
	assert_int_equal(f.err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(f.err.msg, "certificate"));
	setenv("SSL_CERT_FILE", t.cert, 1);
	send_and_wait(&f, &r);
	assert_int_equal(f.err.code, ERR_NONE);
	assert_int_equal(f.status, 200);
	/* Known authority, wrong name. */
	snprintf(url, sizeof url, "https://127.0.0.1:%u/", t.port);
	send_and_wait(&f, &r);
	assert_int_equal(f.err.code, ERR_UNAVAILABLE);
	unsetenv("SSL_CERT_FILE");
	teardown(&f);
	tls_stop(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_what_it_is_given_and_no_more),
		cmocka_unit_test(does_not_follow_redirects),
		cmocka_unit_test(says_what_went_wrong),
		cmocka_unit_test(a_canceled_call_is_silent),
		cmocka_unit_test(may_be_canceled_and_closed_from_its_callbacks),
		cmocka_unit_test(a_paused_call_holds_its_data),
		cmocka_unit_test(destroy_cancels_after_any_number_of_turns),
		cmocka_unit_test(a_header_cannot_smuggle_another),
		cmocka_unit_test(an_unknown_authority_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
