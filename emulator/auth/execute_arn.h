/* The ARN that an API request is judged by:
 * arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH with the request's own method and
 * path, decoded (identity-and-auth.md 6.1). */
#pragma once

#include "emulator/auth/auth.h"

/* Longer ones are answered 414 (api-gateway.md 5.1). */
#define EXECUTE_ARN_MAX 1600

/* In the request's arena. */
const char *execute_arn(const struct model *model, const struct auth_request *r);
