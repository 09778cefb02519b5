/* Frames: how messages look on the wire. A message is one frame, or several when its payload is large:
 * the first carries meta and the total length, the rest only payload, and frames of other messages may
 * stand between them. Numbers are big-endian.
 *
 *   byte  0      version of this layout (1); not WIRE_VERSION, so that HELLO and BYE can be read, and differences
 *                of the messages be told, whatever that is
 *         1      type: a wire_type, or a link frame (ACK, PING, PONG)
 *         2..3   flags: FIRST 1, LAST 2
 *         4..7   length of meta (FIRST only, else 0)
 *         8..15  id
 *         16..23 sequence number of the message in its direction; 0 for link frames, HELLO, WELCOME, BYE
 *         24..27 length of the payload in this frame
 *         28..31 FIRST: length of the whole payload; else 0
 *         32..   meta, then payload
 *
 * ACK: id = every message up to this one has arrived; payload = further sequence numbers (8 bytes each)
 * that arrived out of order. PING and PONG: id is echoed. */
#pragma once

#include "proxy/base/buf.h"
#include "proxy/base/err.h"
#include "proxy/wire/messages.h"

#define FRAME_VERSION 1
#define FRAME_HEADER 32
#define FRAME_MAX_META (1u << 20)
#define FRAME_MAX_PAYLOAD (64u << 10) /* of one frame: what a small message may have to wait for */
#define FRAME_MAX_MESSAGE (64u << 20)

enum frame_flag {
	FRAME_FIRST = 1,
	FRAME_LAST = 2
};
enum link_type {
	LINK_ACK = 64,
	LINK_PING = 65,
	LINK_PONG = 66
};

struct frame {
	uint8_t type;
	uint16_t flags;
	uint32_t meta_len;
	uint64_t id, seq;
	uint32_t payload_len, total_len;
};

/* Appends the 32 bytes. */
void frame_encode(struct buf *out, const struct frame *f);
/* Reads and checks 32 bytes; ERR_UNSUPPORTED for another version, ERR_INVALID for what no peer of
 * ours sends. */
int frame_decode(
	struct frame *f, const unsigned char head[FRAME_HEADER], struct err *err) MUST_CHECK;

uint64_t frame_get_u64(const unsigned char *p);
void frame_put_u64(unsigned char *p, uint64_t value);
