/* The two wire protocols of the AWS services here: AWS JSON 1.1 (Cognito Identity) and the
 * query protocol (STS); how their answers, errors and CORS look (identity-and-auth.md 1.1, 1.4,
 * 1.7, 4.2, 4.3). Each function gives the exchange's one answer. */
#pragma once

#include "proxy/net/http_server.h"

/* The operation named by X-Amz-Target after `prefix`; ptr NULL if the header is absent or names
 * another service. */
struct span aws_json_operation(const struct http_request *r, const char *prefix);

/* 200 with the JSON text. */
void aws_json_reply(struct http_exchange *x, struct span body);
/* 400, or 500 for InternalErrorException: __type and message in the body, and both as headers.
 * message NULL leaves it out. */
void aws_json_error(struct http_exchange *x, const char *type, const char *message);

/* 200: <OPERATIONResponse><OPERATIONResult>result</...>, result being XML text. */
void aws_query_reply(struct http_exchange *x, const char *operation, struct span result);
void aws_query_error(struct http_exchange *x, int status, const char *code, const char *message);
/* Appends <name>text</name>, escaped. */
void aws_xml_element(struct buf *out, const char *name, const char *text);

/* Is it a browser's CORS preflight? */
bool aws_is_preflight(const struct http_request *r);
/* Allows what the preflight asked for, from anywhere: these services trust signatures and
 * tokens, never the browser's own credentials. */
void aws_preflight_reply(struct http_exchange *x);
