#include "emulator/login/host_check.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* Cuts the port off; false if what follows the colon is no port. */
static bool cut_port(struct span *host)
{
	size_t end = host->len;
	if (host->len && host->ptr[0] == '[') {
		ptrdiff_t close = span_find(*host, ']');
		if (close < 0) {
			return false;
		}
		end = (size_t)close + 1;
	} else if (span_find(*host, ':') >= 0) {
		end = (size_t)span_find(*host, ':');
	}
	struct span rest = span_n(host->ptr + end, host->len - end);
	host->len = end;
	uint64_t port;
	return rest.len == 0 ||
	       (rest.ptr[0] == ':' && span_u64(span_n(rest.ptr + 1, rest.len - 1), 65535, &port));
}

static bool is_numeric(struct span host)
{
	char text[INET6_ADDRSTRLEN + 1];
	bool six = host.len > 2 && host.ptr[0] == '[';
	struct span address = six ? span_n(host.ptr + 1, host.len - 2) : host;
	if (address.len >= sizeof text) {
		return false;
	}
	memcpy(text, address.ptr, address.len);
	text[address.len] = '\0';
	unsigned char out[16];
	return inet_pton(six ? AF_INET6 : AF_INET, text, out) == 1;
}

bool host_is_ours(struct span host, const char *extra)
{
	if (!host.ptr || !cut_port(&host)) {
		return false;
	}
	if (span_iis(host, "localhost") || span_is(host, "127.0.0.1") || span_is(host, "[::1]")) {
		return true;
	}
	return extra && (span_iis(host, extra) || is_numeric(host));
}
