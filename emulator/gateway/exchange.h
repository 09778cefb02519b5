/* One request to an HTTP API, from its arrival to its answer. */
#pragma once

#include "emulator/gateway/gateway.h"
#include "emulator/gateway/snapshot.h"
#include "proxy/base/list.h"
#include "proxy/net/timer.h"

/* What all exchanges of a gateway share. Owned by the gateway. */
struct exchange_env {
	const struct gateway_config *config;
	struct buf event; /* the event being built; its bytes are copied before the next one */
	struct buf body; /* the answer's body, likewise */
	struct buf line; /* an access log line */
	struct list waiting; /* struct exchange by deadline, those whose function runs */
	struct timer *timer; /* armed for the first of them */
};

void exchange_env_init(struct exchange_env *env, const struct gateway_config *config);
void exchange_env_fini(struct exchange_env *env);

/* The route of this request wants its body as a stream: then exchange_begin is called with its head. */
bool exchange_streams(const struct snapshot_api *api, const struct http_request *http);
/* Takes the request on; the answer is given to x in its own time. `api` NULL: no such API (404), or with
 * starting = true none yet (503). */
void exchange_begin(struct exchange_env *env, struct snapshot_api *api, const char *api_key,
	bool starting, struct http_exchange *x);
/* The same from within on_head, for a request that exchange_streams. */
void exchange_begin_streamed(struct exchange_env *env, struct snapshot_api *api,
	const char *api_key, struct http_exchange *x);
