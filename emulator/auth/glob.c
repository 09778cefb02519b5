#include "emulator/auth/glob.h"

struct glob glob_compile(struct arena *arena, struct span text, bool wildcards)
{
	uint16_t *at = arena_alloc(arena, (text.len + 1) * sizeof *at);
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (!wildcards || (c != '*' && c != '?')) {
			at[n++] = c;
		} else if (c == '?') {
			at[n++] = GLOB_ONE;
		} else if (n == 0 || at[n - 1] != GLOB_ANY) {
			at[n++] = GLOB_ANY; /* "**" is "*" */
		}
	}
	return (struct glob){ at, n };
}

static uint16_t folded(uint16_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint16_t)(c + 32) : c;
}

/* Greedy with one point to come back to: the last '*' seen. Never worse than pattern times text. */
bool glob_match(struct glob g, struct span text, bool ignore_case)
{
	size_t p = 0;
	size_t t = 0;
	size_t star = SIZE_MAX;
	size_t from = 0;
	while (t < text.len) {
		uint16_t c = (unsigned char)text.ptr[t];
		if (p < g.n && g.at[p] == GLOB_ANY) {
			star = p++;
			from = t;
		} else if (p < g.n && (g.at[p] == GLOB_ONE || g.at[p] == c ||
					      (ignore_case && folded(g.at[p]) == folded(c)))) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < g.n && g.at[p] == GLOB_ANY) {
		p++;
	}
	return p == g.n;
}

bool glob_match_arn(struct glob g, struct span text)
{
	struct span rest = text;
	for (int part = 0; part < 6; part++) {
		struct glob piece = g;
		struct span value = rest;
		if (part < 5) {
			size_t n = 0;
			while (n < g.n && g.at[n] != ':') {
				n++;
			}
			if (n == g.n || span_find(rest, ':') < 0) {
				return false;
			}
			piece.n = n;
			g.at += n + 1;
			g.n -= n + 1;
			value = span_cut(&rest, ':');
		}
		if (!glob_match(piece, value, false)) {
			return false;
		}
	}
	return true;
}
