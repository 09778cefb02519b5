/* Talking to a running stage from a command: endpoints.json says where, HTTP does the rest. Blocking: a
 * command has nothing else to do. */
#pragma once

#include "proxy/base/json.h"
#include "proxy/net/http_client.h"
#include "runtime/cli/options.h"

struct client_reply {
	int status;
	struct buf head; /* "name: value\n" per header, names lower-case */
	struct buf body;
};

/* err->code is ERR_UNAVAILABLE if nobody answers. client_reply_fini in any case. */
int client_call(const char *method, const char *url, const struct http_header *headers, size_t n,
	struct span body, struct client_reply *out, struct err *err) MUST_CHECK;
void client_reply_fini(struct client_reply *r);
/* The value of a reply's header; ptr NULL if it has none. */
struct span client_reply_header(const struct client_reply *r, const char *name);

/* An emulator on another machine wants to know who asks: "Bearer ..." from the bridge's token. "" for one on
 * this machine; NULL with err if there is no token. The caller's. */
char *client_bearer(const struct options *o, const cJSON *endpoints, struct err *err) MUST_CHECK;

/* A JSON POST (target, bearer: NULL or "" = no such header); answers the parsed body of a 200, or NULL with the service's own words in err. */
cJSON *client_post(const char *url, const char *target, const char *bearer, struct span body,
	struct err *err) MUST_CHECK;

/* endpoints.json of the stage that the options name; without --stage, inside `offstage exec`, that copy's. */
cJSON *client_endpoints(const struct options *o, struct err *err) MUST_CHECK;

/* Tokens of --user by the control endpoint. */
cJSON *client_tokens(const struct options *o, const cJSON *endpoints, struct err *err) MUST_CHECK;

struct client_credentials {
	char *access_key, *secret, *token, *identity;
	int64_t expires_ms;
};

/* Through login and identity pool, by the same calls that an app's client makes. */
int client_credentials(const struct options *o, const cJSON *endpoints,
	struct client_credentials *out, struct err *err) MUST_CHECK;
void client_credentials_fini(struct client_credentials *c);
