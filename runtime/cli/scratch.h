/* A folder that lasts as long as the process: $TMPDIR/offstage-<pid>-<random>, 0700. Those whose process is
 * gone (killed before it could clean up) are removed when the next one is made. */
#pragma once

#include "proxy/base/err.h"

/* The path, or NULL with err. */
char *scratch_create(struct err *err) MUST_CHECK;
/* Removes the folder and frees the path. */
void scratch_destroy(char *path);
