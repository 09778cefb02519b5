/* Errors of the Lambda service API, letter for letter (reference lambda 5.3): the type in
 * x-amzn-ErrorType, the message in `Message` for some and in `message` for the others. Each function
 * gives the exchange's one answer. */
#pragma once

#include "proxy/net/http_server.h"

/* The message is formatted; 403 and ResourceNotFoundException and ServiceException write `Message`. */
void api_error_reply(struct http_exchange *x, int status, const char *type, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* 400 ValidationException: value at `name` (a member of the request) breaks the constraint. */
void api_error_value(
	struct http_exchange *x, struct span value, const char *name, const char *constraint);
/* 429: reason as in the service's enum ("ReservedFunctionConcurrentInvocationLimitExceeded"). */
void api_error_throttled(struct http_exchange *x, const char *reason);
