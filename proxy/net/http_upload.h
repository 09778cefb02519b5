/* The body of a request that is sent in pieces, between its writer and the client that reads it when
 * the network takes more. Bounded: the writer stops above a mark until told. No I/O. */
#pragma once

#include "proxy/base/buf.h"
#include "proxy/base/span.h"

/* Embedded in a call. */
struct http_upload {
	struct buf waiting;
	bool ended; /* no more will be written */
	bool full; /* the writer was told to stop */
	bool hungry; /* the reader found nothing: it waits to be told */
};

void http_upload_init(struct http_upload *u);
void http_upload_fini(struct http_upload *u);
/* Copies the bytes. False when more than 256 KiB wait: stop until http_upload_read made room. */
bool http_upload_write(struct http_upload *u, struct span bytes);
/* Takes at most `room` bytes. 0 at the end; also when nothing waits yet, and then u->hungry is set. */
size_t http_upload_read(struct http_upload *u, char *to, size_t room);
/* Once after a write was refused: there is room again. */
bool http_upload_drained(struct http_upload *u);
