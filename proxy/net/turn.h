/* The end of a loop turn: after every callback of this turn has run and before the loop waits again. For
 * whoever collects small things and passes them on in one piece. */
#pragma once

#include <uv.h>

struct turn;

/* fn(ctx) runs once, at the end of the turn in which turn_arm was called; if that was in such an fn, at the
 * end of the next one, which does not wait. */
struct turn *turn_open(uv_loop_t *loop, void (*fn)(void *ctx), void *ctx);
/* Arming an armed one changes nothing. */
void turn_arm(struct turn *t);
/* fn does not run again. NULL is fine. The memory goes when the loop has let go. */
void turn_close(struct turn *t);
