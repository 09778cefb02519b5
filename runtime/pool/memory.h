/* The memory of a process: its peak, for "Max Memory Used", and whether it and all that it has started
 * hold more than they may. Linux: /proc. */
#pragma once

#include <stdint.h>

struct memory_peak {
	int pid;
	uint64_t read_ns;
	unsigned mb;
};

/* What the process and its descendants hold, in megabytes rounded up, if that is more than `limit_mb`; else 0. Pages that
 * several of them share count once. */
unsigned memory_above_mb(int pid, unsigned limit_mb);
void memory_peak_init(struct memory_peak *m, int pid);
/* Megabytes, rounded up; the last known value when the process is gone; 0 if never known. Read at most once a second,
 * since reading it costs more than a short invocation. `now_ns` is monotonic. */
unsigned memory_peak_mb(struct memory_peak *m, uint64_t now_ns);
