/* One end of a bridge session, without I/O: messages in and bytes out, bytes in and messages out, and
 * what it waits for as a deadline. A session outlives connections:
 *
 *   link up    bytes flow. Messages leave in the order they were given; a large one is cut into frames
 *              that take turns with later small ones. Each stays in memory until the peer has it.
 *   link down  partly received messages are forgotten; nothing else is.
 *   resume     both ends say what they have (session_state); the rest is sent again from its start.
 *              What already arrived is never delivered twice.
 *
 * Happy path: session_send -> session_output -> (wire) -> session_input -> on_message -> ACK -> freed.
 * Failures: malformed bytes (session_input returns an error: cut the link, drop the peer); silence (tick
 * says SESSION_SILENT: cut the link); a peer that never acknowledges (session_waiting grows: the owner
 * pushes back; above the window nothing more is put on the wire). */
#pragma once

#include "proxy/base/buf.h"
#include "proxy/base/err.h"
#include "proxy/base/json.h"
#include "proxy/wire/messages.h"

struct session;

/* Bytes that may be on their way unacknowledged. One maximal message always may. */
#define SESSION_WINDOW (16u << 20)
/* A link is silent after this long without a byte; pings go at a third of it. */
#define SESSION_SILENCE_MS 6000

enum session_verdict {
	SESSION_FINE,
	SESSION_SILENT
};

/* on_message: spans are valid for the call. It may call session_send, never session_destroy. */
typedef void (*session_message_fn)(void *ctx, const struct wire_message *m);

struct session *session_create(session_message_fn on_message, void *ctx);
void session_destroy(struct session *s);

/* Copies and queues. HELLO, WELCOME and BYE go first and are not kept: they belong to the link.
 * Returns the bytes now kept for the peer. */
size_t session_send(struct session *s, const struct wire_message *m);
size_t session_waiting(const struct session *s);

/* The link is up (now, ms monotonic) before or after HELLO/WELCOME; only those pass until
 * session_resume. */
void session_link_up(struct session *s, uint64_t now);
void session_link_down(struct session *s);
/* Appends "received":n,"extra":[..], what HELLO and WELCOME carry so that the peer can resume. */
void session_state(const struct session *s, struct buf *out);
/* Reads the peer's state from its HELLO or WELCOME; from now on everything flows. */
int session_resume(struct session *s, const cJSON *hello, struct err *err) MUST_CHECK;

/* Feeds bytes as they came, cut anywhere. */
int session_input(struct session *s, struct span bytes, uint64_t now, struct err *err) MUST_CHECK;
/* Appends frames until about `limit` bytes are in out. False if there was nothing to say. */
bool session_output(struct session *s, struct buf *out, size_t limit);
bool session_has_output(const struct session *s);

/* Pings, and notices silence. Call at the deadline or later. */
enum session_verdict session_tick(struct session *s, uint64_t now);
/* When to call tick next, ms monotonic; UINT64_MAX while the link is down. */
uint64_t session_next_deadline(const struct session *s);
