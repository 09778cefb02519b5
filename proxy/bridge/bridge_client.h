/* The developer's end of the bridge: one WebSocket to the emulator, with reconnect (backoff and jitter),
 * resume and pings; or a joined end of the emulator in the same process. Says HELLO itself; the agent sees messages only. */
#pragma once

#include <uv.h>

#include "proxy/base/err.h"
#include "proxy/wire/messages.h"

struct bridge_client;
struct bridge_server;

struct bridge_client_config {
	uv_loop_t *loop;
	struct bridge_server *local; /* of this process, outlives the client; NULL = by url */
	const char *url; /* ws://host:port/bridge (loopback only) or wss:// */
	const char *token; /* "" = none */
	const char *
		fingerprint; /* SHA-256 of the server's certificate, hex; "" = ordinary verification */
	const char *app, *stage;
	void *ctx;
	/* WELCOME of a new session (not of a resumed one): send APP now. */
	void (*on_welcome)(void *ctx, const char *region, const char *account);
	void (*on_message)(void *ctx, const struct wire_message *m);
	/* The connection is down / back; `why` in plain words. */
	void (*on_link)(void *ctx, bool up, const char *why);
	/* The session is over for good: refused (token, version), or BYE. An emulator that shuts down is only
	 * a connection lost: it is usually started again, and then on_welcome follows. */
	void (*on_gone)(void *ctx, const char *why);
};

struct bridge_client *bridge_client_open(
	const struct bridge_client_config *c, struct err *err) MUST_CHECK;
void bridge_client_send(struct bridge_client *b, const struct wire_message *m);
/* Says BYE, closes, frees when the loop let go; then done. on_gone is not called. */
void bridge_client_close(struct bridge_client *b, void (*done)(void *ctx), void *ctx);
