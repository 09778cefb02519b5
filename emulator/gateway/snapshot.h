/* A model made ready for routing: per API its route tree and throttles. Swapped whole; a request holds
 * the snapshot it began with, and the last hold gives the model back to whoever made it. */
#pragma once

#include "emulator/gateway/route.h"
#include "emulator/gateway/throttle.h"

struct snapshot;

struct snapshot_api {
	const struct model *model;
	const struct model_api *api;
	struct route_table *routes;
	struct throttle *throttles; /* [stage][route] */
	bool streams; /* some route passes requests' bodies on as they come */
	struct snapshot *owner;
};

/* released(ctx, model) runs when the last hold is dropped. NULL with err naming API and route or the
 * setting that the service would refuse; then the model stays the caller's. */
struct snapshot *snapshot_create(const struct model *model,
	void (*released)(void *ctx, const struct model *model), void *ctx,
	struct err *err) MUST_CHECK;
void snapshot_hold(struct snapshot *s);
void snapshot_drop(struct snapshot *s);
/* Throttles go on where the old snapshot's are: a new model refills no bucket. */
void snapshot_carry_on(struct snapshot *s, const struct snapshot *old);
/* By key; NULL if the model has no such API. */
struct snapshot_api *snapshot_find(struct snapshot *s, const char *api_key);
struct throttle *snapshot_throttle(
	struct snapshot_api *api, const struct model_stage *stage, const struct model_route *route);
