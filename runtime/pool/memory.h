/* The resident memory of a process: its peak, for "Max Memory Used", and what it has now. Linux: VmHWM of /proc/<pid>/status; read at
 * most once a second, since reading it costs more than a short invocation. */
#pragma once

#include <stdint.h>

struct memory_peak {
	int pid;
	uint64_t read_ns;
	unsigned mb;
};

/* Megabytes, rounded up, of /proc/<pid>/statm; 0 if the process is gone. */
unsigned memory_now_mb(int pid);
void memory_peak_init(struct memory_peak *m, int pid);
/* Megabytes, rounded up; the last known value when the process is gone; 0 if never known. */
unsigned memory_peak_mb(struct memory_peak *m);
