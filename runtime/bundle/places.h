/* What compilers say, with its places as a developer of the app writes them: "src/main.go:3:2: ...", below the app's
 * folder, wherever the compiler was run. */
#pragma once

#include "proxy/base/buf.h"

/* Copies `text` to `out` with its places below `app` instead of `cwd` (both absolute; cwd in app or beside it).
 * `first` gets the first error in one line, with its place if it has one; empty if nothing looks like an error. */
void places_copy(
	struct buf *out, struct buf *first, struct span text, const char *cwd, const char *app);
