/* CORS as configured on an HTTP API (reference api-gateway.md section 9). Pure. */
#pragma once

#include "emulator/gateway/reply.h"
#include "emulator/model/model.h"

/* Checks what the service refuses when the API is made: credentials together with any origin. */
int cors_check(const struct model_cors *cors, struct err *err) MUST_CHECK;
/* An OPTIONS request with both Origin and Access-Control-Request-Method. */
bool cors_is_preflight(const struct http_request *http);
/* The value of access-control-allow-origin for this origin; ptr NULL if it is not allowed. */
struct span cors_allowed_origin(const struct model_cors *cors, struct span origin);
/* Puts the configured headers on any answer, in place of all access-control-* that are there: the
 * integration's are ignored, also when the origin is not allowed. Preflights get the preflight set. */
void cors_apply(const struct model_cors *cors, const struct http_request *http, struct reply *r);
