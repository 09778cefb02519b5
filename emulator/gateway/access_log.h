/* One line of an access log in the stage's format (reference api-gateway.md section 10). */
#pragma once

#include "emulator/gateway/context.h"

/* Appends the format with every $context.NAME replaced by its value, "-" for what is unset. Control
 * characters in values become blanks, so that a request cannot make lines of its own. */
void access_log_write(struct buf *out, const char *format, const struct context *c);
