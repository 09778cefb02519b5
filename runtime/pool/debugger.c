#include "runtime/pool/debugger.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "proxy/base/buf.h"
#include "proxy/base/file.h"

#define MAX_TABLE (4 * 1024 * 1024)
#define ESTABLISHED 1

/* "   1: 0100007F:240D 0100007F:D5A2 01 ...": number, local and far address as the CPU has them, state. */
static bool is_connection(const char *line, unsigned port)
{
	unsigned address, local, state;
	return sscanf(line, "%*u: %8x:%4x %*8x:%*4x %2x", &address, &local, &state) == 3 &&
	       address == htonl(INADDR_LOOPBACK) && local == port && state == ESTABLISHED;
}

bool debugger_listed(struct span table, unsigned port)
{
	while (table.ptr) {
		struct span line = span_cut(&table, '\n');
		char text[64];
		snprintf(text, sizeof text, "%.*s", SPAN_ARG(line));
		if (is_connection(text, port)) {
			return true;
		}
	}
	return false;
}

bool debugger_attached(unsigned port)
{
	struct buf table = BUF_INIT(MAX_TABLE);
	struct err err = ERR_INIT;
	bool found = file_read("/proc/net/tcp", &table, &err) == 0 &&
		     debugger_listed(buf_span(&table), port);
	buf_fini(&table);
	return found;
}
