/* Base64, base64url, hex, percent-encoding and markup. Decoders are strict: what a strict encoder would
 * not have written is refused, since two spellings of one token is how checks are slipped by. */
#pragma once

#include "proxy/base/buf.h"

void base64_encode(struct buf *out, struct span in);
/* Standard alphabet with padding (RFC 4648 section 4); false on any other character, wrong
 * length or non-zero unused bits. Appends to out. */
bool base64_decode(struct buf *out, struct span in) __attribute__((warn_unused_result));
/* Without padding (RFC 4648 section 5, RFC 7515 appendix C). */
void base64url_encode(struct buf *out, struct span in);
bool base64url_decode(struct buf *out, struct span in) __attribute__((warn_unused_result));
/* Lower-case. */
void hex_encode(struct buf *out, struct span in);

/* Percent-encodes all but A-Z a-z 0-9 - . _ ~ and the characters in `keep`; upper-case hex
 * (RFC 3986 section 2). */
void percent_encode(struct buf *out, struct span in, const char *keep);
/* Decodes %XX (and, if plus, '+' to a space). A malformed escape stays as it stands and makes
 * the result false; everything is appended either way. */
bool percent_decode(struct buf *out, struct span in, bool plus);
/* Text as content and quoted attributes of HTML and XML; other characters go as they are. */
void markup_escape(struct buf *out, const char *text);
/* Length of the well-formed sequence that s begins with (Unicode table 3-7), or 0. s is not empty. */
size_t utf8_sequence(struct span s);
/* True if every byte sequence is UTF-8 without surrogates, overlong forms or > U+10FFFF. */
bool utf8_valid(struct span s);
