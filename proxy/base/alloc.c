#include "proxy/base/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_die(void *p, size_t n)
{
	if (!p) {
		fprintf(stderr, "offstage: out of memory (%zu bytes)\n", n);
		abort();
	}
	return p;
}

void *xalloc(size_t n)
{
	return xcalloc(1, n);
}

void *xcalloc(size_t n, size_t size)
{
	return or_die(calloc(n ? n : 1, size ? size : 1), n * size);
}

void *xrealloc(void *p, size_t n)
{
	return or_die(realloc(p, n ? n : 1), n);
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
	ENSURE(n < SIZE_MAX);
	char *copy = or_die(malloc(n + 1), n + 1);
	if (n) {
		memcpy(copy, s, n);
	}
	copy[n] = '\0';
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s = NULL;
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return or_die(n < 0 ? NULL : s, 0);
}

void ensure_failed(const char *cond, const char *file, int line)
{
	fprintf(stderr, "offstage: internal error: '%s' is false at %s:%d\n", cond, file, line);
	abort();
}

void auto_free(void *pp)
{
	free(*(void **)pp);
}
