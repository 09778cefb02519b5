/* The apps that one emulator runs now. An account holds them all: what a caller asks of the account (which
 * functions, which pools) is answered from every one of them. */
#pragma once

#include "emulator/model/model.h"

struct apps {
	/* The i-th app's model, in the order in which the apps came; NULL at the end. For the call only. */
	const struct model *(*at)(void *ctx, size_t i);
	void *ctx;
};

static inline const struct model *apps_at(const struct apps *apps, size_t i)
{
	return apps->at(apps->ctx, i);
}
