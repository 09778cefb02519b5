/* One WebSocket and the session whose bytes it carries: the only code that touches a wsi. Both ends of
 * the bridge use it; they differ in how a socket comes to be, not in how it is pumped. When both ends are in
 * one process, two links are joined instead: the same frames, handed over without a socket between.
 *
 * Happy path: opened -> bytes both ways, one write a loop turn -> closed, reported once.
 * Failures: malformed bytes, silence, link_cut: the socket is closed at the next safe moment; the owner
 * hears `closed` with the reason exactly once, whatever the cause. */
#pragma once

#include <libwebsockets.h>
#include <uv.h>

#include "proxy/bridge/certificate.h"
#include "proxy/net/timer.h"
#include "proxy/net/turn.h"
#include "proxy/wire/session.h"

#define LINK_PROTOCOL "offstage-bridge"

struct link {
	struct lws *wsi; /* ours until CLOSED, then NULL */
	struct link *other; /* joined to it; then there is no wsi */
	struct session *session; /* borrowed; the owner may exchange it (link_attach) */
	uv_loop_t *loop;
	struct timer *timer; /* pings and silence */
	struct turn *turn; /* writes */
	struct buf out; /* LWS_PRE bytes, then frames */
	char why[512]; /* why it was cut */
	bool is_open, cut;
	bool untrusted; /* closed because the other end's certificate does not hold */
	/* After each batch of input, when the session may be exchanged; NULL allowed. */
	void (*settled)(void *ctx, struct link *l);
	void (*opened)(void *ctx, struct link *l);
	/* The socket is gone; the link may be freed (link_fini). */
	void (*closed)(void *ctx, struct link *l, const char *why);
	void *ctx;
};

void link_init(struct link *l, uv_loop_t *loop, void *ctx);
/* Only when it is not bound. */
void link_fini(struct link *l);
/* It has a socket, open or not, or is joined. */
bool link_is_bound(const struct link *l);
/* Binds a fresh socket. */
void link_bind(struct link *l, struct lws *wsi);
/* Joins two ends in this process; `opened` of both runs within, b's first. What one writes reaches the other
 * at the end of the turn. Cutting one closes both. */
void link_join(struct link *a, struct link *b);
/* From now on this session's bytes. It must have been told session_link_up. */
void link_attach(struct link *l, struct session *s);
/* There is something to write. */
void link_wake(struct link *l);
/* Closes soon; `closed` follows. Safe from anywhere. */
void link_cut(struct link *l, const char *why);
/* The SHA-256 of the other end's certificate, lower-case hex; "" if it showed none. */
void link_peer_fingerprint(const struct link *l, char out[FINGERPRINT_LEN + 1]);

/* Does that certificate name this numeric address? */
bool link_peer_has_address(const struct link *l, const char *address);

/* The lws protocol table (one entry and the end mark) for both ends. */
extern const struct lws_protocols link_protocols[];

/* Whose link takes a socket that has just become a WebSocket. Memory of the owner. */
struct link_source {
	/* An adopted one: lws calls back from inside the adopt call, before it has returned the wsi. */
	struct link *adopting;
	/* One that comes over TLS, by lws's own listener, before its handshake; NULL = not wanted. */
	struct link *(*accept)(void *ctx, int fd);
	void *ctx;
};

/* A context on our loop without signal handling of its own and without a listener. `source` is NULL at
 * the end that only connects. `tls`: some of its sockets will speak it; getting ready for that takes a
 * while, so not for every `start`. */
struct lws_context *link_context_create(uv_loop_t *loop, struct link_source *source, bool tls);
/* Closes what the context still holds (`closed` of its links runs inside), and frees it some turns
 * later, when lws's handles have left the loop; then done (NULL allowed). */
void link_context_close(
	struct lws_context *lws, uv_loop_t *loop, void (*done)(void *ctx), void *ctx);
