/* Which ports a deployed stage gets. A stage has a block of them: service port, bridge, APIs, logins. */
#pragma once

#include "proxy/base/err.h"

/* From here until ports_unlock no other deploy of this user looks for ports: a block that is found free stays so
 * until its stage listens. Returns what to unlock, or -1. */
int ports_lock(struct err *err);
void ports_unlock(int lock);
/* The first port of a block that is free on the address: `kept` if it still is (0 = none), else another. 0 if none is. */
unsigned ports_find(const char *host, unsigned kept);
