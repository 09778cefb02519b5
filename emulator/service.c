#include "emulator/service.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "emulator/cognito/cognito.h"
#include "proxy/base/alloc.h"
#include "proxy/base/json.h"
#include "proxy/wire/control_token.h"

/* The host part of "host[:port]". */
static struct span host_of(struct span authority)
{
	ptrdiff_t bracket =
		authority.len && authority.ptr[0] == '[' ? span_find(authority, ']') : -1;
	if (bracket > 0) {
		return span_n(authority.ptr, (size_t)bracket + 1);
	}
	struct span rest = authority;
	return span_cut(&rest, ':');
}

bool service_has_token(const struct http_request *r, const char *token)
{
	char wanted[CONTROL_TOKEN_LEN + 1];
	struct span given = http_header_get(r, "authorization");
	size_t scheme = strlen("Bearer ");
	if (!token[0] || given.len <= scheme || !span_iis(span_n(given.ptr, scheme), "Bearer ")) {
		return false;
	}
	control_token(wanted, span_of(token));
	return secret_eq(span_n(given.ptr + scheme, given.len - scheme), span_of(wanted));
}

bool service_is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
	       strcmp(host, "::1") == 0;
}

/* Ours is called from itself too, when it listens on one address that is not loopback: then both ends have
 * that address, which the kernel accepts from no other machine. */
bool service_is_loopback_socket(int fd)
{
	struct sockaddr_storage peer, self;
	socklen_t n = sizeof peer, m = sizeof self;
	char text[INET6_ADDRSTRLEN], own[INET6_ADDRSTRLEN];
	if (getpeername(fd, (struct sockaddr *)&peer, &n) ||
		getsockname(fd, (struct sockaddr *)&self, &m) ||
		uv_ip_name((struct sockaddr *)&peer, text, sizeof text) ||
		uv_ip_name((struct sockaddr *)&self, own, sizeof own)) {
		return false;
	}
	return strcmp(text, own) == 0 ||
	       service_is_loopback(strncmp(text, "::ffff:", 7) == 0 ? text + 7 : text);
}

/* A name may be rebound to us by whoever owns it, a number may not. */
static bool is_number(struct span host)
{
	AUTO_FREE char *text = xstrndup(host.ptr, host.len);
	unsigned char address[16];
	size_t n = strlen(text);
	if (n > 2 && text[0] == '[') {
		text[n - 1] = '\0';
		return uv_inet_pton(AF_INET6, text + 1, address) == 0;
	}
	return uv_inet_pton(AF_INET, text, address) == 0;
}

static bool names_this_machine(struct span host, const struct service_names *names)
{
	return span_iis(host, "localhost") || span_is(host, "127.0.0.1") ||
	       span_is(host, "[::1]") || span_iis(host, names->host) ||
	       span_iis(host, names->public_host) || span_ends(host, SPAN(".localhost")) ||
	       (!service_is_loopback(names->host) && is_number(host));
}

static bool same_origin(struct span origin, const struct service_names *names)
{
	if (!span_starts(origin, SPAN("http://"))) {
		return false;
	}
	struct span authority = span_n(origin.ptr + 7, origin.len - 7);
	struct span host = host_of(authority);
	char tail[16];
	int n = snprintf(tail, sizeof tail, ":%u", names->port);
	return names_this_machine(host, names) &&
	       span_eq(span_n(host.ptr + host.len, authority.len - host.len),
		       span_n(tail, (size_t)n));
}

bool service_admits(
	const struct http_request *r, const struct service_names *names, char *refusal, size_t size)
{
	struct span called = http_header_get(r, "host");
	if (called.ptr && !names_this_machine(host_of(called), names)) {
		snprintf(refusal, size,
			"Host '%.*s' is not this emulator's: call it as localhost:%u or %s:%u",
			(int)(called.len < 80 ? called.len : 80), called.ptr, names->port,
			names->public_host, names->port);
		return false;
	}
	struct span origin = http_header_get(r, "origin");
	if (origin.ptr && !cognito_handles(r) && !same_origin(origin, names)) {
		snprintf(refusal, size, "pages of other origins may not call this endpoint");
		return false;
	}
	return true;
}

void service_reply_message(struct http_exchange *x, int status, const char *message)
{
	struct buf body = BUF_INIT(4096);
	buf_add_char(&body, '{');
	json_add_member(&body, "message", span_of(message));
	buf_add_char(&body, '}');
	const struct http_header type = { SPAN("content-type"), SPAN("application/json") };
	http_reply(x, &(struct http_reply){ .status = status,
			      .headers = &type,
			      .n_headers = 1,
			      .body = buf_span(&body) });
	buf_fini(&body);
}

/* --- who has the port (Linux) ---------------------------------------------------------------- */

/* The inode of the socket that listens on the port, from /proc/net/tcp or tcp6; 0 if not found. */
static unsigned long listening_inode(const char *table, unsigned port)
{
	FILE *f = fopen(table, "re");
	char line[512];
	unsigned long found = 0;
	while (f && !found && fgets(line, sizeof line, f)) {
		unsigned local, state;
		unsigned long inode;
		int n = sscanf(line, "%*d: %*x:%x %*x:%*x %x %*s %*s %*s %*s %*s %lu", &local,
			&state, &inode);
		if (n == 3 && local == port && state == 0x0a) {
			found = inode;
		}
	}
	if (f) {
		fclose(f);
	}
	return found;
}

static bool process_holds(const char *pid, const char *socket)
{
	AUTO_FREE char *folder = xasprintf("/proc/%s/fd", pid);
	DIR *d = opendir(folder);
	bool holds = false;
	for (struct dirent *entry; d && !holds && (entry = readdir(d));) {
		AUTO_FREE char *path = xasprintf("%s/%s", folder, entry->d_name);
		char target[128];
		ssize_t n = readlink(path, target, sizeof target - 1);
		holds = n > 0 && span_is(span_n(target, (size_t)n), socket);
	}
	if (d) {
		closedir(d);
	}
	return holds;
}

/* "node (pid 123)", or "" if it cannot be known. */
static void find_owner(unsigned port, char *out, size_t size)
{
	unsigned long inode = listening_inode("/proc/net/tcp", port);
	inode = inode ? inode : listening_inode("/proc/net/tcp6", port);
	AUTO_FREE char *socket = xasprintf("socket:[%lu]", inode);
	DIR *proc = inode ? opendir("/proc") : NULL;
	out[0] = '\0';
	for (struct dirent *entry; proc && !out[0] && (entry = readdir(proc));) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
			!process_holds(entry->d_name, socket)) {
			continue;
		}
		AUTO_FREE char *path = xasprintf("/proc/%s/comm", entry->d_name);
		char name[64] = "?";
		FILE *f = fopen(path, "re");
		if (f && fgets(name, sizeof name, f)) {
			name[strcspn(name, "\n")] = '\0';
		}
		if (f) {
			fclose(f);
		}
		snprintf(out, size, "%s (pid %.10s)", name, entry->d_name);
	}
	if (proc) {
		closedir(proc);
	}
}

int service_explain_busy(struct err *err, unsigned port)
{
	char owner[128];
	find_owner(port, owner, sizeof owner);
	return err_set(err, ERR_BUSY,
		"port %u is in use%s%s: stop it, or choose another with --port N (0 = any free "
		"port)",
		port, owner[0] ? " by " : "", owner);
}

void service_write_url(const char *host, unsigned port, char *out, size_t size)
{
	bool v6 = strchr(host, ':') != NULL;
	snprintf(out, size, "http://%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
}
