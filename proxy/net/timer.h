/* One timer. The only way in which rooms without sockets meet the loop's time. */
#pragma once

#include <stdint.h>

#include <uv.h>

struct timer;
typedef void (*timer_fn)(void *ctx);

/* An idle timer on the loop. fn(ctx) runs when it fires, never inside timer_arm. */
struct timer *timer_create(uv_loop_t *loop, timer_fn fn, void *ctx);
/* Fires once after ms (0 = next turn); arming an armed timer moves it. */
void timer_arm(struct timer *t, uint64_t ms);
void timer_stop(struct timer *t);
/* Does not keep the loop alive while armed. */
void timer_unref(struct timer *t);
/* Stops it; fn does not run again. NULL is fine. The memory goes when the loop has let go. */
void timer_destroy(struct timer *t);
