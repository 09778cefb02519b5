/* What a request claims: finding and taking apart the credentials, and the checks that need no
 * secret. */
#include <time.h>

#include "emulator/auth/sigv4.h"
#include "proxy/base/clock.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

/* The parameters of either form, before they are taken apart. */
struct raw {
	struct span algorithm, credential, signed_headers, signature, date, expires, token;
};

static bool fail(
	struct sigv4_fault *fault, const char *check, const char *aws_error, const char *reason)
{
	*fault = (struct sigv4_fault){ check, aws_error, reason };
	return false;
}

static struct span header(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (span_iis(r->headers[i].name, name)) {
			return span_trim(r->headers[i].value);
		}
	}
	return (struct span){ NULL, 0 };
}

static size_t count(const struct http_request *r, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n_headers; i++) {
		n += span_iis(r->headers[i].name, name);
	}
	return n;
}

static struct span decoded(struct arena *arena, struct span s)
{
	if (span_find(s, '%') < 0) {
		return s.ptr ? s : SPAN("");
	}
	struct buf text = BUF_INIT(s.len + 1);
	(void)percent_decode(&text, s, false);
	struct span kept = arena_span(arena, buf_span(&text));
	buf_fini(&text);
	return kept.ptr ? kept : SPAN("");
}

/* The first of two equal names wins (identity-and-auth.md 5.9, step 7). */
static void read_query(const struct http_request *r, struct arena *arena, struct raw *raw)
{
	const struct {
		const char *name;
		struct span *value;
	} names[] = {
		{ "X-Amz-Algorithm", &raw->algorithm },
		{ "X-Amz-Credential", &raw->credential },
		{ "X-Amz-SignedHeaders", &raw->signed_headers },
		{ "X-Amz-Signature", &raw->signature },
		{ "X-Amz-Date", &raw->date },
		{ "X-Amz-Expires", &raw->expires },
		{ "X-Amz-Security-Token", &raw->token },
	};
	struct span rest = r->query;
	while (rest.ptr) {
		struct span value = span_cut(&rest, '&');
		struct span name = span_cut(&value, '=');
		if (!span_starts(name, SPAN("X-Amz-"))) {
			continue;
		}
		for (size_t i = 0; i < COUNT_OF(names); i++) {
			if (span_is(name, names[i].name) && !names[i].value->ptr) {
				*names[i].value = decoded(arena, value);
			}
		}
	}
}

/* Another scheme's content is a secret: only its name is shown. A word that stands alone is a token
 * without a scheme, and no scheme is long. */
static const char *shown_scheme(struct span word, bool has_content, struct arena *arena)
{
	bool ours = span_starts(word, SPAN("AWS4-"));
	if (ours || (has_content && word.len <= 20)) {
		return arena_strndup(arena, word.ptr, word.len < 64 ? word.len : 64);
	}
	return arena_printf(arena, "%.*s%s", (int)(word.len < 8 ? word.len : 8), word.ptr,
		word.len > 8 ? "..." : "");
}

static bool read_authorization(
	struct span text, struct arena *arena, struct raw *raw, struct sigv4_fault *fault)
{
	struct span rest = text;
	raw->algorithm = span_cut(&rest, ' ');
	if (!span_is(raw->algorithm, ALGORITHM)) {
		return fail(fault, "algorithm", "IncompleteSignature",
			arena_printf(arena, "Unsupported AWS 'algorithm': '%s'.",
				shown_scheme(raw->algorithm, rest.ptr != NULL, arena)));
	}
	while (rest.ptr) {
		struct span value = span_trim(span_cut(&rest, ','));
		struct span whole = value;
		struct span name = span_cut(&value, '=');
		if (whole.len == 0) {
			continue;
		}
		if (!value.ptr) {
			return fail(fault, "authorization header", "IncompleteSignature",
				arena_printf(arena,
					"'%.*s' not a valid key=value pair (missing equal-sign) in "
					"Authorization header: '%.*s'.",
					SPAN_ARG(whole), SPAN_ARG(text)));
		}
		/* The last of two equal names wins (identity-and-auth.md 5.1). */
		if (span_is(name, "Credential")) {
			raw->credential = value;
		} else if (span_is(name, "SignedHeaders")) {
			raw->signed_headers = value;
		} else if (span_is(name, "Signature")) {
			raw->signature = value;
		}
	}
	return true;
}

static bool nothing_missing(
	const struct raw *raw, bool presigned, struct arena *arena, struct sigv4_fault *fault)
{
	const struct {
		const char *name;
		bool missing;
	} parts[] = {
		{ "Credential", raw->credential.len == 0 },
		{ "Signature", raw->signature.len == 0 },
		{ "SignedHeaders", raw->signed_headers.len == 0 },
	};
	struct buf text = BUF_INIT(1024);
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		if (parts[i].missing) {
			buf_addf(&text,
				presigned ? "AWS query-string parameters must include 'X-Amz-%s'. "
					  : "Authorization header requires '%s' parameter. ",
				parts[i].name);
		}
	}
	if (raw->date.len == 0) {
		buf_add_str(
			&text, presigned ? "AWS query-string parameters must include 'X-Amz-Date'. "
					 : "Authorization header requires existence of either a "
					   "'X-Amz-Date' or a "
					   "'Date' header. ");
	}
	bool complete = text.len == 0;
	if (!complete) {
		buf_add_str(&text, presigned ? "Re-examine the query-string parameters."
					     : "Authorization=" ALGORITHM);
		fail(fault, presigned ? "query parameters" : "authorization header",
			"IncompleteSignature", arena_strdup(arena, buf_cstr(&text)));
	}
	buf_fini(&text);
	return complete;
}

/* "20250102T030405Z", or in a Date header "Thu, 02 Jan 2025 03:04:05 GMT" (RFC 9110 5.6.7). */
static bool read_time(struct span text, struct sigv4_claim *out)
{
	if (time_parse_basic(text, &out->time_ms)) {
		memcpy(out->stamp, text.ptr, sizeof out->stamp - 1);
		return true;
	}
	char copy[40];
	if (text.len >= sizeof copy) {
		return false;
	}
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	struct tm tm = { 0 };
	const char *end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (!end || *end) {
		return false;
	}
	out->time_ms = (int64_t)timegm(&tm) * 1000;
	time_basic(out->stamp, out->time_ms);
	return true;
}

static bool split_credential(struct span text, struct sigv4_claim *out)
{
	struct span *const parts[] = { &out->access_key, &out->date, &out->region, &out->service,
		&out->terminator };
	struct span rest = text;
	size_t n = 0;
	while (rest.ptr) {
		struct span part = span_cut(&rest, '/');
		if (n < COUNT_OF(parts)) {
			*parts[n] = part;
		}
		n++;
	}
	return n == COUNT_OF(parts);
}

static bool lists(struct span names, const char *name)
{
	while (names.ptr) {
		if (span_iis(span_cut(&names, ';'), name)) {
			return true;
		}
	}
	return false;
}

static bool take_apart(const struct raw *raw, struct arena *arena, struct sigv4_claim *out,
	struct sigv4_fault *fault)
{
	out->signed_headers = raw->signed_headers;
	out->signature = raw->signature;
	out->token = raw->token;
	if (!lists(raw->signed_headers, "host")) {
		return fail(fault, "signed headers", "SignatureDoesNotMatch",
			"'Host' or ':authority' must be a 'SignedHeader' in the AWS "
			"Authorization.");
	}
	if (!read_time(raw->date, out)) {
		return fail(fault, "date", "IncompleteSignature",
			arena_printf(arena,
				"Date must be in ISO-8601 'basic format'. Got '%.*s'. "
				"See http://en.wikipedia.org/wiki/ISO_8601",
				SPAN_ARG(raw->date)));
	}
	if (raw->expires.ptr &&
		(!span_u64(raw->expires, 604800, &out->expires_s) || out->expires_s == 0)) {
		/* The range is S3's documented one (identity-and-auth.md 5.6). */
		return fail(fault, "expiry", "SignatureDoesNotMatch",
			arena_printf(arena,
				"X-Amz-Expires must be between 1 and 604800 seconds, not '%.*s'.",
				SPAN_ARG(raw->expires)));
	}
	if (!split_credential(raw->credential, out)) {
		return fail(fault, "credential scope", "IncompleteSignature",
			arena_printf(arena,
				"Credential must have exactly 5 slash-delimited elements, "
				"e.g. keyid/date/region/service/term, got '%.*s'",
				SPAN_ARG(raw->credential)));
	}
	return true;
}

bool sigv4_read(const struct http_request *r, struct arena *arena, struct sigv4_claim *out,
	struct sigv4_fault *fault)
{
	memset(out, 0, sizeof *out);
	struct raw raw = { 0 };
	if (r->query.len) {
		read_query(r, arena, &raw);
	}
	struct span authorization = header(r, "authorization");
	size_t n = count(r, "authorization");
	out->presigned = raw.algorithm.ptr || raw.credential.ptr || raw.signature.ptr;
	if (n > 1) {
		return fail(fault, "credentials", "SignatureDoesNotMatch",
			"The request has more than one Authorization header.");
	}
	if (out->presigned && n) {
		return fail(fault, "credentials", "SignatureDoesNotMatch",
			"The request has both an Authorization header and X-Amz-* query "
			"credentials: "
			"send one of them.");
	}
	if (!out->presigned && authorization.len == 0) {
		return fail(fault, "credentials", "MissingAuthenticationToken",
			"Request is missing Authentication Token\nneither an Authorization header "
			"nor "
			"X-Amz-* query parameters: the client did not sign the request");
	}
	if (out->presigned) {
		if (!span_is(raw.algorithm, ALGORITHM)) {
			return fail(fault, "algorithm", "IncompleteSignature",
				arena_printf(arena, "Unsupported AWS 'algorithm': '%.*s'.",
					SPAN_ARG(raw.algorithm)));
		}
	} else {
		raw = (struct raw){ 0 };
		if (!read_authorization(authorization, arena, &raw, fault)) {
			return false;
		}
		struct span stamp = header(r, "x-amz-date");
		raw.date = stamp.ptr ? stamp : header(r, "date");
		raw.token = header(r, "x-amz-security-token");
	}
	return nothing_missing(&raw, out->presigned, arena, fault) &&
	       take_apart(&raw, arena, out, fault);
}

static bool in_time(const struct sigv4_claim *c, unsigned window_s, int64_t now_ms,
	struct arena *arena, struct sigv4_fault *fault)
{
	int64_t window_ms = (int64_t)window_s * 1000;
	int64_t life_ms = c->expires_s ? (int64_t)c->expires_s * 1000 : window_ms;
	char now[17];
	char limit[17];
	if (c->time_ms < now_ms - life_ms) {
		time_basic(now, now_ms);
		time_basic(limit, now_ms - life_ms);
		return fail(fault, "clock", "SignatureDoesNotMatch",
			arena_printf(arena,
				"Signature expired: %s is now earlier than %s (%s - %lld %s.)\n"
				"the request was signed %lld s ago: clock skew, or an old request "
				"sent again",
				c->stamp, limit, now,
				(long long)(life_ms / (c->expires_s ? 1000 : 60000)),
				c->expires_s ? "s" : "min",
				(long long)((now_ms - c->time_ms) / 1000)));
	}
	if (c->time_ms > now_ms + window_ms) {
		time_basic(now, now_ms);
		time_basic(limit, now_ms + window_ms);
		return fail(fault, "clock", "SignatureDoesNotMatch",
			arena_printf(arena,
				"Signature not yet current: %s is still later than %s (%s + %u "
				"min.)"
				"\nthe client's clock is %lld s ahead",
				c->stamp, limit, now, window_s / 60,
				(long long)((c->time_ms - now_ms) / 1000)));
	}
	return true;
}

bool sigv4_check_scope(const struct sigv4_claim *c, const char *region, const char *service,
	unsigned window_s, int64_t now_ms, struct arena *arena, struct sigv4_fault *fault)
{
	if (!in_time(c, window_s, now_ms, arena, fault)) {
		return false;
	}
	struct span day = span_n(c->stamp, 8);
	if (span_is(c->region, region) && span_is(c->service, service) &&
		span_is(c->terminator, "aws4_request") && span_eq(c->date, day)) {
		return true;
	}
	struct buf text = BUF_INIT(64 * 1024);
	if (!span_is(c->region, region)) {
		buf_addf(&text, "Credential should be scoped to a valid region, not '%.*s'. ",
			SPAN_ARG(c->region));
	}
	if (!span_is(c->service, service)) {
		buf_addf(&text, "Credential should be scoped to correct service: '%s'. ", service);
	}
	if (!span_is(c->terminator, "aws4_request")) {
		buf_addf(&text,
			"Credential should be scoped with a valid terminator: 'aws4_request', "
			"not '%.*s'. ",
			SPAN_ARG(c->terminator));
	}
	if (!span_eq(c->date, day)) {
		buf_addf(&text,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
			"of date from HTTP: '%.*s' != '%.*s', from '%s'. ",
			SPAN_ARG(c->date), SPAN_ARG(day), c->stamp);
	}
	buf_addf(&text,
		"\nexpected the scope %.*s/%s/%s/aws4_request, received %.*s/%.*s/%.*s/%.*s",
		SPAN_ARG(day), region, service, SPAN_ARG(c->date), SPAN_ARG(c->region),
		SPAN_ARG(c->service), SPAN_ARG(c->terminator));
	fail(fault, "credential scope", "SignatureDoesNotMatch",
		arena_strndup(arena, text.ptr, text.len));
	buf_fini(&text);
	return false;
}
