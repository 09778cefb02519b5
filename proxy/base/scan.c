#include "proxy/base/scan.h"

#include "proxy/base/json.h"

#define MAX_DEPTH 64

static bool is_blank(char c)
{
	return c <= ' ' && (c == ' ' || c == '\t' || c == '\n' || c == '\r');
}

static void skip_blanks(struct scan *s)
{
	while (s->p < s->end && is_blank(*s->p)) {
		s->p++;
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* p is at the 'u' of an escape; -1 if four digits do not follow. */
static int code_unit(const char *p, const char *end)
{
	if (end - p < 5) {
		return -1;
	}
	int unit = 0;
	for (int i = 1; i <= 4; i++) {
		int digit = hex_value(p[i]);
		if (digit < 0) {
			return -1;
		}
		unit = unit << 4 | digit;
	}
	return unit;
}

/* p is behind the backslash; returns where the escape ends, or NULL if it is none. */
static const char *skip_escape(const char *p, const char *end)
{
	switch (p < end ? *p : '\0') {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return p + 1;
	case 'u':
		return code_unit(p, end) < 0 ? NULL : p + 5;
	default:
		return NULL;
	}
}

static bool skip_string(struct scan *s)
{
	const char *p = s->p + 1;
	while (p) {
		p += json_plain(span_n(p, (size_t)(s->end - p)));
		if (p == s->end) {
			return false;
		}
		unsigned char c = (unsigned char)*p++;
		if (c == '"') {
			s->p = p;
			return true;
		}
		if (c < 0x20) {
			return false;
		}
		if (c == '\\') {
			p = skip_escape(p, s->end);
		}
	}
	return false;
}

static bool skip_digits(struct scan *s)
{
	const char *from = s->p;
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9') {
		s->p++;
	}
	return s->p > from;
}

static bool skip_number(struct scan *s)
{
	s->p += *s->p == '-';
	const char *from = s->p;
	if (!skip_digits(s) || (*from == '0' && s->p - from > 1)) {
		return false;
	}
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (!skip_digits(s)) {
			return false;
		}
	}
	if (s->p < s->end && (*s->p | 0x20) == 'e') {
		s->p++;
		s->p += s->p < s->end && (*s->p == '+' || *s->p == '-');
		return skip_digits(s);
	}
	return true;
}

static bool skip_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0) {
		return false;
	}
	s->p += n;
	return true;
}

static bool skip_scalar(struct scan *s)
{
	switch (*s->p) {
	case '"':
		return skip_string(s);
	case 't':
		return skip_word(s, "true");
	case 'f':
		return skip_word(s, "false");
	case 'n':
		return skip_word(s, "null");
	default:
		return skip_number(s);
	}
}

static bool skip_name(struct scan *s)
{
	skip_blanks(s);
	if (s->p == s->end || *s->p != '"' || !skip_string(s)) {
		return false;
	}
	skip_blanks(s);
	return s->p < s->end && *s->p++ == ':';
}

/* An object or array of any depth, without recursion: the open brackets stand in a small stack. */
static bool skip_nested(struct scan *s)
{
	char open[MAX_DEPTH];
	size_t depth = 0;
	for (;;) {
		skip_blanks(s);
		if (s->p == s->end) {
			return false;
		}
		char c = *s->p;
		if (c == '{' || c == '[') {
			if (depth == MAX_DEPTH) {
				return false;
			}
			open[depth++] = c == '{' ? '}' : ']';
			s->p++;
			skip_blanks(s);
			if (s->p < s->end && *s->p == open[depth - 1]) {
				s->p++;
				depth--;
			} else if (c == '{' && !skip_name(s)) {
				return false;
			} else {
				continue;
			}
		} else if (!skip_scalar(s)) {
			return false;
		}
		/* Behind a whole value: close what closes here, then go on in what is open. */
		for (;;) {
			if (!depth) {
				return true;
			}
			skip_blanks(s);
			if (s->p == s->end || *s->p != open[depth - 1]) {
				break;
			}
			s->p++;
			depth--;
		}
		if (s->p == s->end || *s->p++ != ',' || (open[depth - 1] == '}' && !skip_name(s))) {
			return false;
		}
	}
}

static bool skip_value(struct scan *s)
{
	skip_blanks(s);
	if (s->p == s->end) {
		return false;
	}
	return *s->p == '{' || *s->p == '[' ? skip_nested(s) : skip_scalar(s);
}

bool scan_open(struct scan *s, struct span text)
{
	*s = (struct scan){ .p = text.ptr, .end = text.ptr + text.len, .first = true };
	skip_blanks(s);
	if (s->p == s->end || (*s->p != '{' && *s->p != '[')) {
		return false;
	}
	s->close = *s->p++ == '{' ? '}' : ']';
	return true;
}

static bool fail(struct scan *s)
{
	s->bad = true;
	return false;
}

static bool at_end(struct scan *s)
{
	s->p++;
	skip_blanks(s);
	s->bad = s->p != s->end;
	return false;
}

bool scan_next(struct scan *s, struct span *name, struct span *value)
{
	skip_blanks(s);
	if (s->p == s->end) {
		return fail(s);
	}
	if (*s->p == s->close) {
		return at_end(s);
	}
	if (!s->first && *s->p++ != ',') {
		return fail(s);
	}
	s->first = false;
	*name = SPAN("");
	if (s->close == '}') {
		skip_blanks(s);
		const char *from = s->p;
		if (!skip_name(s)) {
			return fail(s);
		}
		*name = span_n(from, (size_t)(s->p - 1 - from));
		while (is_blank(name->ptr[name->len - 1])) {
			name->len--;
		}
	}
	skip_blanks(s);
	const char *from = s->p;
	if (!skip_value(s)) {
		return fail(s);
	}
	*value = span_n(from, (size_t)(s->p - from));
	return true;
}

bool scan_one(struct span text, struct span *value)
{
	struct scan s = { .p = text.ptr, .end = text.ptr + text.len };
	skip_blanks(&s);
	const char *from = s.p;
	if (!skip_value(&s)) {
		return false;
	}
	*value = span_n(from, (size_t)(s.p - from));
	skip_blanks(&s);
	return s.p == s.end;
}

struct span scan_plain(struct span quoted)
{
	struct span inner = span_n(quoted.ptr + 1, quoted.len - 2);
	return memchr(inner.ptr, '\\', inner.len) ? (struct span){ NULL, 0 } : inner;
}

static void add_utf8(struct buf *out, unsigned c)
{
	if (c < 0x80) {
		buf_add_char(out, (char)c);
	} else if (c < 0x800) {
		buf_add(out, (char[]){ (char)(0xc0 | c >> 6), (char)(0x80 | (c & 63)) }, 2);
	} else if (c < 0x10000) {
		buf_add(out,
			(char[]){ (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 63)),
				(char)(0x80 | (c & 63)) },
			3);
	} else {
		buf_add(out,
			(char[]){ (char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 63)),
				(char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63)) },
			4);
	}
}

/* p is at the 'u'; returns where the escape (or the pair of them) ends. */
static const char *add_code_point(struct buf *out, const char *p, const char *end)
{
	unsigned c = (unsigned)code_unit(p, end);
	p += 5;
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		unsigned low = (unsigned)code_unit(p + 1, end);
		if (low >= 0xdc00 && low < 0xe000) {
			add_utf8(out, 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00)));
			return p + 6;
		}
	}
	add_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return p;
}

static char simple_escape(char c)
{
	switch (c) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return c;
	}
}

void scan_unescape(struct buf *out, struct span quoted)
{
	const char *p = quoted.ptr + 1;
	const char *end = quoted.ptr + quoted.len - 1;
	for (;;) {
		const char *next = memchr(p, '\\', (size_t)(end - p));
		buf_add(out, p, (size_t)((next ? next : end) - p));
		if (!next) {
			return;
		}
		p = next;
		if (p[1] == 'u') {
			p = add_code_point(out, p + 1, end);
		} else {
			buf_add_char(out, simple_escape(p[1]));
			p += 2;
		}
	}
}

bool scan_compare(struct span quoted, struct span text)
{
	struct span plain = scan_plain(quoted);
	if (plain.ptr) {
		return span_eq(plain, text);
	}
	struct buf b = BUF_INIT(256);
	scan_unescape(&b, quoted);
	bool same = !b.overflow && span_eq(buf_span(&b), text);
	buf_fini(&b);
	return same;
}
