#include "runtime/pool/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRESH_NS 1000000000u
#define MAX_FAMILY 256

void memory_peak_init(struct memory_peak *m, int pid)
{
	*m = (struct memory_peak){ .pid = pid };
}

static void read_text(int pid, const char *what, char *text, size_t size)
{
	char path[320];
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

/* A process and its descendants. */
struct family {
	int pids[MAX_FAMILY];
	size_t n;
};

static void add_children_of(struct family *f, int pid, const char *thread)
{
	char what[300], text[4096];
	snprintf(what, sizeof what, "task/%s/children", thread);
	read_text(pid, what, text, sizeof text);
	char *end = text;
	for (long child = strtol(text, &end, 10); child > 0 && f->n < MAX_FAMILY;
		child = strtol(end, &end, 10)) {
		f->pids[f->n++] = (int)child;
	}
}

/* Whichever thread started them. */
static void find_family(struct family *f, int pid)
{
	f->pids[0] = pid;
	f->n = 1;
	for (size_t i = 0; i < f->n; i++) {
		char path[48];
		snprintf(path, sizeof path, "/proc/%d/task", f->pids[i]);
		DIR *d = opendir(path);
		for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
			if (e->d_name[0] != '.') {
				add_children_of(f, f->pids[i], e->d_name);
			}
		}
		if (d) {
			closedir(d);
		}
	}
}

static unsigned long resident_kb(int pid)
{
	char text[256];
	unsigned long pages;
	read_text(pid, "statm", text, sizeof text);
	if (sscanf(text, "%*u %lu", &pages) != 1) {
		return 0;
	}
	return pages * ((unsigned long)sysconf(_SC_PAGESIZE) / 1024);
}

/* Its share: a page that n processes map counts as 1/n. Costs more than the resident size, which is never less. */
static unsigned long share_kb(int pid)
{
	char text[1024];
	unsigned long kb;
	read_text(pid, "smaps_rollup", text, sizeof text);
	const char *line = strstr(text, "\nPss:");
	return line && sscanf(line, "\nPss: %lu kB", &kb) == 1 ? kb : resident_kb(pid);
}

unsigned memory_above_mb(int pid, unsigned limit_mb)
{
	struct family f;
	unsigned long resident = 0, share = 0, limit = limit_mb * 1024ul;
	find_family(&f, pid);
	for (size_t i = 0; i < f.n; i++) {
		resident += resident_kb(f.pids[i]);
	}
	for (size_t i = 0; resident > limit && i < f.n; i++) {
		share += share_kb(f.pids[i]);
	}
	return share > limit ? (unsigned)((share + 1023) / 1024) : 0;
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

unsigned memory_peak_mb(struct memory_peak *m, uint64_t now_ns)
{
	if (m->read_ns == 0 || now_ns - m->read_ns > FRESH_NS) {
		m->read_ns = now_ns;
		read_peak(m);
	}
	return m->mb;
}
