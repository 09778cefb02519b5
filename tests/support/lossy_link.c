/* A cable between two network namespaces that delays, loses and is cut on command: what `tc netem` does, in
 * user space, as not every kernel has netem. Linux, with CAP_NET_ADMIN.
 *
 *   lossy_link            makes both namespaces, each with a TUN device "cable", and says where they are:
 *                         "/proc/<pid>/fd/<n> /proc/<pid>/fd/<n>", for nsenter --net=
 *   on stdin, a line each: delay MS [JITTER]   each packet takes so long, give or take (and may overtake)
 *                          loss PERCENT        so many are lost
 *                          cut [0|1]           everything is lost that comes from this end, or from both
 *                          mend
 *                         answered by "ok"
 *
 * At the end of stdin it ends, and namespaces and devices with it: nothing outlives the test. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define MTU_MAX 2048 /* the devices' MTU is 1500 */
#define QUEUE_MAX 8192 /* packets on their way; more are lost, as a full router loses them */

struct packet {
	struct packet *next;
	int64_t due_us;
	int to; /* device */
	size_t len;
	unsigned char bytes[MTU_MAX];
};

static int devices[2];
static int namespaces[2];
static struct packet *queue; /* the next one due first */
static size_t queued;
static int64_t delay_us, jitter_us;
static double loss;
static int is_cut[2]; /* by the end that packets come from */

static void die(const char *what)
{
	fprintf(stderr, "lossy_link: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A chroot may have no device file for TUN; a node of our own does as well. */
static int open_tun(void)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		char folder[] = "/tmp/lossy_link-XXXXXX";
		char node[sizeof folder + 4];
		if (!mkdtemp(folder)) {
			die("mkdtemp");
		}
		snprintf(node, sizeof node, "%s/tun", folder);
		if (mknod(node, S_IFCHR | 0600, makedev(10, 200)) == 0) {
			fd = open(node, O_RDWR | O_NONBLOCK | O_CLOEXEC);
			unlink(node);
		}
		rmdir(folder);
	}
	return fd;
}

/* The device belongs to the namespace in which it was opened. */
static void make_end(int end)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	snprintf(request.ifr_name, sizeof request.ifr_name, "cable");
	if (unshare(CLONE_NEWNET)) {
		die("cannot make a network namespace");
	}
	namespaces[end] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	devices[end] = open_tun();
	if (namespaces[end] < 0 || devices[end] < 0 || ioctl(devices[end], TUNSETIFF, &request)) {
		die("cannot make a TUN device");
	}
}

/* Behind all that are due earlier or at the same time. */
static void enqueue(struct packet *p)
{
	struct packet **at = &queue;
	while (*at && (*at)->due_us <= p->due_us) {
		at = &(*at)->next;
	}
	p->next = *at;
	*at = p;
	queued++;
}

static void take_in(int from)
{
	struct packet *p = malloc(sizeof *p);
	if (!p) {
		die("malloc");
	}
	for (;;) {
		ssize_t n = read(devices[from], p->bytes, sizeof p->bytes);
		if (n <= 0) {
			break;
		}
		if (is_cut[from] || queued == QUEUE_MAX || drand48() * 100 < loss) {
			continue;
		}
		int64_t swing = (int64_t)((drand48() * 2 - 1) * (double)jitter_us);
		p->len = (size_t)n;
		p->to = !from;
		p->due_us = now_us() + (delay_us + swing > 0 ? delay_us + swing : 0);
		enqueue(p);
		p = malloc(sizeof *p);
		if (!p) {
			die("malloc");
		}
	}
	free(p);
}

/* Packets on their way when the cable is cut are lost with it. */
static void put_out(void)
{
	int64_t now = now_us();
	while (queue && queue->due_us <= now) {
		struct packet *p = queue;
		queue = p->next;
		queued--;
		if (!is_cut[!p->to] && write(devices[p->to], p->bytes, p->len) < 0 &&
			errno != EAGAIN && errno != EIO) {
			die("cannot write to the device");
		}
		free(p);
	}
}

static void obey(const char *line)
{
	double a = 0, b = 0;
	int end;
	if (sscanf(line, "delay %lf %lf", &a, &b) >= 1) {
		delay_us = (int64_t)(a * 1000);
		jitter_us = (int64_t)(b * 1000);
	} else if (sscanf(line, "loss %lf", &a) == 1) {
		loss = a;
	} else if (sscanf(line, "cut %d", &end) == 1 && (end == 0 || end == 1)) {
		is_cut[end] = 1;
	} else if (strcmp(line, "cut\n") == 0) {
		is_cut[0] = is_cut[1] = 1;
	} else if (strcmp(line, "mend\n") == 0) {
		is_cut[0] = is_cut[1] = 0;
	} else {
		fprintf(stderr, "lossy_link: what is '%.*s'?\n", (int)strcspn(line, "\n"), line);
		exit(2);
	}
	puts("ok");
}

/* Commands are lines shorter than a pipe's atomic write, but several may come at once. */
static void read_commands(void)
{
	static char text[4096];
	static size_t len;
	ssize_t n = read(STDIN_FILENO, text + len, sizeof text - 1 - len);
	if (n <= 0) {
		exit(0);
	}
	len += (size_t)n;
	text[len] = '\0';
	char *line = text;
	for (char *end; (end = strchr(line, '\n')); line = end + 1) {
		char one[128];
		snprintf(one, sizeof one, "%.*s", (int)(end + 1 - line), line);
		obey(one);
	}
	len -= (size_t)(line - text);
	memmove(text, line, len);
}

int main(void)
{
	make_end(0);
	make_end(1);
	srand48(now_us());
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("/proc/%ld/fd/%d /proc/%ld/fd/%d\n", (long)getpid(), namespaces[0], (long)getpid(),
		namespaces[1]);
	struct pollfd fds[3] = { { devices[0], POLLIN, 0 }, { devices[1], POLLIN, 0 },
		{ STDIN_FILENO, POLLIN, 0 } };
	for (;;) {
		int64_t wait = queue ? queue->due_us - now_us() : 0;
		wait = wait > 0 ? wait : 0;
		struct timespec t = { wait / 1000000, wait % 1000000 * 1000 };
		if (ppoll(fds, 3, queue ? &t : NULL, NULL) < 0 && errno != EINTR) {
			die("poll");
		}
		for (int i = 0; i < 2; i++) {
			if (fds[i].revents & POLLIN) {
				take_in(i);
			}
		}
		if (fds[2].revents) {
			read_commands();
		}
		put_out();
	}
}
