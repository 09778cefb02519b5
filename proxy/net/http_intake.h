/* The way of requests into a connection. Handlers run inside http_intake: after it the connection may
 * be closing. Part of the HTTP server's inside, as http_conn.h. */
#pragma once

#include "proxy/net/http_server.h"

struct http_conn;

/* Parses and hands over what it may of `in`, which is left with the bytes that must wait. */
void http_intake(struct http_conn *c, struct span *in);
/* The same with the input that waits in c->pending. */
void http_intake_pending(struct http_conn *c);
/* May the parser go on? If not, input waits in `pending`. */
bool http_intake_open(const struct http_conn *c);
/* Queues the answer to a request that is none; nothing more is parsed. */
void http_intake_fault(struct http_conn *c, enum http_fault fault, const char *detail);
/* Takes back the exchange whose body is being read. False if its answer has begun: then there is
 * no clean way out but closing. */
bool http_intake_drop(struct http_conn *c);
