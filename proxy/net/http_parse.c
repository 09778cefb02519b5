/* The head is collected until its empty line and then read in one go: by llhttp, under our own
 * checks, because a version of llhttp accepts what the next one calls a smuggling hole. Chunk
 * framing is read here: llhttp 8.1 bounds no chunk extension and is lax about the line ends
 * between chunks.
 *
 *   HEAD --> LENGTH -----------------------------------------.
 *     |`---> CHUNK_SIZE -> [EXTENSION] -> SIZE_LF -> DATA     |
 *     |          ^                          |         |       v
 *     |          `--- CHUNK_LF <- CHUNK_CR <|---------'    AT_END --> HEAD
 *     |                                     `-> TRAILERS ---> ^
 *     `-------------------------------------------------------'        anywhere --> BAD  */
#include "proxy/net/http_parse.h"

#include <llhttp.h>

#include "proxy/base/alloc.h"
#include "proxy/net/http_chars.h"

#define HEADERS_MAX 200
/* A chunk of 16^8 bytes is above every limit we have. */
#define CHUNK_DIGITS_MAX 8
#define CHUNK_EXTENSION_MAX 256

void http_parse_init(struct http_parse *p, size_t max_head, size_t max_body)
{
	*p = (struct http_parse){ .max_head = max_head, .max_body = max_body };
	buf_init(&p->held, max_head);
}

void http_parse_fini(struct http_parse *p)
{
	buf_fini(&p->held);
}

bool http_parse_idle(const struct http_parse *p)
{
	return p->state == HTTP_PARSE_IN_HEAD && p->held.len == 0 && !p->cr;
}

static enum http_parse_event bad(struct http_parse *p, enum http_fault fault, const char *detail)
{
	p->state = HTTP_PARSE_IS_BAD;
	p->fault = fault;
	p->detail = detail;
	return HTTP_PARSE_BAD;
}

static enum http_parse_event malformed(struct http_parse *p, const char *detail)
{
	return bad(p, HTTP_FAULT_MALFORMED, detail);
}

static bool is_token(struct span s)
{
	return s.len && http_chars_all(s, HTTP_CHAR_TOKEN);
}

/* Is `token` an element of the comma-separated list? */
static bool list_has(struct span list, struct span token)
{
	while (list.ptr) {
		if (span_ieq(span_trim(span_cut(&list, ',')), token)) {
			return true;
		}
	}
	return false;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Looks at the bytes of a head or trailer section; *used says how many belong to it. Returns END
 * after the empty line that closes it, else MORE or BAD. */
static enum http_parse_event scan_lines(struct http_parse *p, struct span in, size_t *used)
{
	size_t room = p->max_head - p->held.len;
	size_t n = in.len < room ? in.len : room;
	for (size_t i = 0; i < n;) {
		if (p->cr) {
			if (in.ptr[i++] != '\n') {
				return malformed(p, "CR without LF");
			}
			p->cr = false;
			if (p->line_len == 0) {
				*used = i;
				return HTTP_PARSE_END;
			}
			p->lines++;
			p->line_len = 0;
			continue;
		}
		if (p->line_len == 0 && (in.ptr[i] == ' ' || in.ptr[i] == '\t')) {
			return malformed(p, "line starts with a blank");
		}
		size_t text = http_chars_text(span_n(in.ptr + i, n - i));
		p->line_len += text;
		i += text;
		if (i == n) {
			break;
		}
		char c = in.ptr[i++];
		if (c != '\r') {
			return malformed(
				p, c == '\n' ? "LF without CR" : "control character in the head");
		}
		p->cr = true;
	}
	*used = n;
	if (n == room) {
		return bad(p, HTTP_FAULT_HEAD_TOO_LARGE, "head too large");
	}
	return HTTP_PARSE_MORE;
}

/* As scan_lines, but hands out the whole section once it is complete: a view into `in` if it came
 * in one piece, else into `held`, which the caller clears. */
static enum http_parse_event collect_lines(
	struct http_parse *p, struct span *in, struct span *section)
{
	size_t used = 0;
	enum http_parse_event ev = scan_lines(p, *in, &used);
	if (ev == HTTP_PARSE_BAD) {
		return ev;
	}
	struct span piece = span_n(in->ptr, used);
	in->ptr += used;
	in->len -= used;
	if (ev == HTTP_PARSE_END && p->held.len == 0) {
		*section = piece;
		return ev;
	}
	buf_add_span(&p->held, piece);
	*section = buf_span(&p->held);
	return ev;
}

/* Ready for the next section. */
static void forget_lines(struct http_parse *p)
{
	buf_clear(&p->held);
	p->lines = p->line_len = 0;
	p->cr = false;
}

/* One "Name: value" line without its CRLF. RFC 9112 section 5: no blank before the colon. */
static bool split_header(struct span line, struct http_header *h)
{
	ptrdiff_t colon = span_find(line, ':');
	if (colon < 0) {
		return false;
	}
	h->name = span_n(line.ptr, (size_t)colon);
	h->value = span_trim(span_n(line.ptr + colon + 1, line.len - (size_t)colon - 1));
	return is_token(h->name);
}

/* --- the head ---------------------------------------------------------------------------------- */

struct head_reader {
	struct http_header *headers;
	size_t n, max;
};

/* llhttp may report one name or value in several neighbouring parts. */
static void grow_to(struct span *s, const char *at, size_t n)
{
	s->ptr = s->ptr ? s->ptr : at;
	s->len = (size_t)(at + n - s->ptr);
}

static int on_name(llhttp_t *parser, const char *at, size_t n)
{
	struct head_reader *r = parser->data;
	if (r->n == r->max) {
		return HPE_USER;
	}
	grow_to(&r->headers[r->n].name, at, n);
	return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t n)
{
	struct head_reader *r = parser->data;
	grow_to(&r->headers[r->n].value, at, n);
	return 0;
}

static int on_value_complete(llhttp_t *parser)
{
	struct head_reader *r = parser->data;
	r->headers[r->n].value = span_trim(r->headers[r->n].value);
	r->n++;
	return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

static const llhttp_settings_t head_settings = {
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_header_value_complete = on_value_complete,
	.on_headers_complete = on_headers_complete,
};

/* "METHOD SP target SP HTTP/x.y", nothing more or less: RFC 9112 section 3. */
static enum http_parse_event read_request_line(struct http_parse *p, struct http_request *req)
{
	struct span lines = p->head;
	struct span rest = span_cut(&lines, '\r');
	req->method = span_cut(&rest, ' ');
	struct span target = span_cut(&rest, ' ');
	if (!is_token(req->method) || target.len == 0 || rest.len != 8 ||
		memcmp(rest.ptr, "HTTP/", 5) != 0 || rest.ptr[6] != '.' || rest.ptr[5] < '0' ||
		rest.ptr[5] > '9' || rest.ptr[7] < '0' || rest.ptr[7] > '9') {
		return malformed(p, "bad request line");
	}
	if (rest.ptr[5] != '1' || rest.ptr[7] > '1') {
		return bad(p, HTTP_FAULT_VERSION, "HTTP version is neither 1.0 nor 1.1");
	}
	req->target = target;
	req->minor = rest.ptr[7] - '0';
	return http_chars_all(target, HTTP_CHAR_TARGET)
		       ? HTTP_PARSE_HEAD
		       : malformed(p, "bad character in the request target");
}

static enum http_parse_event read_head(struct http_parse *p, struct http_request *req)
{
	enum http_parse_event ev = read_request_line(p, req);
	if (ev != HTTP_PARSE_HEAD) {
		return ev;
	}
	struct head_reader reader = { .max = p->lines - 1 };
	if (reader.max > HEADERS_MAX) {
		return bad(p, HTTP_FAULT_HEAD_TOO_LARGE, "too many headers");
	}
	reader.headers = arena_alloc(req->arena, (reader.max + 1) * sizeof *reader.headers);
	llhttp_t parser;
	llhttp_init(&parser, HTTP_REQUEST, &head_settings);
	parser.data = &reader;
	llhttp_errno_t rc = llhttp_execute(&parser, p->head.ptr, p->head.len);
	if (rc != HPE_PAUSED) {
		const char *reason = llhttp_get_error_reason(&parser);
		return malformed(p, reason && *reason ? reason : llhttp_errno_name(rc));
	}
	/* RTSP and HTTP/2 prefaces are llhttp's business, not ours; tunnels are not offered. */
	if (parser.method == HTTP_CONNECT || parser.method >= HTTP_SOURCE) {
		return malformed(p, "method not supported");
	}
	if (reader.n != reader.max) {
		return malformed(p, "not every line is a header");
	}
	req->headers = reader.headers;
	req->n_headers = reader.n;
	req->head_size = p->head.len;
	return HTTP_PARSE_HEAD;
}

/* http://authority/path: the authority replaces Host (RFC 9112 section 3.2.2). */
static bool reduce_absolute(struct http_request *req, struct http_header *host)
{
	struct span rest = req->target;
	size_t scheme = span_starts(rest, SPAN("http://"))    ? 7
			: span_starts(rest, SPAN("https://")) ? 8
							      : 0;
	if (scheme == 0) {
		return false;
	}
	size_t end = scheme;
	while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?') {
		end++;
	}
	struct span authority = span_n(rest.ptr + scheme, end - scheme);
	if (authority.len == 0 || !http_chars_all(authority, HTTP_CHAR_HOST)) {
		return false;
	}
	if (host) {
		host->value = authority;
	}
	struct span path = span_n(rest.ptr + end, rest.len - end);
	req->target = path.len && path.ptr[0] == '/'
			      ? path
			      : span_of(arena_printf(req->arena, "/%.*s", SPAN_ARG(path)));
	return true;
}

static bool read_target(struct http_request *req, struct http_header *host)
{
	if (span_is(req->target, "*")) {
		if (!span_is(req->method, "OPTIONS")) {
			return false;
		}
	} else if (req->target.ptr[0] != '/' && !reduce_absolute(req, host)) {
		return false;
	}
	struct span rest = req->target;
	req->path = span_cut(&rest, '?');
	req->query = rest;
	return true;
}

/* What the headers say about the message itself. */
struct framing {
	struct http_header *host;
	struct span length, coding, expect, upgrade;
	unsigned hosts, lengths, codings;
	bool close, keep_alive, wants_upgrade;
};

static bool read_framing_header(struct framing *f, struct http_header *h)
{
	if (!is_token(h->name)) {
		return false;
	}
	switch (h->name.len) {
	case 4:
		if (span_ieq(h->name, SPAN("host"))) {
			f->hosts++;
			f->host = h;
		}
		break;
	case 6:
		if (span_ieq(h->name, SPAN("expect"))) {
			f->expect = h->value;
		}
		break;
	case 7:
		if (span_ieq(h->name, SPAN("upgrade"))) {
			f->upgrade = h->value;
		}
		break;
	case 10:
		if (span_ieq(h->name, SPAN("connection"))) {
			f->close |= list_has(h->value, SPAN("close"));
			f->keep_alive |= list_has(h->value, SPAN("keep-alive"));
			f->wants_upgrade |= list_has(h->value, SPAN("upgrade"));
		}
		break;
	case 14:
		if (span_ieq(h->name, SPAN("content-length"))) {
			f->lengths++;
			f->length = h->value;
		}
		break;
	case 17:
		if (span_ieq(h->name, SPAN("transfer-encoding"))) {
			f->codings++;
			f->coding = h->value;
		}
		break;
	default:
		break;
	}
	return true;
}

/* RFC 9112 section 6.3, and never a guess: whatever two readers could take differently is bad. */
static enum http_parse_event choose_body(
	struct http_parse *p, struct http_request *req, const struct framing *f)
{
	p->left = p->body_len = 0;
	p->state = HTTP_PARSE_AT_END;
	if (f->codings) {
		if (f->lengths || f->codings > 1 || req->minor == 0 ||
			!span_ieq(f->coding, SPAN("chunked"))) {
			return malformed(p, "bad Transfer-Encoding");
		}
		p->state = HTTP_PARSE_IN_CHUNK_SIZE;
		p->digits = p->extension = 0;
	} else if (f->lengths) {
		if (f->lengths > 1 || !span_u64(f->length, INT64_MAX, &p->left)) {
			return malformed(p, "bad Content-Length");
		}
		if (p->left > p->max_body) {
			return bad(p, HTTP_FAULT_BODY_TOO_LARGE, "Content-Length above the limit");
		}
		if (p->left) {
			p->state = HTTP_PARSE_IN_LENGTH;
		}
	}
	req->has_body = p->state != HTTP_PARSE_AT_END;
	return HTTP_PARSE_HEAD;
}

static enum http_parse_event check_head(struct http_parse *p, struct http_request *req)
{
	struct framing f = { 0 };
	struct http_header *headers = (struct http_header *)(uintptr_t)req->headers;
	for (size_t i = 0; i < req->n_headers; i++) {
		if (!read_framing_header(&f, &headers[i])) {
			return malformed(p, "bad header name");
		}
	}
	/* RFC 9112 section 3.2. */
	if (f.hosts > 1 || (f.hosts == 0 && req->minor > 0)) {
		return malformed(p, f.hosts ? "more than one Host" : "no Host");
	}
	if (f.host && !http_chars_all(f.host->value, HTTP_CHAR_HOST)) {
		return malformed(p, "bad Host");
	}
	if (!read_target(req, f.host)) {
		return malformed(p, "bad request target");
	}
	p->keep_alive = !f.close && (req->minor > 0 || f.keep_alive);
	p->expect_continue =
		req->minor > 0 && f.expect.ptr && span_ieq(f.expect, SPAN("100-continue"));
	enum http_parse_event ev = choose_body(p, req, &f);
	p->websocket = req->minor > 0 && f.wants_upgrade && !req->has_body &&
		       span_is(req->method, "GET") && f.upgrade.ptr &&
		       list_has(f.upgrade, SPAN("websocket"));
	return ev;
}

static enum http_parse_event next_head(
	struct http_parse *p, struct span *in, struct http_request *req)
{
	struct span section;
	enum http_parse_event ev = collect_lines(p, in, &section);
	if (ev != HTTP_PARSE_END) {
		return ev;
	}
	/* One empty line before the request line: some clients end a body with it (RFC 9112
	 * section 2.2). */
	if (p->lines == 0) {
		if (p->skipped) {
			return malformed(p, "empty lines before the request");
		}
		p->skipped = true;
		forget_lines(p);
		return next_head(p, in, req);
	}
	p->head = arena_span(req->arena, section);
	p->trailers = NULL;
	p->n_trailers = 0;
	ev = read_head(p, req);
	if (ev == HTTP_PARSE_HEAD) {
		ev = check_head(p, req);
	}
	forget_lines(p);
	p->skipped = false;
	return ev;
}

/* --- the body ---------------------------------------------------------------------------------- */

static enum http_parse_event next_piece(
	struct http_parse *p, struct span *in, enum http_parse_state then)
{
	size_t n = in->len < p->left ? in->len : (size_t)p->left;
	p->piece = span_n(in->ptr, n);
	in->ptr += n;
	in->len -= n;
	p->left -= n;
	if (p->left == 0) {
		p->state = then;
	}
	return HTTP_PARSE_BODY;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static enum http_parse_event on_chunk_size(struct http_parse *p)
{
	if (p->left == 0) {
		p->state = HTTP_PARSE_IN_TRAILERS;
		return HTTP_PARSE_MORE;
	}
	p->body_len += p->left;
	if (p->body_len > p->max_body) {
		return bad(p, HTTP_FAULT_BODY_TOO_LARGE, "chunked body above the limit");
	}
	p->state = HTTP_PARSE_IN_CHUNK_DATA;
	p->digits = p->extension = 0;
	return HTTP_PARSE_MORE;
}

/* One byte of the framing between chunks (RFC 9112 section 7.1). MORE means: go on. */
static enum http_parse_event chunk_byte(struct http_parse *p, char c)
{
	switch (p->state) {
	case HTTP_PARSE_IN_CHUNK_SIZE:
		if (hex_value(c) >= 0) {
			if (p->digits++ == CHUNK_DIGITS_MAX) {
				return malformed(p, "chunk size too long");
			}
			p->left = p->left * 16 + (uint64_t)hex_value(c);
			return HTTP_PARSE_MORE;
		}
		if (p->digits == 0 || (c != '\r' && c != ';')) {
			return malformed(p, "bad chunk size");
		}
		p->state = c == ';' ? HTTP_PARSE_IN_CHUNK_EXTENSION : HTTP_PARSE_IN_CHUNK_SIZE_LF;
		return HTTP_PARSE_MORE;
	case HTTP_PARSE_IN_CHUNK_EXTENSION:
		if (c == '\r') {
			p->state = HTTP_PARSE_IN_CHUNK_SIZE_LF;
		} else if (((unsigned char)c < ' ' && c != '\t') || c == 0x7f) {
			return malformed(p, "bad chunk extension");
		} else if (p->extension++ == CHUNK_EXTENSION_MAX) {
			return malformed(p, "chunk extension too long");
		}
		return HTTP_PARSE_MORE;
	case HTTP_PARSE_IN_CHUNK_SIZE_LF:
		return c == '\n' ? on_chunk_size(p) : malformed(p, "CR without LF");
	case HTTP_PARSE_IN_CHUNK_CR:
		p->state = HTTP_PARSE_IN_CHUNK_LF;
		return c == '\r' ? HTTP_PARSE_MORE : malformed(p, "chunk longer than its size");
	default:
		p->state = HTTP_PARSE_IN_CHUNK_SIZE;
		return c == '\n' ? HTTP_PARSE_MORE : malformed(p, "CR without LF");
	}
}

static enum http_parse_event next_trailers(
	struct http_parse *p, struct span *in, struct http_request *req)
{
	struct span section;
	enum http_parse_event ev = collect_lines(p, in, &section);
	if (ev != HTTP_PARSE_END) {
		return ev;
	}
	if (p->lines > HEADERS_MAX) {
		return bad(p, HTTP_FAULT_HEAD_TOO_LARGE, "too many trailers");
	}
	struct span rest = arena_span(req->arena, section);
	struct http_header *trailers = arena_alloc(req->arena, (p->lines + 1) * sizeof *trailers);
	for (size_t i = 0; i < p->lines; i++) {
		struct span line = span_cut(&rest, '\n');
		line.len--; /* CR */
		if (!split_header(line, &trailers[i])) {
			return malformed(p, "bad trailer");
		}
	}
	p->trailers = trailers;
	p->n_trailers = p->lines;
	forget_lines(p);
	p->state = HTTP_PARSE_AT_END;
	return HTTP_PARSE_END;
}

enum http_parse_event http_parse_next(
	struct http_parse *p, struct span *in, struct http_request *req)
{
	for (;;) {
		if (p->state == HTTP_PARSE_IS_BAD) {
			return HTTP_PARSE_BAD;
		}
		if (p->state == HTTP_PARSE_AT_END) {
			p->state = HTTP_PARSE_IN_HEAD;
			return HTTP_PARSE_END;
		}
		if (in->len == 0) {
			return HTTP_PARSE_MORE;
		}
		switch (p->state) {
		case HTTP_PARSE_IN_HEAD:
			return next_head(p, in, req);
		case HTTP_PARSE_IN_LENGTH:
			return next_piece(p, in, HTTP_PARSE_AT_END);
		case HTTP_PARSE_IN_CHUNK_DATA:
			return next_piece(p, in, HTTP_PARSE_IN_CHUNK_CR);
		case HTTP_PARSE_IN_TRAILERS:
			if (next_trailers(p, in, req) == HTTP_PARSE_MORE) {
				return HTTP_PARSE_MORE;
			}
			break;
		default:
			chunk_byte(p, *in->ptr);
			in->ptr++;
			in->len--;
			break;
		}
	}
}
