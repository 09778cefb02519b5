/* Node processes booted ahead, with the bootstrap loaded, that do not know their function yet: taking one
 * saves the start of a process (design 10: 2.4 ms instead of 115). One spare lies ready per memory size in
 * use, two of the size used last; a new one is booted shortly after one was taken. */
#pragma once

#include <uv.h>

#include "runtime/pool/child.h"
#include "runtime/pool/launch.h"

struct spares;

/* `tools` must outlive it. */
struct spares *spares_open(uv_loop_t *loop, const struct launch_tools *tools);
/* A booted (or booting) process for that memory size, or NULL; its owner is to be set with child_give. From
 * then on one is kept ready for that size. `crowded`: so many run already that a second ready one is not
 * worth its memory, until the next is taken. */
struct child *spares_take(struct spares *s, unsigned memory_mb, bool crowded);
/* Has one booted for that size, if none is. */
void spares_prepare(struct spares *s, unsigned memory_mb);
/* The environment that spares are started with; NULL-terminated. */
char *const *spares_base(const struct spares *s);
/* Kills them; frees when they are gone, then done. */
void spares_close(struct spares *s, void (*done)(void *ctx), void *ctx);
