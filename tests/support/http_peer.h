/* A client for integration tests: one request at a time on the test's own loop. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/base/buf.h"
#include "proxy/net/http_client.h"

struct peer {
	uv_loop_t *loop;
	struct http_client *client;
	bool done;
	int status;
	struct buf head; /* "name: value\n" lines */
	struct buf body;
};

static void peer_on_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct peer *p = ctx;
	p->status = status;
	for (size_t i = 0; i < n; i++) {
		buf_addf(&p->head, "%.*s: %.*s\n", SPAN_ARG(headers[i].name),
			SPAN_ARG(headers[i].value));
	}
}

static void peer_on_done(void *ctx, const struct err *err, int status, struct span body)
{
	struct peer *p = ctx;
	if (err->code != ERR_NONE) {
		fail_msg("%s", err->msg);
	}
	p->status = status;
	buf_add_span(&p->body, body);
	p->done = true;
}

static void peer_init(struct peer *p, uv_loop_t *loop)
{
	*p = (struct peer){ .loop = loop, .client = http_client_create(loop) };
	buf_init(&p->head, 1 << 20);
	buf_init(&p->body, 1 << 20);
}

static void peer_fini(struct peer *p)
{
	http_client_destroy(p->client);
	buf_fini(&p->head);
	buf_fini(&p->body);
}

/* Sends the request and runs the loop until the answer is there. */
static void peer_send(struct peer *p, const char *method, const char *url,
	const struct http_header *headers, size_t n, const char *body)
{
	buf_clear(&p->head);
	buf_clear(&p->body);
	p->done = false;
	struct http_client_request request = { .method = method,
		.url = url,
		.headers = headers,
		.n_headers = n,
		.body = span_of(body),
		.has_body = body != NULL,
		.on_head = peer_on_head,
		.done = peer_on_done,
		.ctx = p };
	assert_non_null(http_client_send(p->client, &request));
	while (!p->done) {
		uv_run(p->loop, UV_RUN_ONCE);
	}
}
