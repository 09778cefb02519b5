/* One timer. The only way in which rooms without sockets meet the loop's time. (Not "create":
 * that name is POSIX's.) */
#pragma once

#include <stdint.h>

#include <uv.h>

struct timer;
typedef void (*timer_fn)(void *ctx);

/* An idle timer on the loop. fn(ctx) runs when it fires, never inside timer_arm. (Not "timer_create":
 * that name is POSIX's.) */
struct timer *timer_open(uv_loop_t *loop, timer_fn fn, void *ctx);
/* Fires once after ms (0 = next turn); arming an armed timer moves it. */
void timer_arm(struct timer *t, uint64_t ms);
void timer_stop(struct timer *t);
/* Does not keep the loop alive while armed. */
void timer_unref(struct timer *t);
/* Stops it; fn does not run again. NULL is fine. The memory goes when the loop has let go. */
void timer_close(struct timer *t);
