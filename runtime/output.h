/* What handlers print: to the terminal as SST shows it, and to a file per function under the stage's folder
 * (log/<function>.log), bounded, with one older generation beside it. */
#pragma once

#include <uv.h>

#include "runtime/pool/worker.h"

struct output;

/* dir is the stage's folder; it is made when there is something to keep. */
struct output *output_open(uv_loop_t *loop, const char *dir);
/* Writes what is pending. */
void output_close(struct output *o);
/* Whole lines of a function. Its own lines are shown; the platform's only kept. */
void output_add(struct output *o, const char *function, const char *request_id, enum log_kind kind,
	struct span text);
