#include "emulator/gateway/throttle.h"

/* A burst that is not set is the account's (section 10). */
#define ACCOUNT_BURST 5000

void throttle_init(struct throttle *t, const struct model_stage *stage, const char *route_key)
{
	struct model_throttle limit = stage->default_throttle;
	for (size_t i = 0; i < stage->n_route_settings; i++) {
		const struct model_route_settings *own = &stage->route_settings[i];
		if (strcmp(own->route_key, route_key) == 0) {
			limit.rate = own->throttle.rate > 0 ? own->throttle.rate : limit.rate;
			limit.burst = own->throttle.burst > 0 ? own->throttle.burst : limit.burst;
		}
	}
	double burst = limit.burst > 0 ? limit.burst : ACCOUNT_BURST;
	*t = (struct throttle){ .rate = limit.rate, .burst = burst, .tokens = burst };
}

bool throttle_take(struct throttle *t, uint64_t now_ns)
{
	if (t->rate <= 0) {
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
