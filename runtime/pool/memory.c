#include "runtime/pool/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "proxy/base/clock.h"

#define FRESH_NS 1000000000u

void memory_peak_init(struct memory_peak *m, int pid)
{
	*m = (struct memory_peak){ .pid = pid };
}

static void read_peak(struct memory_peak *m)
{
	char path[48], text[4096];
	snprintf(path, sizeof path, "/proc/%d/status", m->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *line = strstr(text, "\nVmHWM:");
	unsigned kb;
	if (line && sscanf(line, "\nVmHWM: %u kB", &kb) == 1) {
		m->mb = (kb + 1023) / 1024;
	}
}

unsigned memory_peak_mb(struct memory_peak *m)
{
	uint64_t now = clock_mono_ns(&clock_system);
	if (m->read_ns == 0 || now - m->read_ns > FRESH_NS) {
		m->read_ns = now;
		read_peak(m);
	}
	return m->mb;
}
