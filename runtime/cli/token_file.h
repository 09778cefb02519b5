/* The secret that an agent shows to an emulator: a file of one line, 0600. */
#pragma once

#include "proxy/base/err.h"
#include "runtime/cli/options.h"

/* $XDG_STATE_HOME/offstage, or ~/.local/state/offstage; the caller's. NULL with err if there is no home. */
char *state_home(struct err *err) MUST_CHECK;
/* --token-file, or `token` in state_home; the caller's. */
char *token_path(const struct options *o, struct err *err) MUST_CHECK;
/* The token in the file, which is made with a new one if it is missing. The caller's. A file that others
 * may read is refused. */
char *token_ensure(const char *path, struct err *err) MUST_CHECK;
/* For whoever connects: OFFSTAGE_TOKEN, else the file's. */
char *token_find(const struct options *o, struct err *err) MUST_CHECK;
