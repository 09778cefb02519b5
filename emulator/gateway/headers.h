/* What the gateway knows about header names, and the query as pairs. */
#pragma once

#include "proxy/base/arena.h"
#include "proxy/net/http_server.h"

/* True for names that belong to one connection (RFC 9110 section 7.6.1, RFC 9112) and for Expect, which
 * the gateway itself answers: they pass neither to the integration nor back. */
bool header_is_hop_by_hop(struct span name);
/* True if the name is a token and the value holds no control character but a tab (RFC 9110
 * section 5.5): what a handler may put on the wire. */
bool header_is_sendable(struct span name, struct span value);
/* Go's canonical form, as the service writes names on HTTP/1.1 (reference 4.4): "myheader" ->
 * "Myheader", "x-api-key" -> "X-Api-Key". In the arena. */
struct span header_canonical(struct arena *arena, struct span name);
/* In the arena, ASCII lower case. */
struct span header_lower(struct arena *arena, struct span name);

/* Sorts in place by name (bytes), repeats in order of arrival. */
void pairs_sort(struct arena *arena, struct http_header *pairs, size_t n);
/* The query's pairs, percent-decoded with '+' as space, sorted by pairs_sort; a key without '=' has the
 * value "". Empty pieces are dropped. */
size_t query_pairs(struct arena *arena, struct span query, struct http_header **out);
/* Percent-decoded; the span itself if there is nothing to decode. */
struct span decoded(struct arena *arena, struct span text, bool plus);
