#include "proxy/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 0))) static void format(
	struct err *err, enum err_code code, const char *fmt, va_list ap)
{
	err->code = code;
	vsnprintf(err->msg, sizeof err->msg, fmt, ap);
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	if (err) {
		va_list ap;
		va_start(ap, fmt);
		format(err, code, fmt, ap);
		va_end(ap);
	}
	return -(int)code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	if (!err) {
		return -(int)ERR_INTERNAL;
	}
	struct err inner = *err;
	va_list ap;
	va_start(ap, fmt);
	format(err, inner.code, fmt, ap);
	va_end(ap);
	size_t used = strlen(err->msg);
	snprintf(err->msg + used, sizeof err->msg - used, ": %s",
		inner.msg[0] ? inner.msg : err_code_text(inner.code));
	return -(int)inner.code;
}

static enum err_code code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOENT:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	case EADDRINUSE:
		return ERR_BUSY;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	case ECANCELED:
		return ERR_CANCELED;
	case EINVAL:
		return ERR_INVALID;
	default:
		return ERR_IO;
	}
}

int err_errno(struct err *err, int errnum, const char *fmt, ...)
{
	enum err_code code = code_of_errno(errnum);
	if (err) {
		va_list ap;
		va_start(ap, fmt);
		format(err, code, fmt, ap);
		va_end(ap);
		size_t used = strlen(err->msg);
		snprintf(err->msg + used, sizeof err->msg - used, ": %s", strerror(errnum));
	}
	return -(int)code;
}

const char *err_code_text(enum err_code code)
{
	switch (code) {
	case ERR_NONE:
		return "success";
#define X(name, text)    \
	case ERR_##name: \
		return text;
		ERR_CODES(X)
#undef X
	}
	return "unknown error";
}
