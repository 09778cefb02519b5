/* Rules of the service port that belong to no one service: who may call at all, and plain answers. */
#pragma once

#include "proxy/net/http_server.h"

/* Host must name this machine (DNS rebinding), and a browser's Origin may reach only what AWS itself
 * opens to every origin (Cognito Identity and STS; design "Defence"). False with the words to answer. */
struct service_names {
	const char *host; /* where the emulator listens */
	const char *public_host; /* what its URLs call it */
	unsigned port;
};
bool service_admits(const struct http_request *r, const struct service_names *names, char *refusal,
	size_t size);
/* Authorization: Bearer with what is derived from the bridge's token (control_token.h). */
bool service_has_token(const struct http_request *r, const char *token);
/* Does a listener on this address stay on this machine? */
bool service_is_loopback(const char *host);
/* Is the other end of the connected socket on this machine? */
bool service_is_loopback_socket(int fd);
/* {"message":"..."} */
void service_reply_message(struct http_exchange *x, int status, const char *message);
/* Adds who has the port, where that can be known, and what to do. Returns the code. */
int service_explain_busy(struct err *err, unsigned port);
/* "http://<host>:<port>", with an IPv6 host in brackets. */
void service_write_url(const char *host, unsigned port, char *out, size_t size);
