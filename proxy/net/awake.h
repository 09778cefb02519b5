/* Short waits without sleep. While a client and a handler's process take turns with this one, the loop
 * waits for some tens of microseconds at a time, and a processor that goes to sleep for so long needs as long
 * again to wake up, most of all in a virtual machine. So a loop whose last turn was short looks again and
 * again for a while, and only then sleeps. A loop that waits longer than that each time sleeps at once. */
#pragma once

#include <uv.h>

struct awake;

/* From now on until awake_close. Does not keep the loop alive. Whoever else wants the processor gets it:
 * each look yields. */
struct awake *awake_open(uv_loop_t *loop);
/* NULL is fine. The memory goes when the loop has let go. */
void awake_close(struct awake *a);
