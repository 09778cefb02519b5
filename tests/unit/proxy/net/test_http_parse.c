#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/base/buf.h"
#include "parse_transcript.h"

#define MAX_HEAD 1024
#define MAX_BODY 100

/* The transcript of `bytes`, which must be the same for every cut. */
static void assert_transcript(struct span bytes, const char *want)
{
	struct buf whole = BUF_INIT(1 << 20);
	transcript(&whole, bytes, bytes.len, MAX_HEAD, MAX_BODY);
	if (want) {
		assert_string_equal(buf_cstr(&whole), want);
	}
	for (size_t cut = 1; cut < bytes.len && cut < 80; cut++) {
		struct buf cutted = BUF_INIT(1 << 20);
		transcript(&cutted, bytes, cut, MAX_HEAD, MAX_BODY);
		assert_string_equal(buf_cstr(&cutted), buf_cstr(&whole));
		buf_fini(&cutted);
	}
	buf_fini(&whole);
}

#define ASSERT_TRANSCRIPT(bytes, want) assert_transcript(SPAN(bytes), want)

static void reads_a_request_without_body(void **state)
{
	(void)state;
	ASSERT_TRANSCRIPT(
		"GET /a%2Fb?x=%20 HTTP/1.1\r\nHost: h:1\r\nX-Empty:\r\nx-a:  v w \t\r\n\r\n",
		"HEAD GET /a%2Fb?x=%20 1.1 keep 3\n Host=h:1\n X-Empty=\n x-a=v w\nEND 0\nMORE\n");
}

static void reads_pipelined_requests(void **state)
{
	(void)state;
	ASSERT_TRANSCRIPT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
			  "GET /2 HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n",
		"HEAD POST / 1.1 keep 2\n Host=h\n Content-Length=3\nBODY abc\nEND 0\n"
		"HEAD GET /2 1.1 close 2\n Host=h\n Connection=x, Close\nEND 0\nMORE\n");
}

static void reads_chunks_and_trailers(void **state)
{
	(void)state;
	ASSERT_TRANSCRIPT("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
			  "3\r\nabc\r\n00A;x=\"y\";z\r\n0123456789\r\n0\r\nT: 1\r\nU:2\r\n\r\n",
		"HEAD PUT / 1.1 keep 2\n Host=h\n Transfer-Encoding=Chunked\n"
		"BODY abc0123456789\nEND 2\n T=1\n U=2\nMORE\n");
}

static void http_1_0_closes_unless_asked(void **state)
{
	(void)state;
	ASSERT_TRANSCRIPT("GET / HTTP/1.0\r\n\r\n", "HEAD GET / 1.0 close 0\nEND 0\nMORE\n");
	ASSERT_TRANSCRIPT("GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n",
		"HEAD GET / 1.0 keep 1\n connection=Keep-Alive\nEND 0\nMORE\n");
}

static void absolute_target_replaces_host(void **state)
{
	(void)state;
	ASSERT_TRANSCRIPT("GET http://a.example:8/p?q HTTP/1.1\r\nHost: b\r\n\r\n",
		"HEAD GET /p?q 1.1 keep 1\n Host=a.example:8\nEND 0\nMORE\n");
	ASSERT_TRANSCRIPT("GET http://a?q HTTP/1.1\r\nHost: b\r\n\r\n",
		"HEAD GET /?q 1.1 keep 1\n Host=a\nEND 0\nMORE\n");
}

static void one_empty_line_before_a_request_is_passed_over(void **state)
{
	(void)state;
	ASSERT_TRANSCRIPT("\r\nGET / HTTP/1.0\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n",
		"HEAD GET / 1.0 close 0\nEND 0\nHEAD GET / 1.0 close 0\nEND 0\nMORE\n");
	ASSERT_TRANSCRIPT(
		"\r\n\r\nGET / HTTP/1.0\r\n\r\n", "BAD 0 empty lines before the request\n");
}

static void path_and_query_are_views_of_the_target(void **state)
{
	(void)state;
	struct http_parse p;
	http_parse_init(&p, MAX_HEAD, MAX_BODY);
	struct http_request r = { .arena = arena_create() };
	struct span in = SPAN("GET /a?b?c HTTP/1.1\r\nHost: h\r\n\r\nrest");
	assert_int_equal(http_parse_next(&p, &in, &r), HTTP_PARSE_HEAD);
	assert_true(span_is(r.path, "/a"));
	assert_true(span_is(r.query, "b?c"));
	assert_int_equal(r.head_size, 32);
	assert_false(r.has_body);
	assert_true(span_is(in, "rest"));
	assert_int_equal(http_parse_next(&p, &in, &r), HTTP_PARSE_END);
	assert_true(http_parse_idle(&p));
	assert_int_equal(http_parse_next(&p, &in, &r), HTTP_PARSE_MORE);
	assert_false(http_parse_idle(&p));
	arena_destroy(r.arena);
	http_parse_fini(&p);
}

static void sees_what_the_client_expects(void **state)
{
	(void)state;
	struct http_parse p;
	http_parse_init(&p, MAX_HEAD, MAX_BODY);
	struct http_request r = { .arena = arena_create() };
	struct span in = SPAN("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n"
			      "Content-Length: 0\r\n\r\n"
			      "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n"
			      "Upgrade: h2c, WebSocket\r\n\r\n");
	assert_int_equal(http_parse_next(&p, &in, &r), HTTP_PARSE_HEAD);
	assert_true(p.expect_continue);
	assert_false(p.websocket);
	assert_int_equal(http_parse_next(&p, &in, &r), HTTP_PARSE_END);
	assert_int_equal(http_parse_next(&p, &in, &r), HTTP_PARSE_HEAD);
	assert_false(p.expect_continue);
	assert_true(p.websocket);
	arena_destroy(r.arena);
	http_parse_fini(&p);
}

/* --- what is refused --------------------------------------------------------------------------- */

struct refusal {
	const char *name;
	struct span bytes;
	enum http_fault fault;
};

#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define MALFORMED HTTP_FAULT_MALFORMED

static const struct refusal refusals[] = {
	/* framing that two readers could take differently */
	{ "length and chunked",
		SPAN(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), MALFORMED },
	{ "chunked and length",
		SPAN(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"), MALFORMED },
	{ "two lengths", SPAN(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n"), MALFORMED },
	{ "the same length twice", SPAN(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n"),
		MALFORMED },
	{ "length list", SPAN(POST "Content-Length: 3, 3\r\n\r\n"), MALFORMED },
	{ "signed length", SPAN(POST "Content-Length: +3\r\n\r\n"), MALFORMED },
	{ "negative length", SPAN(POST "Content-Length: -1\r\n\r\n"), MALFORMED },
	{ "hex length", SPAN(POST "Content-Length: 0x3\r\n\r\n"), MALFORMED },
	{ "length with a blank", SPAN(POST "Content-Length: 1 2\r\n\r\n"), MALFORMED },
	{ "empty length", SPAN(POST "Content-Length:\r\n\r\n"), MALFORMED },
	{ "overflowing length", SPAN(POST "Content-Length: 18446744073709551619\r\n\r\n"),
		MALFORMED },
	{ "unknown coding", SPAN(POST "Transfer-Encoding: gzip\r\n\r\n"), MALFORMED },
	{ "coding list", SPAN(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"), MALFORMED },
	{ "chunked not last", SPAN(POST "Transfer-Encoding: chunked, identity\r\n\r\n"),
		MALFORMED },
	{ "chunked twice",
		SPAN(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"
			  "\r\n"),
		MALFORMED },
	{ "chunked with a vertical tab", SPAN(POST "Transfer-Encoding: \vchunked\r\n\r\n"),
		MALFORMED },
	{ "quoted chunked", SPAN(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"), MALFORMED },
	{ "chunked on 1.0", SPAN("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
		MALFORMED },
	/* lines */
	{ "blank before the colon", SPAN(POST "Content-Length : 3\r\n\r\n"), MALFORMED },
	{ "tab before the colon", SPAN(POST "Transfer-Encoding\t: chunked\r\n\r\n"), MALFORMED },
	{ "folded line", SPAN(GET "X: a\r\n b\r\n\r\n"), MALFORMED },
	{ "folded first line", SPAN("GET / HTTP/1.1\r\n Host: h\r\n\r\n"), MALFORMED },
	{ "bare LF", SPAN("GET / HTTP/1.1\nHost: h\n\n"), MALFORMED },
	{ "bare LF after a header", SPAN(GET "X: a\nY: b\r\n\r\n"), MALFORMED },
	{ "bare CR", SPAN(GET "X: a\rY: b\r\n\r\n"), MALFORMED },
	{ "CR CR LF", SPAN(GET "X: a\r\r\n\r\n"), MALFORMED },
	{ "NUL in a value", SPAN(GET "X: a\0b\r\n\r\n"), MALFORMED },
	{ "control character in a value", SPAN(GET "X: a\1b\r\n\r\n"), MALFORMED },
	{ "no colon", SPAN(GET "X\r\n\r\n"), MALFORMED },
	{ "no name", SPAN(GET ": x\r\n\r\n"), MALFORMED },
	{ "blank in a name", SPAN(GET "X Y: x\r\n\r\n"), MALFORMED },
	{ "non-ASCII name", SPAN(GET "X\xc3\xa4: x\r\n\r\n"), MALFORMED },
	/* the request line */
	{ "two blanks", SPAN("GET  / HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "trailing blank", SPAN("GET / HTTP/1.1 \r\nHost: h\r\n\r\n"), MALFORMED },
	{ "tab as blank", SPAN("GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "unknown method", SPAN("FOO / HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "lower-case method", SPAN("get / HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "method with a colon", SPAN("GE:T / HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "CONNECT", SPAN("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "RTSP method", SPAN("SETUP / HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "no version", SPAN("GET /\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "lower-case version", SPAN("GET / http/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "long version", SPAN("GET / HTTP/1.10\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "HTTP/2", SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HTTP_FAULT_VERSION },
	{ "HTTP/0.9", SPAN("GET / HTTP/0.9\r\n\r\n"), HTTP_FAULT_VERSION },
	{ "HTTP/1.2", SPAN("GET / HTTP/1.2\r\nHost: h\r\n\r\n"), HTTP_FAULT_VERSION },
	/* targets and hosts */
	{ "relative target", SPAN("GET a HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "asterisk but not OPTIONS", SPAN("GET * HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "fragment", SPAN("GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "non-ASCII target", SPAN("GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "foreign scheme", SPAN("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "user in authority", SPAN("GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "no authority", SPAN("GET http:///p HTTP/1.1\r\nHost: h\r\n\r\n"), MALFORMED },
	{ "no Host", SPAN("GET / HTTP/1.1\r\n\r\n"), MALFORMED },
	{ "two Hosts", SPAN(GET "host: h\r\n\r\n"), MALFORMED },
	{ "two Hosts on 1.0", SPAN("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), MALFORMED },
	{ "Host with a path", SPAN("GET / HTTP/1.1\r\nHost: h/x\r\n\r\n"), MALFORMED },
	{ "Host list", SPAN("GET / HTTP/1.1\r\nHost: h, i\r\n\r\n"), MALFORMED },
	/* chunks */
	{ "chunk size with sign", SPAN(CHUNKED "+1\r\na\r\n0\r\n\r\n"), MALFORMED },
	{ "chunk size with 0x", SPAN(CHUNKED "0x1\r\na\r\n0\r\n\r\n"), MALFORMED },
	{ "blank before chunk size", SPAN(CHUNKED " 1\r\na\r\n0\r\n\r\n"), MALFORMED },
	{ "blank after chunk size", SPAN(CHUNKED "1 \r\na\r\n0\r\n\r\n"), MALFORMED },
	{ "empty chunk size", SPAN(CHUNKED "\r\na\r\n0\r\n\r\n"), MALFORMED },
	{ "only an extension", SPAN(CHUNKED ";a\r\n"), MALFORMED },
	{ "chunk size too long", SPAN(CHUNKED "000000001\r\n"), MALFORMED },
	{ "chunk size with LF", SPAN(CHUNKED "1\na\r\n0\r\n\r\n"), MALFORMED },
	{ "chunk size with CR and more", SPAN(CHUNKED "1\ra\r\n0\r\n\r\n"), MALFORMED },
	{ "CR in an extension", SPAN(CHUNKED "1;a\rb\r\na\r\n0\r\n\r\n"), MALFORMED },
	{ "LF in an extension", SPAN(CHUNKED "1;a\nb\r\na\r\n0\r\n\r\n"), MALFORMED },
	{ "chunk longer than said", SPAN(CHUNKED "1\r\nab\r\n0\r\n\r\n"), MALFORMED },
	{ "chunk ended by LF", SPAN(CHUNKED "1\r\na\n0\r\n\r\n"), MALFORMED },
	{ "chunk ended by CR only", SPAN(CHUNKED "1\r\na\r0\r\n\r\n"), MALFORMED },
	{ "trailer without colon", SPAN(CHUNKED "0\r\nX\r\n\r\n"), MALFORMED },
	{ "trailer with blank before colon", SPAN(CHUNKED "0\r\nX : y\r\n\r\n"), MALFORMED },
	{ "trailer with control character", SPAN(CHUNKED "0\r\nX: \1\r\n\r\n"), MALFORMED },
	{ "folded trailer", SPAN(CHUNKED "0\r\nX: y\r\n z\r\n\r\n"), MALFORMED },
	{ "trailers ended by LF", SPAN(CHUNKED "0\r\n\n"), MALFORMED },
	/* sizes */
	{ "length above the limit", SPAN(POST "Content-Length: 101\r\n\r\n"),
		HTTP_FAULT_BODY_TOO_LARGE },
	{ "chunk above the limit", SPAN(CHUNKED "65\r\n"), HTTP_FAULT_BODY_TOO_LARGE },
	{ "huge chunk", SPAN(CHUNKED "ffffffff\r\n"), HTTP_FAULT_BODY_TOO_LARGE },
	{ "not HTTP at all", SPAN("\x16\x03\x01\x00\xf4"), MALFORMED },
};

static void assert_refused(const struct refusal *r)
{
	struct buf out = BUF_INIT(1 << 20);
	transcript(&out, r->bytes, r->bytes.len, MAX_HEAD, MAX_BODY);
	char want[16];
	snprintf(want, sizeof want, "BAD %d ", (int)r->fault);
	const char *bad = strstr(buf_cstr(&out), "BAD ");
	if (!bad || strncmp(bad, want, strlen(want)) != 0) {
		fail_msg("%s: wanted '%s', got:\n%s", r->name, want, buf_cstr(&out));
	}
	buf_fini(&out);
	assert_transcript(r->bytes, NULL);
}

static void refuses_every_odd_shape(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		assert_refused(&refusals[i]);
	}
}

static void assert_filled(
	const char *start, const char *fill, size_t times, const char *end, const char *last_event)
{
	struct buf b = BUF_INIT(1 << 20);
	buf_add_str(&b, start);
	for (size_t i = 0; i < times; i++) {
		buf_add_str(&b, fill);
	}
	buf_add_str(&b, end);
	struct buf out = BUF_INIT(1 << 20);
	transcript(&out, buf_span(&b), b.len, 16 * MAX_HEAD, MAX_BODY);
	if (!strstr(buf_cstr(&out), last_event)) {
		fail_msg("wanted '%s', got:\n%s", last_event, buf_cstr(&out));
	}
	buf_fini(&out);
	buf_fini(&b);
}

static void counts_headers_and_bytes(void **state)
{
	(void)state;
	assert_filled(GET, "a: b\r\n", 199, "\r\n", "END");
	assert_filled(GET, "a: b\r\n", 200, "\r\n", "BAD 3 too many headers");
	assert_filled(GET "a: ", "0123456789abcdef", 1024, "\r\n\r\n", "BAD 3 head too large");
	assert_filled(CHUNKED "1;", "x", 256, "\r\na\r\n0\r\n\r\n", "END");
	assert_filled(CHUNKED "1;", "x", 257, "\r\na\r\n0\r\n\r\n", "BAD 0 chunk extension");
	assert_filled(CHUNKED, "1\r\na\r\n", 100, "0\r\n\r\n", "END");
	assert_filled(CHUNKED, "1\r\na\r\n", 101, "0\r\n\r\n", "BAD 2");
}

static void a_head_of_exactly_the_limit_passes(void **state)
{
	(void)state;
	struct span head = SPAN("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	for (size_t cut = 1; cut <= head.len; cut++) {
		struct buf out = BUF_INIT(4096);
		transcript(&out, head, cut, head.len, 0);
		assert_non_null(strstr(buf_cstr(&out), "END"));
		buf_clear(&out);
		transcript(&out, head, cut, head.len - 1, 0);
		assert_string_equal(buf_cstr(&out), "BAD 3 head too large\n");
		buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_request_without_body),
		cmocka_unit_test(reads_pipelined_requests),
		cmocka_unit_test(reads_chunks_and_trailers),
		cmocka_unit_test(http_1_0_closes_unless_asked),
		cmocka_unit_test(absolute_target_replaces_host),
		cmocka_unit_test(one_empty_line_before_a_request_is_passed_over),
		cmocka_unit_test(path_and_query_are_views_of_the_target),
		cmocka_unit_test(sees_what_the_client_expects),
		cmocka_unit_test(refuses_every_odd_shape),
		cmocka_unit_test(counts_headers_and_bytes),
		cmocka_unit_test(a_head_of_exactly_the_limit_passes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
