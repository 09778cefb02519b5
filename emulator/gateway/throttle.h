/* Token buckets (reference api-gateway.md section 10: rate and burst of a stage's default route settings
 * or of one route). Pure; the caller gives the time. */
#pragma once

#include "emulator/model/model.h"

struct throttle {
	bool limited; /* false: neither route nor stage sets a limit */
	double rate, burst;
	double tokens;
	uint64_t last_ns; /* 0: not asked yet */
};

/* The limit for a route of a stage: its own settings, else the stage's default; starts full. The account's
 * own limit alone is not enforced: it is a quota of the region, and here would only stop benchmarks. */
void throttle_init(struct throttle *t, const struct model_stage *stage, const char *route_key);
/* Takes one token; false if there is none: 429. */
bool throttle_take(struct throttle *t, uint64_t now_ns);
/* The same route's bucket under a new model: what was taken from the old one is taken from this. */
void throttle_carry_on(struct throttle *t, const struct throttle *old);
