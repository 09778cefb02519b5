/* Which characters may stand where in the head of a message. */
#pragma once

#include "proxy/base/span.h"

enum http_char {
	HTTP_CHAR_TOKEN = 1, /* RFC 9110 section 5.6.2 */
	HTTP_CHAR_TARGET = 2, /* visible ASCII but '#', which begins what is never sent */
	HTTP_CHAR_HOST = 4, /* RFC 3986 section 3.2 without user information */
};

/* Is every one of them of that kind? True of none. */
bool http_chars_all(struct span s, enum http_char kind);
/* How many at the front are text: anything but control characters, tabs allowed (RFC 9110 section 5.5). */
size_t http_chars_text(struct span s);
