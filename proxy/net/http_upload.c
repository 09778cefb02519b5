#include "proxy/net/http_upload.h"

#include <string.h>

#include "proxy/base/alloc.h"

#define MARK (256 * 1024)
/* One more write may come on top: a piece of a server's read buffer. */
#define WAITING_MAX ((size_t)4 * MARK)

void http_upload_init(struct http_upload *u)
{
	*u = (struct http_upload){ 0 };
	buf_init(&u->waiting, WAITING_MAX);
}

void http_upload_fini(struct http_upload *u)
{
	buf_fini(&u->waiting);
}

bool http_upload_write(struct http_upload *u, struct span bytes)
{
	ENSURE(!u->ended);
	buf_add_span(&u->waiting, bytes);
	ENSURE(!u->waiting.overflow);
	u->full = u->waiting.len > MARK;
	return !u->full;
}

size_t http_upload_read(struct http_upload *u, char *to, size_t room)
{
	size_t n = u->waiting.len < room ? u->waiting.len : room;
	u->hungry = n == 0 && !u->ended;
	if (n) {
		memcpy(to, u->waiting.ptr, n);
		buf_consume(&u->waiting, n);
	}
	return n;
}

bool http_upload_drained(struct http_upload *u)
{
	if (!u->full || u->waiting.len > MARK / 4) {
		return false;
	}
	u->full = false;
	return true;
}
