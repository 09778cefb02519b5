/* Is the Host header one of ours? A page of another site whose name was made to point at this
 * machine (DNS rebinding) shows by its name. */
#pragma once

#include "proxy/base/span.h"

/* localhost and the loopback addresses, with any port. With `extra`, the --host value, also
 * that name and any numeric address, which no DNS answer can forge. */
bool host_is_ours(struct span host, const char *extra);
