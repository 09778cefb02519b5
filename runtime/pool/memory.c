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

static void read_text(int pid, const char *what, char *text, size_t size)
{
	char path[48];
	text[0] = '\0';
	snprintf(path, sizeof path, "/proc/%d/%s", pid, what);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	ssize_t n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
}

unsigned memory_now_mb(int pid)
{
	char text[256];
	unsigned long pages;
	read_text(pid, "statm", text, sizeof text);
	if (sscanf(text, "%*u %lu", &pages) != 1) {
		return 0;
	}
	unsigned long bytes = pages * (unsigned long)sysconf(_SC_PAGESIZE);
	return (unsigned)((bytes + (1u << 20) - 1) >> 20);
}

static void read_peak(struct memory_peak *m)
{
	char text[4096];
	read_text(m->pid, "status", text, sizeof text);
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
