#include "emulator/lambda/event_stream.h"

#include "proxy/base/alloc.h"

/* CRC-32 as in zlib (reflected, polynomial 0xedb88320). A nibble at a time: 16 words of table are enough
 * for streams of a developer's machine, and no library is needed for one function. */
static uint32_t crc32_of(struct span s)
{
	static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8,
		0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	uint32_t crc = 0xffffffff;
	for (size_t i = 0; i < s.len; i++) {
		crc ^= (unsigned char)s.ptr[i];
		crc = table[crc & 15] ^ (crc >> 4);
		crc = table[crc & 15] ^ (crc >> 4);
	}
	return ~crc;
}

static void add_u32(struct buf *out, uint32_t n)
{
	const char bytes[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };
	buf_add(out, bytes, sizeof bytes);
}

/* Name with its length in one byte, type 7 (text), value with its length in two. */
static void add_header(struct buf *out, const char *name, const char *value)
{
	size_t n = strlen(value);
	buf_add_char(out, (char)strlen(name));
	buf_add_str(out, name);
	buf_add_char(out, 7);
	buf_add_char(out, (char)(n >> 8));
	buf_add_char(out, (char)n);
	buf_add_str(out, value);
}

void event_stream_add(
	struct buf *out, const char *event_type, const char *content_type, struct span payload)
{
	struct buf headers = BUF_INIT(1024);
	add_header(&headers, ":event-type", event_type);
	add_header(&headers, ":content-type", content_type);
	add_header(&headers, ":message-type", "event");
	ENSURE(!headers.overflow && payload.len < UINT32_MAX / 2);
	size_t start = out->len;
	/* 12 bytes of prelude before the headers, 4 of checksum at the end. */
	add_u32(out, (uint32_t)(headers.len + payload.len + 16));
	add_u32(out, (uint32_t)headers.len);
	if (!out->overflow) {
		add_u32(out, crc32_of(span_n(out->ptr + start, 8)));
	}
	buf_add_span(out, buf_span(&headers));
	buf_add_span(out, payload);
	if (!out->overflow) {
		add_u32(out, crc32_of(span_n(out->ptr + start, out->len - start)));
	}
	buf_fini(&headers);
}
