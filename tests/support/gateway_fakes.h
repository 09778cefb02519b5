/* Stand-ins for the rooms behind the gateway (auth and lambda), linked into a test in place of the real
 * ones: the test says what they answer and when, and sees what they were asked. Also a world with a
 * gateway on a free port and a client that sends bytes as they are. Include once. */
#pragma once

#include <stdio.h>

#include "emulator/gateway/gateway.h"
#include "proxy/base/alloc.h"
#include "proxy/base/list.h"
#include "proxy/net/timer.h"

/* --- auth ----------------------------------------------------------------------------------- */

struct auth_job {
	const struct auth_request *request;
	auth_done_fn done;
	void *ctx;
	struct timer *timer;
	struct list link;
};

static struct {
	struct auth_verdict verdict;
	bool later; /* answer on a later turn */
	bool never; /* until fake_auth_release() */
	struct list running;
	unsigned asked, cancelled;
	bool want_event; /* build the authorizer's event and keep it */
	struct buf event;
	char context[256]; /* what "$context.routeKey $stageVariables.table" resolved to */
	uv_loop_t *loop;
} fake_auth;

static void fake_auth_answer(void *ctx)
{
	struct auth_job *job = ctx;
	auth_done_fn done = job->done;
	void *done_ctx = job->ctx;
	list_remove(&job->link);
	timer_close(job->timer);
	free(job);
	struct auth_verdict v = fake_auth.verdict;
	done(done_ctx, &v);
}

struct auth_job *auth_check(
	struct auth *a, const struct auth_request *r, auth_done_fn done, void *ctx)
{
	(void)a;
	fake_auth.asked++;
	if (fake_auth.want_event) {
		const struct span sources[] = { SPAN("s1"), SPAN("s2") };
		buf_clear(&fake_auth.event);
		r->write_event(r->ctx, true, sources, 2, &fake_auth.event);
		struct span key = r->context_value(r->ctx, SPAN("$context.routeKey"));
		struct span table = r->context_value(r->ctx, SPAN("$stageVariables.table"));
		struct span none = r->context_value(r->ctx, SPAN("$context.none"));
		snprintf(fake_auth.context, sizeof fake_auth.context, "%.*s %.*s %d %.*s",
			SPAN_ARG(key), SPAN_ARG(table), none.ptr == NULL, SPAN_ARG(r->route_path));
	}
	if (!fake_auth.later && !fake_auth.never) {
		struct auth_verdict v = fake_auth.verdict;
		done(ctx, &v);
		return NULL;
	}
	struct auth_job *job = xalloc(sizeof *job);
	*job = (struct auth_job){ .request = r, .done = done, .ctx = ctx };
	list_push_back(&fake_auth.running, &job->link);
	job->timer = timer_open(fake_auth.loop, fake_auth_answer, job);
	if (fake_auth.later) {
		timer_arm(job->timer, 0);
	}
	return job;
}

void auth_cancel(struct auth_job *job)
{
	fake_auth.cancelled++;
	list_remove(&job->link);
	timer_close(job->timer);
	free(job);
}

static inline void fake_auth_release(void)
{
	LIST_FOR (node, &fake_auth.running) {
		timer_arm(container_of(node, struct auth_job, link)->timer, 0);
	}
}

/* --- lambda ---------------------------------------------------------------------------------- */

struct invocation {
	lambda_done_fn done;
	void *ctx;
	struct timer *timer;
	struct list link;
};

static struct {
	enum lambda_outcome outcome;
	struct span result;
	const char *error_type, *detail;
	bool never; /* until fake_lambda_release() */
	unsigned invoked, cancelled;
	struct buf event; /* of the last call */
	char function[64], source[128], trace[64];
	struct list running;
	uv_loop_t *loop;
} fake_lambda;

static void fake_lambda_answer(void *ctx)
{
	struct invocation *inv = ctx;
	lambda_done_fn done = inv->done;
	void *done_ctx = inv->ctx;
	list_remove(&inv->link);
	timer_close(inv->timer);
	free(inv);
	struct lambda_result r = { .outcome = fake_lambda.outcome,
		.payload = fake_lambda.result,
		.error_type = fake_lambda.error_type ? fake_lambda.error_type : "",
		.detail = fake_lambda.detail ? fake_lambda.detail : "" };
	done(done_ctx, &r);
}

struct invocation *lambda_invoke(struct lambda *l, const struct lambda_call *call)
{
	(void)l;
	fake_lambda.invoked++;
	buf_clear(&fake_lambda.event);
	buf_add_span(&fake_lambda.event, call->payload);
	snprintf(fake_lambda.function, sizeof fake_lambda.function, "%s", call->function);
	snprintf(fake_lambda.source, sizeof fake_lambda.source, "%s", call->source);
	snprintf(fake_lambda.trace, sizeof fake_lambda.trace, "%s", call->trace_id);
	struct invocation *inv = xalloc(sizeof *inv);
	*inv = (struct invocation){ .done = call->done, .ctx = call->ctx };
	inv->timer = timer_open(fake_lambda.loop, fake_lambda_answer, inv);
	list_push_back(&fake_lambda.running, &inv->link);
	if (!fake_lambda.never) {
		timer_arm(inv->timer, 0);
	}
	return inv;
}

const char *invocation_id(const struct invocation *inv)
{
	(void)inv;
	return "3f0e8a52-0000-4000-8000-000000000001";
}

void lambda_cancel(struct invocation *inv)
{
	fake_lambda.cancelled++;
	list_remove(&inv->link);
	timer_close(inv->timer);
	free(inv);
}

static inline void fake_lambda_release(void)
{
	LIST_FOR (node, &fake_lambda.running) {
		timer_arm(container_of(node, struct invocation, link)->timer, 0);
	}
}

/* --- a client of bytes -------------------------------------------------------------------------- */

struct client {
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	struct span request;
	struct buf answer;
	bool ended, closed;
};

static void client_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	(void)h;
	(void)size;
	static char memory[65536];
	*buf = uv_buf_init(memory, sizeof memory);
}

static void client_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = s->data;
	if (n > 0) {
		buf_add(&c->answer, buf->base, (size_t)n);
	} else if (n < 0) {
		c->ended = true;
		uv_read_stop(s);
	}
}

static void client_written(uv_write_t *w, int status)
{
	(void)w;
	(void)status;
}

static void client_connected(uv_connect_t *r, int status)
{
	struct client *c = r->data;
	if (status) { /* left before it was connected, or nobody listens any more */
		c->ended = true;
		return;
	}
	uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)c->request.ptr, (unsigned)c->request.len);
	uv_write(&c->write, r->handle, &bytes, 1, client_written);
	uv_read_start(r->handle, client_alloc, client_read);
}

/* The request's bytes must stay until the client is closed. */
static inline void client_start(
	struct client *c, uv_loop_t *loop, unsigned port, struct span request)
{
	*c = (struct client){ .request = request, .answer = BUF_INIT(64 << 20) };
	struct sockaddr_in to;
	uv_ip4_addr("127.0.0.1", (int)port, &to);
	uv_tcp_init(loop, &c->tcp);
	c->tcp.data = c->connect.data = c;
	uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)&to, client_connected);
}

static void client_on_closed(uv_handle_t *h)
{
	((struct client *)h->data)->closed = true;
}

static inline void client_stop(struct client *c)
{
	uv_loop_t *loop = c->tcp.loop;
	/* A reset, where it can be: a mere end of input may be a half-closed client, which is answered. */
	if (uv_tcp_close_reset(&c->tcp, client_on_closed)) {
		uv_close((uv_handle_t *)&c->tcp, client_on_closed);
	}
	while (!c->closed) {
		uv_run(loop, UV_RUN_ONCE);
	}
	buf_fini(&c->answer);
}
