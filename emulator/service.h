/* Rules of the service port that belong to no one service: who may call at all, and plain answers. */
#pragma once

#include "proxy/net/http_server.h"

/* Host must name this machine (DNS rebinding), and a browser's Origin may reach only what AWS itself
 * opens to every origin (Cognito Identity and STS; design "Defence"). False with the words to answer. */
bool service_admits(const struct http_request *r, const char *host, unsigned port, char *refusal,
	size_t size);
/* {"message":"..."} */
void service_reply_message(struct http_exchange *x, int status, const char *message);
/* Adds who has the port, where that can be known, and what to do. Returns the code. */
int service_explain_busy(struct err *err, unsigned port);
