#include "emulator/gateway/headers.h"

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/net/http_chars.h"

bool header_is_hop_by_hop(struct span name)
{
	return span_iis(name, "connection") || span_iis(name, "keep-alive") ||
	       span_iis(name, "proxy-connection") || span_iis(name, "te") ||
	       span_iis(name, "trailer") || span_iis(name, "trailers") ||
	       span_iis(name, "transfer-encoding") || span_iis(name, "upgrade") ||
	       span_iis(name, "expect");
}

bool header_is_sendable(struct span name, struct span value)
{
	return name.len > 0 && http_chars_all(name, HTTP_CHAR_TOKEN) &&
	       http_chars_text(value) == value.len;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

struct span header_canonical(struct arena *arena, struct span name)
{
	char *to = arena_alloc(arena, name.len + 1);
	bool first = true;
	for (size_t i = 0; i < name.len; i++) {
		to[i] = first ? upper(name.ptr[i]) : lower(name.ptr[i]);
		first = name.ptr[i] == '-';
	}
	return span_n(to, name.len);
}

struct span header_lower(struct arena *arena, struct span name)
{
	char *to = arena_alloc(arena, name.len + 1);
	for (size_t i = 0; i < name.len; i++) {
		to[i] = lower(name.ptr[i]);
	}
	return span_n(to, name.len);
}

/* Insertion for the few pairs that a request has; merging above that, for a head of 10 KB holds
 * thousands. Both stable, so repeats keep their order. */
static void insertion_sort(struct http_header *pairs, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		size_t at = i;
		while (at > 0 && span_cmp(pairs[at - 1].name, pairs[i].name) > 0) {
			at--;
		}
		if (at < i) {
			struct http_header moved = pairs[i];
			memmove(pairs + at + 1, pairs + at, (i - at) * sizeof *pairs);
			pairs[at] = moved;
		}
	}
}

static void merge_sort(struct http_header *pairs, size_t n, struct http_header *spare)
{
	if (n <= 16) {
		insertion_sort(pairs, n);
		return;
	}
	size_t half = n / 2;
	merge_sort(pairs, half, spare);
	merge_sort(pairs + half, n - half, spare);
	memcpy(spare, pairs, half * sizeof *pairs);
	size_t left = 0;
	size_t right = half;
	for (size_t at = 0; left < half; at++) {
		bool take_right = right < n && span_cmp(pairs[right].name, spare[left].name) < 0;
		pairs[at] = take_right ? pairs[right++] : spare[left++];
	}
}

void pairs_sort(struct arena *arena, struct http_header *pairs, size_t n)
{
	merge_sort(pairs, n, n > 16 ? arena_alloc(arena, n / 2 * sizeof *pairs) : NULL);
}

struct span decoded(struct arena *arena, struct span text, bool plus)
{
	if (span_find(text, '%') < 0 && (!plus || span_find(text, '+') < 0)) {
		return text;
	}
	/* Decoding never grows, so the buffer never moves out of the arena. */
	struct buf out = buf_on(arena_alloc(arena, text.len + 1), text.len + 1);
	percent_decode(&out, text, plus);
	return buf_span(&out);
}

/* Names become keys of a JSON object, where bytes that are no UTF-8 turn into U+FFFD: done before sorting,
 * or two names that look alike afterwards would be one key twice. */
static struct span repaired(struct arena *arena, struct span name)
{
	if (utf8_valid(name)) {
		return name;
	}
	size_t room = name.len * 3;
	struct buf out = buf_on(arena_alloc(arena, room + 1), room + 1);
	for (size_t i = 0; i < name.len;) {
		size_t n = 1;
		while (n <= 4 && n <= name.len - i && !utf8_valid(span_n(name.ptr + i, n))) {
			n++;
		}
		if (n > 4 || n > name.len - i) {
			buf_add_str(&out, "\xef\xbf\xbd");
			n = 1;
		} else {
			buf_add(&out, name.ptr + i, n);
		}
		i += n;
	}
	return buf_span(&out);
}

size_t query_pairs(struct arena *arena, struct span query, struct http_header **out)
{
	size_t most = 1;
	for (size_t i = 0; i < query.len; i++) {
		most += query.ptr[i] == '&';
	}
	struct http_header *pairs = query.len ? arena_alloc(arena, most * sizeof *pairs) : NULL;
	size_t n = 0;
	struct span rest = query.len ? query : (struct span){ NULL, 0 };
	while (rest.ptr) {
		struct span value = span_cut(&rest, '&');
		if (value.len) {
			struct span name = span_cut(&value, '=');
			pairs[n].name = repaired(arena, decoded(arena, name, true));
			pairs[n++].value = decoded(arena, value.ptr ? value : SPAN(""), true);
		}
	}
	pairs_sort(arena, pairs, n);
	*out = pairs;
	return n;
}
