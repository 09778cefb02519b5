/* Preloaded into a program: its monotonic clock is ahead by the seconds that the file named by LATER_FILE holds as an
 * int64 (mapped, so that a test can move it while the program runs). */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead_s;

__attribute__((constructor)) static void map_file(void)
{
	const char *path = getenv("LATER_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		void *p = mmap(NULL, sizeof *ahead_s, PROT_READ, MAP_SHARED, fd, 0);
		ahead_s = p == MAP_FAILED ? NULL : p;
		close(fd);
	}
}

int clock_gettime(clockid_t id, struct timespec *at)
{
	int rc = (int)syscall(SYS_clock_gettime, id, at);
	if (rc == 0 && ahead_s && (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE)) {
		at->tv_sec += *ahead_s;
	}
	return rc;
}
