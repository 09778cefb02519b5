/* HTTP servers by key, opened one by one and closed together: the addresses of APIs and of function
 * URLs. Listeners are opened before there is a model, since their ports are part of it. */
#pragma once

#include "proxy/base/list.h"
#include "proxy/net/http_server.h"

/* Embedded in what the owner keeps for each address. */
struct listener {
	struct listeners *set;
	char *key;
	struct http_server *server;
	struct list link; /* in set->all */
};

struct listeners {
	uv_loop_t *loop;
	const char *host;
	void (*release)(struct listener *l); /* it has closed: frees what embeds it */
	struct list all; /* struct listener */
	unsigned open; /* servers that have not closed yet, and one for listeners_close itself */
	bool closing;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

/* The host must outlive the set. */
void listeners_init(struct listeners *s, uv_loop_t *loop, const char *host,
	void (*release)(struct listener *l));
/* Opens l, whose memory is the set's from now on: on an error too, l has been released. Port 0 takes
 * a free one. ERR_BUSY if the port is taken, ERR_CONFLICT if the key has a listener already; `what`
 * names the kind in the error. */
int listeners_open(struct listeners *s, struct listener *l, const char *what, const char *key,
	unsigned port, const struct http_server_config *config, struct err *err) MUST_CHECK;
/* NULL if there is none. */
struct listener *listeners_find(const struct listeners *s, const char *key);
/* 0 if there is none. */
unsigned listeners_port(const struct listeners *s, const char *key);
/* Stops listening, lets requests end within grace_ms, releases each, then calls done(ctx), possibly
 * before it returns. A second call does nothing. */
void listeners_close(struct listeners *s, unsigned grace_ms, void (*done)(void *ctx), void *ctx);
