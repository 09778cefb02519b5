/* Whether somebody debugs: a debugger is a connection to the port that Node's inspector listens on. Linux. */
#pragma once

#include "proxy/base/span.h"

/* Whether a client is connected to this port of 127.0.0.1. */
bool debugger_attached(unsigned port);
/* The same in the text of /proc/net/tcp. */
bool debugger_listed(struct span table, unsigned port);
