#include "runtime/cli/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <uv.h>

#include "proxy/base/alloc.h"
#include "proxy/base/file.h"
#include "runtime/cli/token_file.h"

/* Away from `start`'s 4510 and on. */
#define FIRST 4610
#define LAST 5600
#define BLOCK 20

int ports_lock(struct err *err)
{
	AUTO_FREE char *home = state_home(err);
	if (!home || dir_make_private(home, err)) {
		return -1;
	}
	AUTO_FREE char *path = xasprintf("%s/ports.lock", home);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int rc = fd;
	while (fd >= 0 && (rc = flock(fd, LOCK_EX)) && errno == EINTR) {
	}
	if (rc < 0) {
		err_errno(err, errno, "cannot lock '%s'", path);
		if (fd >= 0) {
			close(fd);
		}
		return -1;
	}
	return fd;
}

void ports_unlock(int lock)
{
	/* Closing is not enough: the stage that was started has inherited it. */
	flock(lock, LOCK_UN);
	close(lock);
}

static bool read_address(const char *host, unsigned port, struct sockaddr_storage *out)
{
	const char *number = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
	return uv_ip4_addr(number, (int)port, (struct sockaddr_in *)out) == 0 ||
	       uv_ip6_addr(number, (int)port, (struct sockaddr_in6 *)out) == 0;
}

static bool is_free(const char *host, unsigned port)
{
	struct sockaddr_storage address;
	uv_loop_t loop;
	uv_tcp_t probe;
	ENSURE(uv_loop_init(&loop) == 0);
	ENSURE(uv_tcp_init(&loop, &probe) == 0);
	bool good = !read_address(host, port, &address) ||
		    (uv_tcp_bind(&probe, (const struct sockaddr *)&address, 0) == 0 &&
			    uv_listen((uv_stream_t *)&probe, 1, NULL) == 0);
	uv_close((uv_handle_t *)&probe, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ENSURE(uv_loop_close(&loop) == 0);
	return good;
}

static bool is_free_block(const char *host, unsigned first)
{
	unsigned n = 0;
	while (n < BLOCK && is_free(host, first + n)) {
		n++;
	}
	return n == BLOCK;
}

unsigned ports_find(const char *host, unsigned kept)
{
	if (kept && is_free(host, kept)) {
		return kept;
	}
	for (unsigned first = FIRST; first < LAST; first += BLOCK) {
		if (is_free_block(host, first)) {
			return first;
		}
	}
	return 0;
}
