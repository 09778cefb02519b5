/* Whole files, safely: reading with a ceiling, replacing in one step, private folders. */
#pragma once

#include "proxy/base/buf.h"
#include "proxy/base/err.h"

/* Appends the file to out (whose maximum is the ceiling). */
int file_read(const char *path, struct buf *out, struct err *err) MUST_CHECK;
/* Writes beside it and renames: readers see the old file or the new, never half of one. The
 * mode is that of the new file, whatever the umask. */
int file_replace(const char *path, struct span content, unsigned mode, struct err *err) MUST_CHECK;
/* mkdir -p with mode 0700 for what is new. */
int dir_make_private(const char *path, struct err *err) MUST_CHECK;
/* Removes a folder and all below it, never following links out of it. Missing is fine. */
int dir_remove(const char *path, struct err *err) MUST_CHECK;
