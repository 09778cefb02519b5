/* Memory. Out of memory ends the program with a message: this is a developer's tool, and
 * untested recovery branches are worse than an exit. No size taken from outside input may reach
 * these functions without a ceiling; every `buf` carries one.
 *
 * ENSURE is for our own mistakes and is compiled in always; the world's faults are `struct err`. */
#pragma once

#include <stddef.h>

/* Zeroed memory of n bytes; never NULL. Free with free(). */
void *xalloc(size_t n) __attribute__((malloc, returns_nonnull));
/* As calloc, overflow checked. */
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* As realloc; the grown part is not zeroed. */
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
/* A NUL-terminated copy of n bytes. */
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
/* A formatted string; the caller frees it. */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

#define ENSURE(cond)                                              \
	do {                                                      \
		if (__builtin_expect(!(cond), 0)) {               \
			ensure_failed(#cond, __FILE__, __LINE__); \
		}                                                 \
	} while (0)
void ensure_failed(const char *cond, const char *file, int line) __attribute__((noreturn, cold));

/* AUTO_FREE char *p = ...: freed when the scope ends. TAKE(p) hands the pointer on. */
void auto_free(void *pp);
#define AUTO_FREE __attribute__((cleanup(auto_free)))
#define TAKE(p)                             \
	__extension__({                     \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
