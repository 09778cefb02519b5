/* An HTTP exchange without sockets, for unit tests of rooms that answer requests: include it in one
 * file of a test. It stands in for proxy/net's http_server: http_reply keeps the answer. */
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
#include "proxy/net/http_server.h"

struct http_exchange {
	struct http_request request;
	struct http_header headers[16];
	int status; /* 0 = not answered yet */
	struct buf head; /* "name: value\n" lines of the answer */
	struct buf body;
	void (*gone)(void *ctx);
	void *gone_ctx;
};

static inline struct http_exchange *fake_exchange(
	const char *method, const char *target, const char *body)
{
	struct http_exchange *x = xalloc(sizeof *x);
	struct http_request *r = &x->request;
	r->arena = arena_create();
	r->method = span_of(arena_strdup(r->arena, method));
	r->target = span_of(arena_strdup(r->arena, target));
	r->query = r->target;
	r->path = span_cut(&r->query, '?');
	r->body = span_of(arena_strdup(r->arena, body));
	r->has_body = r->body.len > 0;
	r->headers = x->headers;
	r->minor = 1;
	snprintf(r->peer, sizeof r->peer, "127.0.0.1");
	buf_init(&x->head, 1 << 20);
	buf_init(&x->body, 1 << 20);
	return x;
}

static inline void fake_header(struct http_exchange *x, const char *name, const char *value)
{
	assert_true(x->request.n_headers < COUNT_OF(x->headers));
	x->headers[x->request.n_headers++] =
		(struct http_header){ span_of(arena_strdup(x->request.arena, name)),
			span_of(arena_strdup(x->request.arena, value)) };
}

static inline void fake_exchange_free(struct http_exchange *x)
{
	arena_destroy(x->request.arena);
	buf_fini(&x->head);
	buf_fini(&x->body);
	free(x);
}

/* Has the answer this header line, letter for letter? */
static inline bool fake_has_header(struct http_exchange *x, const char *line)
{
	AUTO_FREE char *whole = xasprintf("\n%s\n", line);
	AUTO_FREE char *head = xasprintf("\n%s", buf_cstr(&x->head));
	return strstr(head, whole) != NULL;
}

/* The value of an answer's header in a static buffer; "" if there is none. */
static inline const char *fake_value(struct http_exchange *x, const char *name)
{
	static char value[8192];
	AUTO_FREE char *start = xasprintf("\n%s: ", name);
	AUTO_FREE char *head = xasprintf("\n%s", buf_cstr(&x->head));
	const char *at = strcasestr(head, start);
	value[0] = '\0';
	if (at) {
		at += strlen(start);
		snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\n"), at);
	}
	return value;
}

const struct http_request *http_request(const struct http_exchange *x)
{
	return &x->request;
}

struct span http_header_get(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (span_iis(r->headers[i].name, name)) {
			return r->headers[i].value;
		}
	}
	return (struct span){ NULL, 0 };
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

void http_reply(struct http_exchange *x, const struct http_reply *reply)
{
	assert_int_equal(x->status, 0);
	x->status = reply->status;
	for (size_t i = 0; i < reply->n_headers; i++) {
		struct span value = reply->headers[i].value;
		assert_null(memchr(value.ptr, '\n', value.len));
		assert_null(memchr(value.ptr, '\r', value.len));
		buf_addf(&x->head, "%.*s: %.*s\n", SPAN_ARG(reply->headers[i].name),
			SPAN_ARG(value));
	}
	buf_add_span(&x->body, reply->body);
}
