/* The frame and the look that all pages share. Text is escaped by markup_escape (proxy/base/encode.h). */
#pragma once

#include "proxy/base/buf.h"

/* The first character, upper-case if ASCII, escaped. */
void html_initial(struct buf *out, const char *text);
/* Everything up to the inside of the card. */
void html_begin(struct buf *out, const char *title);
void html_end_card(struct buf *out);
void html_end(struct buf *out);
