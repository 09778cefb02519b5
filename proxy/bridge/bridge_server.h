/* The emulator's end of the bridge: WebSockets of agents, adopted from the service port's listener
 * (http_server's on_upgrade) and run by libwebsockets on our loop, and the agent of the same process. Turns session bytes into messages;
 * knows nothing of functions. A peer is one agent's session: it outlives its socket for a while, so that
 * a cut connection resumes and nothing is lost or run twice. */
#pragma once

#include <uv.h>

#include "proxy/base/err.h"
#include "proxy/wire/messages.h"

struct bridge_server;
struct bridge_peer;
struct link;

struct bridge_server_config {
	uv_loop_t *loop;
	const char
		*token; /* agents must present it in HELLO; "" = none wanted (loopback `start`) */
	bool tls; /* bridge_server_listen will be called */
	unsigned grace_ms; /* how long a lost peer may come back; 0 = 30 s */
	const char
		*welcome; /* JSON members for WELCOME: "\"region\":\"...\",\"account\":\"...\"" */
	void *ctx;
	/* A new session said HELLO rightly (token, version). stage and app are valid for the call. */
	void (*on_agent)(void *ctx, struct bridge_peer *p, const char *app, const char *stage);
	void (*on_message)(void *ctx, struct bridge_peer *p, const struct wire_message *m);
	/* The connection is down / is back; for the terminal. */
	void (*on_link)(void *ctx, struct bridge_peer *p, bool up, const char *why);
	/* The session is over (BYE, or grace passed); p is dead after the call. */
	void (*on_gone)(void *ctx, struct bridge_peer *p, const char *why);
};

struct bridge_server *bridge_server_create(const struct bridge_server_config *c);
/* Takes agents over TLS as well, on a port of its own (0 = a free one): a numeric host, PEM files. */
int bridge_server_listen(struct bridge_server *s, const char *host, unsigned port, const char *cert,
	const char *key, struct err *err) MUST_CHECK;
/* 0 if it does not listen. */
unsigned bridge_server_port(const struct bridge_server *s);
/* From on_upgrade: takes fd and the bytes read so far. False if it cannot (fd is closed then). */
bool bridge_server_adopt(struct bridge_server *s, int fd, struct span head);
/* Takes an agent of this process, by its end of the bridge (link.h). False while closing. */
bool bridge_server_join(struct bridge_server *s, struct link *agent);
/* Says BYE, closes all, frees when the loop let go; then done. */
void bridge_server_close(struct bridge_server *s, void (*done)(void *ctx), void *ctx);

/* Queues the message (bytes are copied). */
void bridge_peer_send(struct bridge_peer *p, const struct wire_message *m);
/* The bytes that wait for it, or that it has not acknowledged: push back above a mark. */
size_t bridge_peer_waiting(const struct bridge_peer *p);
void bridge_peer_set_data(struct bridge_peer *p, void *data);
void *bridge_peer_data(const struct bridge_peer *p);
/* "agent 3 (127.0.0.1)" for lines. */
const char *bridge_peer_name(const struct bridge_peer *p);
/* Ends the session with BYE. on_gone follows. */
void bridge_peer_drop(struct bridge_peer *p, const char *reason);
