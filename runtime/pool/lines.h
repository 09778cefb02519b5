/* Cuts a process's output into whole lines: what is written in pieces is passed on as lines, and a line
 * without end is passed on when it gets too long or at a flush. */
#pragma once

#include "proxy/base/buf.h"

struct lines {
	struct buf rest; /* the start of a line whose end has not come */
	int stream;
	void (*fn)(void *ctx, int stream, struct span text);
	void *ctx;
};

/* fn gets one or more whole lines, each with its newline (a flushed one gets one added). */
void lines_init(struct lines *l, int stream, void (*fn)(void *ctx, int stream, struct span text),
	void *ctx);
void lines_fini(struct lines *l);
void lines_feed(struct lines *l, struct span bytes);
void lines_flush(struct lines *l);
