#include "emulator/gateway/reply.h"

#include <math.h>
#include <stdlib.h>

#include "emulator/gateway/headers.h"
#include "proxy/base/scan.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

void reply_init(struct reply *r, struct arena *arena)
{
	*r = (struct reply){ .arena = arena, .status = 200 };
}

void reply_header(struct reply *r, struct span name, struct span value)
{
	if (r->n_headers == r->room) {
		size_t room = r->room ? r->room * 2 : 16;
		struct http_header *more = arena_alloc(r->arena, room * sizeof *more);
		if (r->n_headers) {
			memcpy(more, r->headers, r->n_headers * sizeof *more);
		}
		r->headers = more;
		r->room = room;
	}
	r->headers[r->n_headers++] = (struct http_header){ name, value };
}

void reply_drop(struct reply *r, bool (*drop)(struct span name))
{
	size_t kept = 0;
	for (size_t i = 0; i < r->n_headers; i++) {
		if (!drop(r->headers[i].name)) {
			r->headers[kept++] = r->headers[i];
		}
	}
	r->n_headers = kept;
}

bool reply_is_reserved(struct span name)
{
	return header_is_hop_by_hop(name) || span_iis(name, "content-length") ||
	       span_iis(name, "date") || span_iis(name, "apigw-requestid");
}

/* --- errors --------------------------------------------------------------------------------- */

struct span reply_error_body(int status)
{
	switch (status) {
	case 400:
		return SPAN("{\"message\":\"Bad Request\"}");
	case 401:
		return SPAN("{\"message\":\"Unauthorized\"}");
	case 403:
		return SPAN("{\"message\":\"Forbidden\"}");
	case 404:
		return SPAN("{\"message\":\"Not Found\"}");
	case 408:
		return SPAN("{\"message\":\"Request Timeout\"}");
	case 413:
		return SPAN("{\"message\":\"Request Entity Too Large\"}");
	case 414:
		return SPAN("{\"message\":\"Request URI too long\"}");
	case 429:
		return SPAN("{\"message\":\"Too Many Requests\"}");
	case 431:
		return SPAN("{\"message\":\"Request Header Fields Too Large\"}");
	case 503:
		return SPAN("{\"message\":\"Service Unavailable\"}");
	case 505:
		return SPAN("{\"message\":\"HTTP Version Not Supported\"}");
	default:
		return SPAN("{\"message\":\"Internal Server Error\"}");
	}
}

void reply_error(struct reply *r, int status)
{
	r->n_headers = 0;
	r->status = status;
	reply_header(r, SPAN("Content-Type"), SPAN("application/json"));
	r->body = reply_error_body(status);
}

/* --- the parts of a structured result ---------------------------------------------------------- */

/* Raw JSON of the members that count; ptr NULL where absent. Of repeats the last one counts. */
struct result {
	struct span status, headers, multi_headers, cookies, body, base64;
};

static struct span *member_of(struct result *res, struct span name)
{
	static const struct {
		const char *name;
		size_t at;
	} members[] = {
		{ "statusCode", offsetof(struct result, status) },
		{ "headers", offsetof(struct result, headers) },
		{ "multiValueHeaders", offsetof(struct result, multi_headers) },
		{ "cookies", offsetof(struct result, cookies) },
		{ "body", offsetof(struct result, body) },
		{ "isBase64Encoded", offsetof(struct result, base64) },
	};
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		if (scan_says(name, members[i].name)) {
			return (struct span *)(void *)((char *)res + members[i].at);
		}
	}
	return NULL;
}

/* False if the payload is no JSON object. */
static bool read_result(struct span payload, struct result *res)
{
	struct scan s;
	struct span name, value;
	*res = (struct result){ .status = { NULL, 0 } };
	if (!scan_open(&s, payload) || s.close != '}') {
		return false;
	}
	while (scan_next(&s, &name, &value)) {
		struct span *member = member_of(res, name);
		if (member) {
			*member = value;
		}
	}
	return !s.bad;
}

static bool is_null(struct span value)
{
	return !value.ptr || span_is(value, "null");
}

static struct span string_text(struct arena *arena, struct span quoted)
{
	struct span plain = scan_plain(quoted);
	if (plain.ptr) {
		return plain;
	}
	/* Unescaping never grows: six bytes of \u become three at most. */
	struct buf out = { arena_alloc(arena, quoted.len + 1), 0, quoted.len + 1, quoted.len,
		false };
	scan_unescape(&out, quoted);
	return buf_span(&out);
}

/* An integer, or (as on REST APIs; unconfirmed here) one in a string. Which range the service takes is
 * unconfirmed: below 200 there is no final answer to send, so those are errors. */
static int read_status(struct reply *r, struct span value, struct err *err)
{
	struct span text = scan_is_string(value) ? string_text(r->arena, value) : value;
	uint64_t digits;
	if (span_u64(text, 599, &digits) && digits >= 200) {
		r->status = (int)digits;
		return 0;
	}
	/* 200.0 and 2e2 are integers too. */
	char *end = NULL;
	const char *number = arena_strndup(r->arena, text.ptr, text.len);
	double status = strtod(number, &end);
	bool digit = text.len && text.ptr[0] >= '0' && text.ptr[0] <= '9';
	if (!digit || *end || status != floor(status) || status < 200 || status > 599) {
		return err_set(err, ERR_INVALID,
			"the result's statusCode is %.*s; it must be an integer from 200 to 599",
			SPAN_ARG(value));
	}
	r->status = (int)status;
	return 0;
}

static int add_header(struct reply *r, struct span name, struct span value, struct err *err)
{
	if (!header_is_sendable(name, value)) {
		return err_set(err, ERR_INVALID, "the result's header '%.*s' cannot be sent: %s",
			SPAN_ARG(name),
			header_is_sendable(name, SPAN("")) ? "its value holds a control character"
							   : "its name is no header name");
	}
	if (!reply_is_reserved(name)) {
		reply_header(r, header_canonical(r->arena, name), span_trim(value));
	}
	return 0;
}

/* One value of a header: a string, or a number or bool as its text; null is left out. What the service
 * makes of null and arrays is unconfirmed; an array is an error, so that it is seen. */
static int add_value(struct reply *r, struct span name, struct span value, struct err *err)
{
	if (is_null(value)) {
		return 0;
	}
	if (*value.ptr == '[' || *value.ptr == '{') {
		return err_set(err, ERR_INVALID,
			"the result's header '%.*s' is an %s; it must be a string", SPAN_ARG(name),
			*value.ptr == '[' ? "array" : "object");
	}
	return add_header(
		r, name, scan_is_string(value) ? string_text(r->arena, value) : value, err);
}

static int add_values(struct reply *r, struct span name, struct span values, struct err *err)
{
	struct scan s;
	struct span none, value;
	if (is_null(values)) {
		return 0;
	}
	if (!scan_open(&s, values) || s.close != ']') {
		return err_set(err, ERR_INVALID,
			"the result's multiValueHeaders '%.*s' is no array", SPAN_ARG(name));
	}
	while (scan_next(&s, &none, &value)) {
		if (add_value(r, name, value, err)) {
			return -(int)ERR_INVALID;
		}
	}
	return 0;
}

static int add_headers(struct reply *r, struct span object, const char *what,
	int (*add)(struct reply *, struct span, struct span, struct err *), struct err *err)
{
	struct scan s;
	struct span name, value;
	if (is_null(object)) {
		return 0;
	}
	if (!scan_open(&s, object) || s.close != '}') {
		return err_set(err, ERR_INVALID, "the result's %s is no object", what);
	}
	while (scan_next(&s, &name, &value)) {
		if (add(r, string_text(r->arena, name), value, err)) {
			return -(int)ERR_INVALID;
		}
	}
	return 0;
}

static int add_cookies(struct reply *r, struct span cookies, struct err *err)
{
	struct scan s;
	struct span none, value;
	if (is_null(cookies)) {
		return 0;
	}
	if (!scan_open(&s, cookies) || s.close != ']') {
		return err_set(err, ERR_INVALID, "the result's cookies is no array");
	}
	while (scan_next(&s, &none, &value)) {
		if (!scan_is_string(value)) {
			return err_set(err, ERR_INVALID,
				"the result's cookies hold %.*s; each must be a string",
				SPAN_ARG(value));
		}
		if (add_value(r, SPAN("Set-Cookie"), value, err)) {
			return -(int)ERR_INVALID;
		}
	}
	return 0;
}

/* --- body ------------------------------------------------------------------------------------- */

static struct span unescaped(struct span quoted, struct buf *scratch)
{
	struct span plain = scan_plain(quoted);
	if (plain.ptr) {
		return plain;
	}
	buf_clear(scratch);
	scan_unescape(scratch, quoted);
	return buf_span(scratch);
}

static int decode_body(struct reply *r, struct buf *scratch, struct err *err)
{
	struct buf encoded = BUF_INIT(r->body.len);
	buf_add_span(&encoded, r->body); /* the text may stand in scratch itself */
	buf_clear(scratch);
	bool good = base64_decode(scratch, buf_span(&encoded));
	buf_fini(&encoded);
	if (!good) {
		return err_set(err, ERR_INVALID,
			"the result says isBase64Encoded, but its body is not base64");
	}
	r->body = buf_span(scratch);
	return 0;
}

static int read_body(
	struct reply *r, const struct result *res, struct buf *scratch, struct err *err)
{
	r->body = SPAN("");
	if (is_null(res->body)) {
		return 0;
	}
	if (!scan_is_string(res->body)) {
		return err_set(err, ERR_INVALID,
			"the result's body is no string; use JSON.stringify or the like");
	}
	r->body = unescaped(res->body, scratch);
	bool base64 = span_is(res->base64, "true") || span_is(res->base64, "\"true\"");
	return base64 && r->body.len ? decode_body(r, scratch, err) : 0;
}

static bool has_header(const struct reply *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (span_iis(r->headers[i].name, name)) {
			return true;
		}
	}
	return false;
}

static int read_head(
	struct reply *r, const struct result *res, enum reply_format format, struct err *err)
{
	bool v1 = format == REPLY_V1;
	return read_status(r, res->status, err) || (!v1 && add_cookies(r, res->cookies, err)) ||
			       add_headers(r, res->headers, "headers", add_value, err) ||
			       (v1 && add_headers(r, res->multi_headers, "multiValueHeaders",
					      add_values, err))
		       ? -(int)ERR_INVALID
		       : 0;
}

static bool is_bodiless(const struct reply *r)
{
	return r->status == 204 || r->status == 304;
}

static void add_default_type(struct reply *r, struct span type)
{
	if (!is_bodiless(r) && !has_header(r, "content-type")) {
		reply_header(r, SPAN("Content-Type"), type);
	}
}

static int structured(struct reply *r, const struct result *res, enum reply_format format,
	struct buf *scratch, struct err *err)
{
	int rc = read_head(r, res, format, err);
	if (!rc) {
		rc = read_body(r, res, scratch, err);
	}
	if (rc) {
		return rc;
	}
	if (is_bodiless(r)) {
		r->body = SPAN("");
	}
	add_default_type(r,
		format == REPLY_URL ? SPAN("application/json") : SPAN("text/plain; charset=utf-8"));
	return 0;
}

/* 4.1, rule 3: what is no structured response is the body of a 200, a string without its quotes. */
static void inferred(struct reply *r, struct span payload, struct buf *scratch)
{
	struct span value;
	r->status = 200;
	reply_header(r, SPAN("Content-Type"), SPAN("application/json"));
	r->body = payload;
	if (scan_one(payload, &value) && scan_is_string(value)) {
		r->body = unescaped(value, scratch);
	}
}

int reply_from_lambda(struct reply *r, struct span payload, enum reply_format format,
	struct buf *scratch, struct err *err)
{
	struct result res;
	int rc = 0;
	if (read_result(payload, &res) && res.status.ptr) {
		rc = structured(r, &res, format, scratch, err);
	} else if (format != REPLY_V1) {
		inferred(r, payload, scratch);
	} else {
		return err_set(err, ERR_INVALID,
			"the result is no object with a statusCode, which payload format 1.0 "
			"needs");
	}
	if (!rc && scratch->overflow) {
		rc = err_set(
			err, ERR_LIMIT, "the result's body is larger than %zu bytes", scratch->max);
	}
	return rc;
}

int reply_from_prelude(struct reply *r, struct span prelude, struct err *err)
{
	struct result res;
	if (!read_result(prelude, &res)) {
		return err_set(err, ERR_INVALID, "the stream's prelude is no JSON object");
	}
	if (!res.status.ptr) {
		res.status = SPAN("200");
	}
	int rc = read_head(r, &res, REPLY_URL, err);
	if (!rc) {
		/* What a prelude that names no type gets is unconfirmed: that of a stream without one. */
		add_default_type(r, SPAN("application/octet-stream"));
	}
	return rc;
}
