/* What the terminal (or --json) tells of requests, in SST's manner (reference sst.md 6.4): a line for each
 * request to a function, its response or error, and for each refusal the reason in full. */
#pragma once

#include "emulator/gateway/gateway.h"
#include "emulator/lambda/lambda.h"

void narrate_start(const struct lambda_record *r);
void narrate_end(const struct lambda_record *r);
/* "REFUSED GET /private 403, signature: ..." */
void narrate_refused(
	const struct gateway_request *r, int status, const char *check, const char *reason);
void narrate_service_refused(
	const char *service, const char *operation, const char *type, const char *reason);
/* "LOGIN jane@example.com at https://myorg...: tokens by password grant" */
void narrate_login(const char *issuer, const char *user, const char *detail);
void narrate_access_log(const char *api, struct span line);

/* A result as the RESPONSE line shows it: JSON with long strings and arrays cut, 1500 characters at most
 * (sst.md 6.4). Appends to out. */
void narrate_shorten(struct buf *out, struct span json);
