#include "emulator/lambda/api_error.h"

#include <stdarg.h>
#include <stdio.h>

#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"
#include "proxy/base/json.h"

static void reply(struct http_exchange *x, int status, const char *type, struct buf *body)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	const struct http_header headers[] = { { SPAN("Content-Type"), SPAN("application/json") },
		{ SPAN("x-amzn-RequestId"), span_of(id) },
		{ SPAN("x-amzn-ErrorType"), span_of(type) } };
	const struct http_reply answer = { .status = status,
		.headers = headers,
		.n_headers = COUNT_OF(headers),
		.body = buf_span(body) };
	http_reply(x, &answer);
	buf_fini(body);
}

static bool capital(const char *type)
{
	return strcmp(type, "ResourceNotFoundException") == 0 ||
	       strcmp(type, "ServiceException") == 0 || strcmp(type, "AccessDeniedException") == 0;
}

/* These come from checks before the service proper, and have no Type. */
static bool typeless(const char *type)
{
	return strcmp(type, "ValidationException") == 0 ||
	       strcmp(type, "AccessDeniedException") == 0;
}

void api_error_reply(struct http_exchange *x, int status, const char *type, const char *fmt, ...)
{
	char message[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	struct buf body = BUF_INIT(8192);
	const char *who = status >= 500 ? "Service" : "User";
	/* Members stand in alphabetical order, where capitals come first. */
	buf_add_char(&body, '{');
	if (capital(type)) {
		json_add_member(&body, "Message", span_of(message));
	}
	if (!typeless(type)) {
		json_add_member(&body, "Type", span_of(who));
	}
	if (!capital(type)) {
		json_add_member(&body, "message", span_of(message));
	}
	buf_add_char(&body, '}');
	reply(x, status, type, &body);
}

void api_error_value(
	struct http_exchange *x, struct span value, const char *name, const char *constraint)
{
	api_error_reply(x, 400, "ValidationException",
		"1 validation error detected: Value '%.*s' at '%s' failed to satisfy constraint: "
		"Member must %s",
		SPAN_ARG(value), name, constraint);
}

void api_error_throttled(struct http_exchange *x, const char *reason)
{
	struct buf body = BUF_INIT(1024);
	buf_add_char(&body, '{');
	json_add_member(&body, "Reason", span_of(reason));
	json_add_member(&body, "Type", SPAN("User"));
	json_add_member(&body, "message", SPAN("Rate Exceeded."));
	buf_add_char(&body, '}');
	reply(x, 429, "TooManyRequestsException", &body);
}
