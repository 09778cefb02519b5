/* Routes whose integration is another HTTP server (HTTP_PROXY; reference api-gateway.md 2.2 and 4.4): the
 * request goes on with the gateway's header rules and parameter mappings, the answer streams back. */
#pragma once

#include "emulator/gateway/context.h"
#include "emulator/gateway/reply.h"
#include "proxy/net/http_client.h"

struct http_proxy;

/* Requests to this route go on to the backend while their bodies still come. Those that must be known
 * whole before do not: signed ones, for the signature covers the body, and those of a mapping that reads
 * it. */
bool http_proxy_streams(const struct model_route *route);

struct http_proxy_config {
	struct http_client *client;
	struct http_exchange *exchange;
	const struct model_integration *integration;
	const struct context *context;
	struct span path; /* of the request, without the stage's segment */
	bool streamed; /* the request's body comes by http_proxy_body and http_proxy_body_end */
	bool whole; /* on_head wants to see the answer's body: nothing is streamed */
	/* The backend's head is here, with `whole` also its body; the status and the headers leave as
	 * this makes them (mappings, CORS, request id). Once. */
	void (*on_head)(void *ctx, struct reply *r);
	/* No answer came: unreachable, timed out. The exchange is still to be answered. */
	void (*on_failed)(void *ctx, const struct err *err);
	/* The answer is complete (err NULL) or broke off. The last moment at which the exchange may be
	 * touched: right after it is ended or aborted. */
	void (*on_done)(void *ctx, size_t bytes, const struct err *err);
	void *ctx;
};

/* Sends the request. Lives in the exchange's arena until on_failed or on_done. */
struct http_proxy *http_proxy_start(const struct http_proxy_config *config);
/* A piece of a streamed body, and its end. Pauses and resumes the exchange's body as the backend takes
 * it. */
void http_proxy_body(struct http_proxy *p, struct span piece);
void http_proxy_body_end(struct http_proxy *p);
/* The client has gone: no more callbacks. */
void http_proxy_cancel(struct http_proxy *p);

/* The backend request's pieces, for tests: the URL and its headers. */
void http_proxy_request(const struct http_proxy_config *config, struct reply *head,
	const char **url, const char **method);
