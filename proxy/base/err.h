/* One error object, owned by the caller, last parameter of whatever can fail. Functions return
 * 0 or the negative code and add context on the way up:
 *   return err_set(err, ERR_NOT_FOUND, "no function '%s'", name);
 *   return err_wrap(err, "invoking '%s'", name);
 * Success leaves it untouched. Wording: what failed, the thing in quotes, lower case, no stop. */
#pragma once

#include <stdarg.h>

#define ERR_CODES(X)                    \
	X(INVALID, "invalid input")     \
	X(NOT_FOUND, "not found")       \
	X(DENIED, "not allowed")        \
	X(EXPIRED, "expired")           \
	X(LIMIT, "limit exceeded")      \
	X(BUSY, "busy")                 \
	X(CONFLICT, "conflict")         \
	X(TIMEOUT, "timed out")         \
	X(CANCELED, "canceled")         \
	X(UNSUPPORTED, "not supported") \
	X(UNAVAILABLE, "unavailable")   \
	X(IO, "input/output error")     \
	X(INTERNAL, "internal error")

enum err_code {
	ERR_NONE = 0,
#define X(name, text) ERR_##name,
	ERR_CODES(X)
#undef X
};

struct err {
	enum err_code code;
	char msg[512];
};

#define ERR_INIT             \
	{                    \
		ERR_NONE, "" \
	}
#define MUST_CHECK __attribute__((warn_unused_result))

/* Sets code and message; returns -code. err may be NULL. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Puts "context: " in front of the message; returns -code as it stands. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* From errno: "<context>: <strerror>". */
int err_errno(struct err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The code's default text. */
const char *err_code_text(enum err_code code);
