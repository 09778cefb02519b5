/* A small HTTP server over proxy/net for scripts and load: `raw_server [PORT]` prints its port as
 * the one ready line and answers until TERM.
 *   /echo     the body, as it came          /later    like /, but from a timer
 *   /head     the request as it was read    /pieces   three chunks
 *   else      "hello" */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/log.h"
#include "proxy/net/http_server.h"
#include "proxy/net/timer.h"

struct app {
	uv_loop_t loop;
	struct http_server *server;
	uv_signal_t term;
};

struct late {
	struct http_exchange *x;
	struct timer *timer;
};

static void reply_text(struct http_exchange *x, struct span text)
{
	struct http_header type = { SPAN("content-type"), SPAN("text/plain") };
	http_reply(x, &(struct http_reply){ 200, &type, 1, text });
}

static void end_late(struct late *l)
{
	timer_close(l->timer);
	free(l);
}

static void on_late(void *ctx)
{
	struct late *l = ctx;
	reply_text(l->x, SPAN("hello"));
	end_late(l);
}

static void on_late_gone(void *ctx)
{
	end_late(ctx);
}

static void reply_later(struct app *app, struct http_exchange *x)
{
	struct late *l = xalloc(sizeof *l);
	l->x = x;
	l->timer = timer_open(&app->loop, on_late, l);
	http_on_gone(x, on_late_gone, l);
	timer_arm(l->timer, 0);
}

static void reply_head(struct http_exchange *x)
{
	const struct http_request *r = http_request(x);
	struct buf b = BUF_INIT(1 << 20);
	buf_addf(&b, "%.*s|%.*s|%.*s|1.%d\n", SPAN_ARG(r->method), SPAN_ARG(r->path),
		SPAN_ARG(r->query), r->minor);
	for (size_t i = 0; i < r->n_headers; i++) {
		buf_addf(&b, "%.*s=%.*s\n", SPAN_ARG(r->headers[i].name),
			SPAN_ARG(r->headers[i].value));
	}
	reply_text(x, buf_span(&b));
	buf_fini(&b);
}

static void on_request(void *ctx, struct http_exchange *x)
{
	const struct http_request *r = http_request(x);
	if (span_is(r->path, "/echo")) {
		reply_text(x, r->body);
	} else if (span_is(r->path, "/later")) {
		reply_later(ctx, x);
	} else if (span_is(r->path, "/head")) {
		reply_head(x);
	} else if (span_is(r->path, "/pieces")) {
		http_reply_begin(x, &(struct http_reply){ .status = 200 }, -1);
		http_reply_write(x, SPAN("one"));
		http_reply_write(x, SPAN("two"));
		http_reply_write(x, SPAN("three"));
		http_reply_end(x);
	} else {
		reply_text(x, SPAN("hello"));
	}
}

static void on_term(uv_signal_t *handle, int signum)
{
	(void)signum;
	struct app *app = handle->data;
	http_server_close(app->server, 0, NULL, NULL);
	uv_close((uv_handle_t *)handle, NULL);
}

int main(int argc, char **argv)
{
	struct app app;
	log_init();
	uv_loop_init(&app.loop);
	struct http_server_config config = {
		.ctx = &app, .on_request = on_request, .pipeline = 16, .head_timeout_ms = 2000
	};
	struct err err = ERR_INIT;
	unsigned port = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	app.server = http_server_open(&app.loop, "127.0.0.1", port, &config, &err);
	if (!app.server) {
		fprintf(stderr, "raw_server: %s\n", err.msg);
		return 1;
	}
	uv_signal_init(&app.loop, &app.term);
	app.term.data = &app;
	uv_signal_start(&app.term, on_term, SIGTERM);
	printf("%u\n", http_server_port(app.server));
	fflush(stdout);
	uv_run(&app.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&app.loop) == 0 ? 0 : 1;
}
