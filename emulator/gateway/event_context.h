/* requestContext in both payload formats, with who the caller is. Only for event.c. */
#pragma once

#include "emulator/gateway/event.h"

/* rawPath and http.path: decoded. The service's decoded path ends at a decoded '?' (reference 1.4). */
struct span event_path(const struct event_input *in);
/* Appends the member with a comma before it. */
void event_add_context_v2(const struct event_input *in, struct span path, struct buf *out);
void event_add_context_v1(const struct event_input *in, struct buf *out);
