/* Where an authorizer finds what identifies the caller: "$request.header.X",
 * "$request.querystring.X", "$context.X", "$stageVariables.X" (api-gateway.md 8). */
#pragma once

#include "emulator/auth/auth.h"

/* The value, in the request's arena or borrowed from the request; ptr NULL if there is none.
 * Header names compare without case, query names with it; repeated ones are joined by ',' as in
 * the event. */
struct span identity_source(const struct auth_request *r, const char *expression);
