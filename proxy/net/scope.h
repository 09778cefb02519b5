/* The close-path counter of whatever lives on the loop. One hold for each initialised handle, one
 * for each request that no handle cancels, and one for the owner itself; `last` runs when the last
 * hold is dropped and is the only place that frees. Embed it in the owner. */
#pragma once

#include <stdbool.h>

struct scope {
	int holds;
	bool closing; /* set by scope_close */
	void (*last)(struct scope *s);
};

/* Starts with the owner's own hold. */
void scope_init(struct scope *s, void (*last)(struct scope *s));
void scope_hold(struct scope *s);
/* May run `last`: the owner may be gone when this returns. */
void scope_drop(struct scope *s);
/* Marks the owner as closing. False if it was already: then the caller returns at once. The
 * caller drops the own hold as its last statement. */
bool scope_close(struct scope *s);
