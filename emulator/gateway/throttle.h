/* Token buckets (reference api-gateway.md section 10: rate and burst of a stage's default route settings
 * or of one route). Pure; the caller gives the time. */
#pragma once

#include "emulator/model/model.h"

struct throttle {
	double rate, burst; /* rate 0: no limit */
	double tokens;
	uint64_t last_ns;
};

/* The limit for a route of a stage: its own settings, else the stage's default; starts full. */
void throttle_init(struct throttle *t, const struct model_stage *stage, const char *route_key);
/* Takes one token; false if there is none: 429. */
bool throttle_take(struct throttle *t, uint64_t now_ns);
