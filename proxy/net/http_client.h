/* An HTTP/1.1 client, also over TLS, over libcurl on the loop: for JWKS and discovery documents and for HTTP_PROXY
 * integrations. TLS is always verified; redirects are never followed; proxies of the environment
 * are not used for loopback hosts. Bounded in size and time by each request. libcurl is loaded
 * by the first request: where it is missing, requests fail with ERR_UNAVAILABLE. */
#pragma once

#include <uv.h>

#include "proxy/net/http_server.h"

struct http_client;
struct http_call;

struct http_client_request {
	const char *method;
	const char *url; /* http or https */
	const struct http_header *headers;
	size_t n_headers;
	struct span body; /* must stay valid until done */
	bool has_body;
	/* With has_body: the body comes by http_call_write and http_call_end, not in `body`. */
	bool streams_body;
	int64_t body_length; /* of a streamed body; -1 = not known: it is sent in chunks */
	/* There is room again after http_call_write returned false. */
	void (*on_drain)(void *ctx);
	unsigned timeout_ms; /* whole exchange; 0 = 30 s */
	size_t max_body; /* 0 = 1 MiB; larger answers fail with ERR_LIMIT */
	/* Head of the answer, once, before any data; spans valid for the call. Optional. */
	void (*on_head)(void *ctx, int status, const struct http_header *headers, size_t n);
	/* Optional: pieces as they come; then `body` of done is empty and max_body counts the total. */
	void (*on_data)(void *ctx, struct span piece);
	/* Exactly once, never before http_client_send returned. err->code is ERR_NONE on success;
	 * ERR_TIMEOUT, ERR_UNAVAILABLE (resolve, connect, TLS), ERR_LIMIT, ERR_IO. */
	void (*done)(void *ctx, const struct err *err, int status, struct span body);
	void *ctx;
};

struct http_client *http_client_create(uv_loop_t *loop);
/* Cancels what runs (done gets ERR_CANCELED before this returns) and frees when the loop let go. */
void http_client_destroy(struct http_client *c);
struct http_call *http_client_send(struct http_client *c, const struct http_client_request *r);
/* done is not called any more. */
void http_call_cancel(struct http_call *call);
/* A piece of a streamed body: copies the bytes. False when more than 256 KiB wait: stop until on_drain. */
bool http_call_write(struct http_call *call, struct span bytes);
/* The body is whole. */
void http_call_end(struct http_call *call);
/* Pause / resume the stream of on_data. */
void http_call_pause(struct http_call *call, bool paused);
