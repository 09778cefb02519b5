/* IAM's patterns: '*' is any run, '?' one character, everything else itself. A compiled pattern
 * is a row of symbols, so that substituted text never turns into a wildcard
 * (identity-and-auth.md 6.3). */
#pragma once

#include "proxy/base/arena.h"

#define GLOB_ANY 0x100 /* '*' */
#define GLOB_ONE 0x101 /* '?' */

struct glob {
	const uint16_t *at;
	size_t n;
};

/* Compiles text; wildcards false takes '*' and '?' as themselves. In the arena. */
struct glob glob_compile(struct arena *arena, struct span text, bool wildcards);
bool glob_match(struct glob g, struct span text, bool ignore_case);
/* Both in six colon-separated parts, each part matched by itself: the Arn* operators. */
bool glob_match_arn(struct glob g, struct span text);
