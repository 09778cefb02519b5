/* What all event formats are made of: the headers as an integration sees them, maps with repeated names,
 * the body. Only for event.c and event_context.c. */
#pragma once

#include "emulator/gateway/event.h"
#include "proxy/base/json.h"

/* Appends a literal. */
#define EVENT_LIT(out, text) buf_add(out, "" text, sizeof(text) - 1)

/* Appends a literal that ends in a name and colon, then the string. */
#define EVENT_STR(out, lead, value)          \
	do {                                 \
		EVENT_LIT(out, lead);        \
		json_add_string(out, value); \
	} while (0)

/* The request's headers with those that the gateway adds or replaces (reference 2.2), lower case and
 * sorted by name; cookie stays in. In the request's arena. */
size_t event_headers(const struct event_input *in, struct http_header **out);
/* The number of pairs from `at` on that share its name. */
size_t event_group(const struct http_header *pairs, size_t n, size_t at);
/* The values with commas between them. */
struct span event_joined(struct arena *arena, const struct http_header *pairs, size_t n);

enum event_repeats {
	EVENT_JOINED,
	EVENT_LAST,
	EVENT_ALL
};

/* {"name":value,...} of sorted pairs: repeats joined by commas, the last one, or all as an array. */
void event_add_pairs(struct buf *out, struct arena *arena, const struct http_header *pairs,
	size_t n, enum event_repeats repeats);
void event_add_params(const struct event_input *in, struct buf *out);
void event_add_variables(const struct event_input *in, struct buf *out);
/* The body's value and the isBase64Encoded member after it. */
void event_add_body(const struct event_input *in, struct buf *out);
