#include "emulator/gateway/throttle.h"

/* Of the two limits the one that is not set is the account's (section 10). */
#define ACCOUNT_RATE 10000
#define ACCOUNT_BURST 5000

static void set(struct model_throttle *limit, const struct model_throttle *own)
{
	if (own->has_rate) {
		limit->rate = own->rate;
		limit->has_rate = true;
	}
	if (own->has_burst) {
		limit->burst = own->burst;
		limit->has_burst = true;
	}
}

void throttle_init(struct throttle *t, const struct model_stage *stage, const char *route_key)
{
	struct model_throttle limit = stage->default_throttle;
	for (size_t i = 0; i < stage->n_route_settings; i++) {
		if (strcmp(stage->route_settings[i].route_key, route_key) == 0) {
			set(&limit, &stage->route_settings[i].throttle);
		}
	}
	double burst = limit.has_burst ? limit.burst : ACCOUNT_BURST;
	*t = (struct throttle){ .limited = limit.has_rate || limit.has_burst,
		.rate = limit.has_rate ? limit.rate : ACCOUNT_RATE,
		.burst = burst,
		.tokens = burst };
}

bool throttle_take(struct throttle *t, uint64_t now_ns)
{
	if (!t->limited) {
		return true;
	}
	if (t->last_ns && now_ns > t->last_ns) {
		t->tokens += (double)(now_ns - t->last_ns) * t->rate / 1e9;
		t->tokens = t->tokens > t->burst ? t->burst : t->tokens;
	}
	t->last_ns = now_ns;
	if (t->tokens < 1) {
		return false;
	}
	t->tokens -= 1;
	return true;
}

void throttle_carry_on(struct throttle *t, const struct throttle *old)
{
	if (t->limited && old->limited && old->last_ns) {
		double used = old->burst - old->tokens;
		t->tokens = used < t->burst ? t->burst - used : 0;
		t->last_ns = old->last_ns;
	}
}
