/* endpoints.json: where a running stage answers, for tools and for our own commands (design 4). */
#pragma once

#include "proxy/base/err.h"
#include "proxy/base/json.h"

/* The file's text from what the emulator answered (OUTPUTS): pid and stage are added, the functions'
 * secrets and settings are left out. */
void endpoints_write(struct buf *out, const cJSON *outputs, const char *stage, long pid);
/* Reads it; ERR_NOT_FOUND says that nothing runs and how to start it. A file whose process is gone (kill
 * -9) counts as none. The caller frees the tree. */
cJSON *endpoints_read(const char *path, const char *stage, struct err *err) MUST_CHECK;
