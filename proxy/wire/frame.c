#include "proxy/wire/frame.h"

const char *wire_type_name(enum wire_type type)
{
	switch (type) {
#define X(name, number)   \
	case WIRE_##name: \
		return #name;
		WIRE_TYPES(X)
#undef X
	}
	return "?";
}

static void put_u32(unsigned char *p, uint32_t value)
{
	for (int i = 0; i < 4; i++) {
		p[i] = (unsigned char)(value >> (24 - 8 * i));
	}
}

static uint32_t get_u32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void frame_put_u64(unsigned char *p, uint64_t value)
{
	put_u32(p, (uint32_t)(value >> 32));
	put_u32(p + 4, (uint32_t)value);
}

uint64_t frame_get_u64(const unsigned char *p)
{
	return (uint64_t)get_u32(p) << 32 | get_u32(p + 4);
}

void frame_encode(struct buf *out, const struct frame *f)
{
	unsigned char head[FRAME_HEADER] = { FRAME_VERSION, f->type, (unsigned char)(f->flags >> 8),
		(unsigned char)f->flags };
	put_u32(head + 4, f->meta_len);
	frame_put_u64(head + 8, f->id);
	frame_put_u64(head + 16, f->seq);
	put_u32(head + 24, f->payload_len);
	put_u32(head + 28, f->total_len);
	buf_add(out, head, sizeof head);
}

static bool known_type(uint8_t type)
{
	return (type >= WIRE_HELLO && type <= WIRE_BYE) || (type >= LINK_ACK && type <= LINK_PONG);
}

int frame_decode(struct frame *f, const unsigned char head[FRAME_HEADER], struct err *err)
{
	if (head[0] != FRAME_VERSION) {
		return err_set(err, ERR_UNSUPPORTED,
			"the other end's frames have version %d, ours %d: use the same offstage on "
			"both machines",
			head[0], FRAME_VERSION);
	}
	f->type = head[1];
	f->flags = (uint16_t)(head[2] << 8 | head[3]);
	f->meta_len = get_u32(head + 4);
	f->id = frame_get_u64(head + 8);
	f->seq = frame_get_u64(head + 16);
	f->payload_len = get_u32(head + 24);
	f->total_len = get_u32(head + 28);
	bool first = f->flags & FRAME_FIRST;
	bool last = f->flags & FRAME_LAST;
	bool fits = first ? f->payload_len <= f->total_len : f->meta_len == 0 && f->total_len == 0;
	if (!known_type(f->type) || f->flags > (FRAME_FIRST | FRAME_LAST) || !fits ||
		f->meta_len > FRAME_MAX_META || f->payload_len > FRAME_MAX_PAYLOAD ||
		f->total_len > FRAME_MAX_MESSAGE ||
		(first && last && f->payload_len != f->total_len) ||
		(!first && f->payload_len == 0)) {
		return err_set(err, ERR_INVALID, "malformed bridge frame (type %d)", f->type);
	}
	return 0;
}
