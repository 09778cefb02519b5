#include "emulator/login/callback.h"

#include "emulator/login/host_check.h"
#include "proxy/base/alloc.h"

#define MAX_URI 2048

static bool is_plain(const char *uri)
{
	size_t n = strlen(uri);
	if (n == 0 || n > MAX_URI) {
		return false;
	}
	for (const char *c = uri; *c; c++) {
		if (*c <= ' ' || *c > '~' || strchr("\\\"<>^`{|}#", *c)) {
			return false;
		}
	}
	return true;
}

static struct span authority_of(struct span uri)
{
	struct span rest = uri;
	while (rest.ptr && !span_starts(rest, SPAN("://"))) {
		rest = rest.len ? span_n(rest.ptr + 1, rest.len - 1) : (struct span){ NULL, 0 };
	}
	if (!rest.ptr) {
		return rest;
	}
	rest = span_n(rest.ptr + 3, rest.len - 3);
	for (size_t i = 0; i < rest.len; i++) {
		if (rest.ptr[i] == '/' || rest.ptr[i] == '?' || rest.ptr[i] == '#') {
			return span_n(rest.ptr, i);
		}
	}
	return rest;
}

static bool is_loopback_http(struct span uri)
{
	/* host_is_ours has no place for a user name: "localhost@evil.example" is none of its
	 * hosts. */
	return span_starts(uri, SPAN("http://")) && host_is_ours(authority_of(uri), NULL);
}

static bool is_label(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '-')) {
			return false;
		}
	}
	return s.len > 0;
}

/* "https://" "*.example.com/cb": the star stands for one label of the host. */
static bool matches(struct span pattern, struct span uri)
{
	ptrdiff_t star = span_find(pattern, '*');
	if (star < 3 || !span_starts(span_n(pattern.ptr + star - 3, 3), SPAN("://"))) {
		return span_eq(pattern, uri);
	}
	size_t before = (size_t)star;
	struct span after = span_n(pattern.ptr + before + 1, pattern.len - before - 1);
	if (uri.len < before + after.len || !span_starts(uri, span_n(pattern.ptr, before)) ||
		!span_ends(uri, after)) {
		return false;
	}
	return is_label(span_n(uri.ptr + before, uri.len - before - after.len));
}

bool callback_allowed(const struct login_config *config, const char *uri)
{
	if (!is_plain(uri)) {
		return false;
	}
	if (is_loopback_http(span_of(uri))) {
		return true;
	}
	for (size_t i = 0; i < config->n_allow_callbacks; i++) {
		if (matches(span_of(config->allow_callbacks[i]), span_of(uri))) {
			return true;
		}
	}
	return false;
}

/* Scheme and authority: up to the end of the authority; the scheme alone if there is none. */
static struct span origin_of(struct span uri)
{
	struct span authority = authority_of(uri);
	if (!authority.ptr || !authority.len) {
		ptrdiff_t colon = span_find(uri, ':');
		return span_n(uri.ptr, colon < 0 ? 0 : (size_t)colon + 1);
	}
	return span_n(uri.ptr, (size_t)(authority.ptr - uri.ptr) + authority.len);
}

bool callback_origin_allowed(const struct login_config *config, struct span origin)
{
	if (!origin.ptr) {
		return false;
	}
	if (is_loopback_http(origin)) {
		return true;
	}
	for (size_t i = 0; i < config->n_allow_callbacks; i++) {
		if (matches(origin_of(span_of(config->allow_callbacks[i])), origin)) {
			return true;
		}
	}
	return false;
}

const char *callback_origin(const char *uri, struct arena *arena)
{
	struct span origin = origin_of(span_of(uri));
	return arena_strndup(arena, origin.ptr, origin.len);
}
