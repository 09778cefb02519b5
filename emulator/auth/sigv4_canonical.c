/* The canonical request. Everything is taken from the bytes as received: a proxy or parser that
 * tidies them breaks signatures. */
#include <stdlib.h>

#include "emulator/auth/sigv4.h"
#include "proxy/base/alloc.h"
#include "proxy/base/digest.h"
#include "proxy/base/encode.h"

/* More query parameters than a 16 KiB request line can hold. */
#define MAX_PARAMETERS 8192

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Removes "." and ".." segments and empty ones, keeps a trailing slash (identity-and-auth.md 5.2).
 * Returns how much of `out` (as large as path) is used. */
static size_t normalise_path(struct span path, char *out)
{
	size_t len = 0;
	struct span rest = path;
	bool open_end = false; /* the path ends in a slash, or in a dot segment */
	while (rest.ptr) {
		struct span segment = span_cut(&rest, '/');
		open_end = segment.len == 0 || span_is(segment, ".") || span_is(segment, "..");
		if (span_is(segment, "..")) {
			while (len > 0 && out[--len] != '/') {
			}
		} else if (!open_end) {
			out[len++] = '/';
			memcpy(out + len, segment.ptr, segment.len);
			len += segment.len;
		}
	}
	if (open_end || len == 0) {
		out[len++] = '/';
	}
	return len;
}

static bool needs_normalising(struct span path)
{
	for (size_t i = 0; i + 1 < path.len; i++) {
		if (path.ptr[i] == '/' && (path.ptr[i + 1] == '/' || path.ptr[i + 1] == '.')) {
			return true;
		}
	}
	return path.len == 0 || path.ptr[0] != '/';
}

static void add_path(struct buf *out, struct span path, bool raw)
{
	if (path.len == 0) {
		buf_add_char(out, '/');
	} else if (raw || !needs_normalising(path)) {
		percent_encode(out, path, "/");
	} else {
		AUTO_FREE char *tidy = xalloc(path.len + 2);
		percent_encode(out, span_n(tidy, normalise_path(path, tidy)), "/");
	}
}

struct parameter {
	size_t name, name_len, value, value_len; /* offsets into the encoded text */
	const char *text; /* its base, set once it no longer moves */
};

static int by_name_then_value(const void *a, const void *b)
{
	const struct parameter *p = a;
	const struct parameter *q = b;
	int order = span_cmp(
		span_n(p->text + p->name, p->name_len), span_n(q->text + q->name, q->name_len));
	if (order) {
		return order;
	}
	return span_cmp(
		span_n(p->text + p->value, p->value_len), span_n(q->text + q->value, q->value_len));
}

/* A raw '+' is a blank, or stands in the canonical query as it came: botocore signs it so
 * (identity-and-auth.md 5.3). "%2B" is "%2B" in both readings. */
static void add_recoded(struct buf *out, struct buf *scratch, struct span in, bool literal_plus)
{
	while (in.ptr) {
		struct span piece = in;
		if (literal_plus) {
			piece = span_cut(&in, '+');
		} else {
			in.ptr = NULL;
		}
		buf_clear(scratch);
		(void)percent_decode(scratch, piece, true);
		percent_encode(out, buf_span(scratch), "");
		if (in.ptr) {
			buf_add_char(out, '+');
		}
	}
}

static bool left_out(const struct sigv4_claim *c, struct sigv4_way way, struct span name)
{
	return c->presigned &&
	       (span_is(name, "X-Amz-Signature") ||
		       (way.token_unsigned && span_is(name, "X-Amz-Security-Token")));
}

/* Decode, encode, sort on the pair: sorting the joined text would put "a-b" before "a"
 * (identity-and-auth.md 5.3). */
static void add_query(struct buf *out, const struct http_request *r, const struct sigv4_claim *c,
	struct sigv4_way way)
{
	if (r->query.len == 0) {
		return;
	}
	size_t pieces = 1;
	for (size_t i = 0; i < r->query.len; i++) {
		pieces += r->query.ptr[i] == '&';
	}
	if (pieces > MAX_PARAMETERS) {
		out->overflow = true;
		return;
	}
	AUTO_FREE struct parameter *list = xcalloc(pieces, sizeof *list);
	struct buf text = BUF_INIT(3 * r->query.len + 1);
	struct buf scratch = BUF_INIT(r->query.len + 1);
	size_t n = 0;
	struct span rest = r->query;
	while (rest.ptr) {
		struct span value = span_cut(&rest, '&');
		if (value.len == 0) {
			continue;
		}
		struct span name = span_cut(&value, '=');
		if (left_out(c, way, name)) {
			continue;
		}
		struct parameter *p = &list[n++];
		p->name = text.len;
		add_recoded(&text, &scratch, name, way.literal_plus);
		p->name_len = text.len - p->name;
		p->value = text.len;
		add_recoded(&text, &scratch, value, way.literal_plus);
		p->value_len = text.len - p->value;
	}
	for (size_t i = 0; i < n; i++) {
		list[i].text = text.ptr ? text.ptr : "";
	}
	qsort(list, n, sizeof *list, by_name_then_value);
	for (size_t i = 0; i < n; i++) {
		const struct parameter *p = &list[i];
		if (i > 0) {
			buf_add_char(out, '&');
		}
		buf_add(out, p->text + p->name, p->name_len);
		buf_add_char(out, '=');
		buf_add(out, p->text + p->value, p->value_len);
	}
	buf_fini(&text);
	buf_fini(&scratch);
}

/* Trimmed, runs of blanks as one space, inside quotes too (identity-and-auth.md 5.4). */
static void add_value(struct buf *out, struct span value)
{
	value = span_trim(value);
	if (value.len == 0) {
		return;
	}
	/* Most hold none, and session tokens are long. */
	if (!memchr(value.ptr, ' ', value.len) && !memchr(value.ptr, '\t', value.len)) {
		buf_add_span(out, value);
		return;
	}
	size_t start = 0;
	for (size_t i = 0; i < value.len; i++) {
		if (!is_blank(value.ptr[i])) {
			continue;
		}
		buf_add(out, value.ptr + start, i - start);
		buf_add_char(out, ' ');
		while (is_blank(value.ptr[i + 1])) {
			i++;
		}
		start = i + 1;
	}
	buf_add(out, value.ptr + start, value.len - start);
}

/* A name that was signed but did not arrive gets an empty value, and so cannot match. */
static void add_header(struct buf *out, const struct http_request *r, struct span name)
{
	size_t at = out->len;
	buf_add_span(out, name);
	for (; at < out->len; at++) {
		char c = out->ptr[at];
		out->ptr[at] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	buf_add_char(out, ':');
	bool first = true;
	for (size_t i = 0; i < r->n_headers; i++) {
		if (!span_ieq(r->headers[i].name, name)) {
			continue;
		}
		if (!first) {
			buf_add_char(out, ',');
		}
		first = false;
		add_value(out, r->headers[i].value);
	}
	buf_add_char(out, '\n');
}

/* The text of x-amz-content-sha256 if there is one, else the hash of the body. */
static void add_payload_hash(struct buf *out, const struct http_request *r)
{
	struct span text = { NULL, 0 };
	for (size_t i = 0; i < r->n_headers && !text.ptr; i++) {
		if (span_iis(r->headers[i].name, "x-amz-content-sha256")) {
			text = span_trim(r->headers[i].value);
		}
	}
	if (text.ptr) {
		buf_add_span(out, text);
	} else if (r->body.len == 0) {
		buf_add_str(
			out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	} else {
		sha256_hex(out, r->body);
	}
}

void sigv4_canonical(const struct http_request *r, const struct sigv4_claim *c,
	struct sigv4_way way, struct buf *out)
{
	buf_add_span(out, r->method);
	buf_add_char(out, '\n');
	add_path(out, r->path, way.raw_path);
	buf_add_char(out, '\n');
	add_query(out, r, c, way);
	buf_add_char(out, '\n');
	struct span rest = c->signed_headers;
	while (rest.ptr && !out->overflow) {
		add_header(out, r, span_cut(&rest, ';'));
	}
	buf_add_char(out, '\n');
	buf_add_span(out, c->signed_headers);
	buf_add_char(out, '\n');
	add_payload_hash(out, r);
}

void sigv4_string_to_sign(const struct sigv4_claim *c, struct span canonical, struct buf *out)
{
	buf_add_str(out, "AWS4-HMAC-SHA256\n");
	buf_add_str(out, c->stamp);
	buf_add_char(out, '\n');
	const struct span scope[] = { c->date, c->region, c->service, c->terminator };
	for (size_t i = 0; i < COUNT_OF(scope); i++) {
		if (i > 0) {
			buf_add_char(out, '/');
		}
		buf_add_span(out, scope[i]);
	}
	buf_add_char(out, '\n');
	sha256_hex(out, canonical);
}
