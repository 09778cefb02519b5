#include "proxy/base/span.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool span_ieq(struct span a, struct span b)
{
	if (a.len != b.len) {
		return false;
	}
	for (size_t i = 0; i < a.len; i++) {
		if (a.ptr[i] != b.ptr[i] && lower(a.ptr[i]) != lower(b.ptr[i])) {
			return false;
		}
	}
	return true;
}

bool span_starts(struct span s, struct span prefix)
{
	return s.len >= prefix.len && span_eq(span_n(s.ptr, prefix.len), prefix);
}

bool span_ends(struct span s, struct span suffix)
{
	return s.len >= suffix.len &&
	       span_eq(span_n(s.ptr + (s.len - suffix.len), suffix.len), suffix);
}

ptrdiff_t span_find(struct span s, char c)
{
	const char *p = s.len ? memchr(s.ptr, c, s.len) : NULL;
	return p ? p - s.ptr : -1;
}

struct span span_cut(struct span *s, char sep)
{
	struct span all = *s;
	ptrdiff_t at = span_find(all, sep);
	if (at < 0) {
		*s = (struct span){ NULL, 0 };
		return all;
	}
	*s = span_n(all.ptr + at + 1, all.len - (size_t)at - 1);
	return span_n(all.ptr, (size_t)at);
}

struct span span_trim(struct span s)
{
	while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
		s.len--;
	}
	return s;
}

bool span_u64(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	if (s.len == 0) {
		return false;
	}
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9') {
			return false;
		}
		uint64_t digit = (uint64_t)(s.ptr[i] - '0');
		if (digit > max || value > (max - digit) / 10) {
			return false;
		}
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

int span_cmp(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int d = n ? memcmp(a.ptr, b.ptr, n) : 0;
	if (d) {
		return d;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}
