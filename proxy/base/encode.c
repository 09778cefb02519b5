#include "proxy/base/encode.h"

#include <openssl/evp.h>

static const char HEX_LOWER[] = "0123456789abcdef";
static const char HEX_UPPER[] = "0123456789ABCDEF";

void base64_encode(struct buf *out, struct span in)
{
	/* EVP_EncodeBlock writes a NUL after the text; buf always has room for one more byte. */
	size_t n = (in.len + 2) / 3 * 4;
	char *to = buf_reserve(out, n);
	if (to && in.len) {
		EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)in.ptr, (int)in.len);
		buf_commit(out, n);
	}
}

void base64url_encode(struct buf *out, struct span in)
{
	size_t at = out->len;
	base64_encode(out, in);
	for (size_t i = at; i < out->len; i++) {
		char c = out->ptr[i];
		if (c == '=') {
			out->len = i;
			break;
		}
		out->ptr[i] = c == '+' ? '-' : c == '/' ? '_' : c;
	}
}

static int digit64(char c, bool url)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	if (c == (url ? '-' : '+')) {
		return 62;
	}
	return c == (url ? '_' : '/') ? 63 : -1;
}

static bool decode64(struct buf *out, struct span in, bool url)
{
	if (in.len % 4 == 1) {
		return false;
	}
	char *to = buf_reserve(out, in.len / 4 * 3 + 2);
	if (!to) {
		return false;
	}
	size_t n = 0;
	uint32_t bits = 0;
	unsigned have = 0;
	for (size_t i = 0; i < in.len; i++) {
		int d = digit64(in.ptr[i], url);
		if (d < 0) {
			return false;
		}
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have >= 8) {
			have -= 8;
			to[n++] = (char)(bits >> have);
			bits &= (1u << have) - 1;
		}
	}
	if (bits) {
		return false; /* unused bits must be zero, or one value has several spellings */
	}
	buf_commit(out, n);
	return true;
}

bool base64_decode(struct buf *out, struct span in)
{
	if (in.len % 4) {
		return false;
	}
	if (in.len && in.ptr[in.len - 1] == '=') {
		in.len -= in.ptr[in.len - 2] == '=' ? 2 : 1;
	}
	return decode64(out, in, false);
}

bool base64url_decode(struct buf *out, struct span in)
{
	return decode64(out, in, true);
}

void hex_encode(struct buf *out, struct span in)
{
	char *to = buf_reserve(out, in.len * 2);
	if (to) {
		for (size_t i = 0; i < in.len; i++) {
			*to++ = HEX_LOWER[(unsigned char)in.ptr[i] >> 4];
			*to++ = HEX_LOWER[(unsigned char)in.ptr[i] & 15];
		}
		buf_commit(out, in.len * 2);
	}
}

static bool unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

void percent_encode(struct buf *out, struct span in, const char *keep)
{
	for (size_t i = 0; i < in.len; i++) {
		char c = in.ptr[i];
		if (unreserved(c) || (c && strchr(keep, c))) {
			buf_add_char(out, c);
		} else {
			unsigned char u = (unsigned char)c;
			buf_add(out, (char[]){ '%', HEX_UPPER[u >> 4], HEX_UPPER[u & 15] }, 3);
		}
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool percent_decode(struct buf *out, struct span in, bool plus)
{
	bool good = true;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.ptr[i];
		if (c == '%') {
			int high = in.len - i > 2 ? hex_digit(in.ptr[i + 1]) : -1;
			int low = in.len - i > 2 ? hex_digit(in.ptr[i + 2]) : -1;
			if (high >= 0 && low >= 0) {
				c = (char)(high << 4 | low);
				i += 2;
			} else {
				good = false;
			}
		} else if (plus && c == '+') {
			c = ' ';
		}
		buf_add_char(out, c);
	}
	return good;
}

static const char *markup_entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void markup_escape(struct buf *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		const char *entity = markup_entity(*c);
		if (entity) {
			buf_add_str(out, entity);
		} else {
			buf_add_char(out, *c);
		}
	}
}

size_t utf8_sequence(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	if (p[0] < 0x80) {
		return 1;
	}
	size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || s.len < len) {
		return 0;
	}
	unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < low || p[1] > high) {
		return 0;
	}
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return len;
}

bool utf8_valid(struct span s)
{
	for (size_t i = 0; i < s.len;) {
		size_t n = utf8_sequence(span_n(s.ptr + i, s.len - i));
		if (!n) {
			return false;
		}
		i += n;
	}
	return true;
}
