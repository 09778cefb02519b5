#include "emulator/gateway/access_log.h"

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == ':';
}

/* The variable's name at the start of s; a final '.' or ':' is the format's own text. */
static struct span name_at(struct span s)
{
	size_t n = 0;
	while (n < s.len && is_name_char(s.ptr[n])) {
		n++;
	}
	while (n > 0 && (s.ptr[n - 1] == '.' || s.ptr[n - 1] == ':')) {
		n--;
	}
	return span_n(s.ptr, n);
}

static void add_value(struct buf *out, struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		buf_add_char(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
	}
	if (!value.len) {
		buf_add_char(out, '-');
	}
}

void access_log_write(struct buf *out, const char *format, const struct context *c)
{
	static const struct span lead = { "$context.", 9 };
	struct span rest = span_of(format);
	while (rest.len) {
		if (!span_starts(rest, lead)) {
			buf_add_char(out, *rest.ptr);
			rest = span_n(rest.ptr + 1, rest.len - 1);
			continue;
		}
		rest = span_n(rest.ptr + lead.len, rest.len - lead.len);
		struct span name = name_at(rest);
		add_value(out, context_value(c, name));
		rest = span_n(rest.ptr + name.len, rest.len - name.len);
	}
}
