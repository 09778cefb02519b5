/* The address that --host names: whether it stays on this machine, and what URLs call it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HOST_MAX 64

/* "localhost" or a number, IPv6 without brackets. */
bool host_is_good(const char *host);
bool host_is_loopback(const char *host);
/* All addresses of this machine? */
bool host_is_any(const char *host);
/* Where clients reach what listens there: the address itself; "localhost" for the usual loopback one. For
 * all addresses it is "localhost" too, or, if `others` shall reach it, the first that leaves the machine. */
void host_public(const char *host, bool others, char out[HOST_MAX]);
