/* The agents that serve a deployment, and which of them has which invocation. With several, work spreads;
 * what one that leaves was running is told to whoever waits. */
#pragma once

#include "proxy/bridge/bridge_server.h"

struct agents;

struct agents *agents_create(void);
/* Forgets all without a word. NULL is fine. */
void agents_destroy(struct agents *a);

void agents_add(struct agents *a, struct bridge_peer *p);
/* Takes it off the list, so that nothing new goes to it, and calls lost(ctx, wire_id) for each invocation it
 * had. False if it is not known. */
bool agents_remove(struct agents *a, struct bridge_peer *p,
	void (*lost)(void *ctx, uint64_t wire_id), void *ctx);
/* One of them, or NULL. */
struct bridge_peer *agents_any(const struct agents *a);
size_t agents_count(const struct agents *a);

/* Sends INVOKE to the least busy one. -ERR_UNAVAILABLE if there is none, or each is 96 MB behind. */
int agents_invoke(struct agents *a, uint64_t wire_id, struct span meta, struct span payload);
/* Sends to whoever has the invocation; nobody: nothing. */
void agents_tell(struct agents *a, uint64_t wire_id, enum wire_type type, struct span meta);
/* The invocation has ended. */
void agents_ended(struct agents *a, uint64_t wire_id);
