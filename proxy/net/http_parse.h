/* HTTP/1.1 requests from bytes: head, body, trailers. Pure: bytes in, one event out per call, and
 * nothing is called back, so the caller may stop between any two events. The only user of llhttp.
 *
 * Strict as http_server.h says. The events are the same however the bytes are cut into pieces
 * (body pieces apart, whose bytes are). After HTTP_PARSE_BAD the parser says BAD for ever. */
#pragma once

#include "proxy/base/buf.h"
#include "proxy/net/http_server.h"

enum http_parse_event {
	HTTP_PARSE_MORE, /* `in` is used up, more bytes are needed */
	HTTP_PARSE_HEAD, /* the request is filled in; body pieces and END follow */
	HTTP_PARSE_BODY, /* `piece` is the next part of the body: a view into `in` */
	HTTP_PARSE_END, /* the request is complete, `trailers` are known */
	HTTP_PARSE_BAD, /* `fault` and `detail` say why */
};

enum http_parse_state {
	HTTP_PARSE_IN_HEAD,
	HTTP_PARSE_IN_LENGTH,
	HTTP_PARSE_IN_CHUNK_SIZE,
	HTTP_PARSE_IN_CHUNK_EXTENSION,
	HTTP_PARSE_IN_CHUNK_SIZE_LF,
	HTTP_PARSE_IN_CHUNK_DATA,
	HTTP_PARSE_IN_CHUNK_CR,
	HTTP_PARSE_IN_CHUNK_LF,
	HTTP_PARSE_IN_TRAILERS,
	HTTP_PARSE_AT_END,
	HTTP_PARSE_IS_BAD,
};

/* Embedded in its connection. */
struct http_parse {
	/* Of the request whose HEAD came last. */
	bool keep_alive; /* by version and Connection: RFC 9112 section 9.3 */
	bool expect_continue; /* Expect: 100-continue on HTTP/1.1 */
	bool websocket; /* a GET without body that asks for Upgrade: websocket */
	struct span head; /* its bytes, in the request's arena */
	/* Of the event returned last. */
	struct span piece;
	const struct http_header *trailers; /* in the request's arena */
	size_t n_trailers;
	enum http_fault fault;
	const char *detail;

	/* Private. */
	enum http_parse_state state;
	size_t max_head, max_body;
	struct buf held; /* an unfinished head or trailer section */
	size_t lines; /* of the head or trailer section so far */
	size_t line_len;
	bool cr; /* the last byte was CR */
	bool skipped; /* one empty line before the request line has been passed over */
	uint64_t left; /* of the body, or of the current chunk */
	uint64_t body_len; /* so far, chunked */
	unsigned digits, extension; /* of the current chunk size; bytes of its extension */
};

void http_parse_init(struct http_parse *p, size_t max_head, size_t max_body);
void http_parse_fini(struct http_parse *p);
/* Takes bytes off the front of *in up to the next event. `req` belongs to the caller and stays the
 * same from the first byte of a request to its END; req->arena is set and holds what is parsed. */
enum http_parse_event http_parse_next(
	struct http_parse *p, struct span *in, struct http_request *req);
/* Between two requests: no byte of the next one has come. */
bool http_parse_idle(const struct http_parse *p);
