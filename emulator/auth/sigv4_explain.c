/* Why a signature did not match. Signs again with the request changed back in the ways requests
 * usually change between signer and verifier; the change that makes the signature fit is the
 * cause. */
#include "emulator/auth/sigv4.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

#define SHOWN_MAX (16 * 1024)

struct suspect {
	const struct http_request *real;
	const struct sigv4_claim *claim;
	const unsigned char *key;
	struct arena *arena;
};

static bool would_match(const struct suspect *s, const struct http_request *r)
{
	return sigv4_matches(r, s->claim, s->key);
}

static const char *method_changed(const struct suspect *s)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD",
		"OPTIONS", "ANY" };
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		struct http_request r = *s->real;
		r.method = span_of(methods[i]);
		if (would_match(s, &r)) {
			return arena_printf(s->arena,
				"method changed: %s was signed, %.*s was received", methods[i],
				SPAN_ARG(s->real->method));
		}
	}
	return NULL;
}

static const char *path_changed(const struct suspect *s)
{
	struct http_request r = *s->real;
	struct buf plain = BUF_INIT(r.path.len + 1);
	(void)percent_decode(&plain, r.path, false);
	r.path = buf_span(&plain);
	bool once = would_match(s, &r);
	buf_fini(&plain);
	if (once) {
		return "the path was signed as it stands on the wire; this service wants each % "
		       "encoded "
		       "once more (curl before 8.9 gets this wrong)";
	}
	r.path = span_n(s->real->path.ptr, s->real->path.len ? s->real->path.len - 1 : 0);
	if (span_ends(s->real->path, SPAN("/")) && would_match(s, &r)) {
		return "path changed: it was signed without the slash at its end";
	}
	r.path = span_of(arena_printf(s->arena, "%.*s/", SPAN_ARG(s->real->path)));
	if (would_match(s, &r)) {
		return "path changed: it was signed with a slash at its end";
	}
	struct span rest = s->real->path;
	if (rest.len > 1) {
		rest.ptr++;
		rest.len--;
		(void)span_cut(&rest, '/');
		r.path = rest.ptr ? span_n(rest.ptr - 1, rest.len + 1) : SPAN("/");
		if (would_match(s, &r)) {
			return "path changed: it was signed without its first segment (stage or "
			       "prefix)";
		}
	}
	return NULL;
}

static const char *query_changed(const struct suspect *s)
{
	if (s->claim->presigned || s->real->query.len == 0) {
		return NULL;
	}
	struct http_request r = *s->real;
	r.query = (struct span){ NULL, 0 };
	return would_match(s, &r) ? "query changed: none was signed" : NULL;
}

static const char *body_changed(const struct suspect *s)
{
	struct http_request r = *s->real;
	r.body = (struct span){ NULL, 0 };
	if (s->real->body.len && would_match(s, &r)) {
		return "body changed: an empty body was signed";
	}
	struct http_header *more = arena_alloc(s->arena, (r.n_headers + 1) * sizeof *more);
	memcpy(more, r.headers, r.n_headers * sizeof *more);
	more[r.n_headers++] =
		(struct http_header){ SPAN("x-amz-content-sha256"), SPAN("UNSIGNED-PAYLOAD") };
	r.headers = more;
	return would_match(s, &r) ? "the body was signed as UNSIGNED-PAYLOAD, but the "
				    "x-amz-content-sha256 header that says so did not arrive"
				  : NULL;
}

static const char *host_changed(const struct suspect *s)
{
	struct http_request r = *s->real;
	struct http_header *copy = arena_alloc(s->arena, (r.n_headers + 1) * sizeof *copy);
	memcpy(copy, r.headers, r.n_headers * sizeof *copy);
	r.headers = copy;
	for (size_t i = 0; i < r.n_headers; i++) {
		if (!span_iis(copy[i].name, "host")) {
			continue;
		}
		struct span host = copy[i].value;
		ptrdiff_t colon = span_find(host, ':');
		const char *port = colon < 0 ? ""
					     : arena_strndup(s->arena, host.ptr + colon,
						       host.len - (size_t)colon);
		const char *const others[] = {
			arena_strndup(s->arena, host.ptr, colon < 0 ? host.len : (size_t)colon),
			arena_printf(s->arena, "localhost%s", port),
			arena_printf(s->arena, "127.0.0.1%s", port),
		};
		for (size_t k = 0; k < COUNT_OF(others); k++) {
			copy[i].value = span_of(others[k]);
			if (would_match(s, &r)) {
				return arena_printf(s->arena,
					"Host changed: '%s' was signed, '%.*s' was "
					"received (a proxy in between?)",
					others[k], SPAN_ARG(host));
			}
		}
		copy[i].value = host;
	}
	return NULL;
}

static const char *header_missing(const struct suspect *s)
{
	struct span rest = s->claim->signed_headers;
	while (rest.ptr) {
		struct span name = span_cut(&rest, ';');
		bool found = false;
		for (size_t i = 0; i < s->real->n_headers && !found; i++) {
			found = span_ieq(s->real->headers[i].name, name);
		}
		if (!found) {
			return arena_printf(s->arena,
				"header '%.*s' is in SignedHeaders but did not arrive",
				SPAN_ARG(name));
		}
	}
	return NULL;
}

static const char *odd_characters(const struct suspect *s)
{
	for (size_t i = 0; i < s->real->path.len; i++) {
		if (s->real->path.ptr[i] && strchr("!'()*", s->real->path.ptr[i])) {
			return "the path holds one of ! ' ( ) *, which some clients (Amplify) sign "
			       "unencoded: send it percent-encoded";
		}
	}
	return NULL;
}

static const char *cause(const struct suspect *s)
{
	static const char *(*const tests[])(const struct suspect *) = { header_missing,
		method_changed, path_changed, query_changed, host_changed, body_changed,
		odd_characters };
	for (size_t i = 0; i < COUNT_OF(tests); i++) {
		const char *found = tests[i](s);
		if (found) {
			return found;
		}
	}
	return "no single change explains it: a wrong secret for this access key, or a signed "
	       "header, "
	       "the query or the body was changed on the way. Compare with what the client signed";
}

/* Copies text, cutting what follows each `mark` to 8 characters up to one of `ends`. */
static void add_masked(struct buf *out, struct span text, struct span mark, const char *ends)
{
	for (size_t i = 0; i < text.len;) {
		struct span rest = span_n(text.ptr + i, text.len - i);
		if (rest.len < mark.len || !span_ieq(span_n(rest.ptr, mark.len), mark)) {
			buf_add_char(out, text.ptr[i++]);
			continue;
		}
		buf_add_span(out, mark);
		i += mark.len;
		size_t n = 0;
		while (i < text.len && !(text.ptr[i] && strchr(ends, text.ptr[i]))) {
			if (n++ < 8) {
				buf_add_char(out, text.ptr[i]);
			}
			i++;
		}
		buf_add_str(out, n > 8 ? "..." : "");
	}
}

static void add_without_tokens(struct buf *out, struct span canonical)
{
	struct buf a = BUF_INIT(SIGV4_CANONICAL_MAX);
	struct buf b = BUF_INIT(SIGV4_CANONICAL_MAX);
	add_masked(&a, canonical, SPAN("x-amz-security-token:"), "\n");
	add_masked(&b, buf_span(&a), SPAN("X-Amz-Security-Token="), "&\n");
	add_masked(out, buf_span(&b), SPAN("\nauthorization:"), "\n");
	buf_fini(&a);
	buf_fini(&b);
}

const char *sigv4_explain(const struct http_request *r, const struct sigv4_claim *c,
	const unsigned char key[SIGV4_KEY_LEN], struct arena *arena)
{
	const struct suspect s = { r, c, key, arena };
	struct buf canonical = BUF_INIT(SIGV4_CANONICAL_MAX);
	struct buf to_sign = BUF_INIT(SHOWN_MAX);
	struct buf out = BUF_INIT(3 * SHOWN_MAX);
	sigv4_canonical(r, c, (struct sigv4_way){ 0 }, &canonical);
	sigv4_string_to_sign(c, buf_span(&canonical), &to_sign);
	buf_add_str(&out, "The request signature we calculated does not match the signature you "
			  "provided. Check your AWS Secret Access Key and signing method. Consult "
			  "the service "
			  "documentation for details.\n");
	buf_addf(&out, "%s\n", cause(&s));
	struct span shown = buf_span(&canonical);
	buf_add_str(&out, "expected canonical request:\n");
	add_without_tokens(&out, span_n(shown.ptr, shown.len < SHOWN_MAX ? shown.len : SHOWN_MAX));
	buf_add_str(&out, "\nexpected string to sign:\n");
	buf_add_span(&out, buf_span(&to_sign));
	buf_addf(&out, "\nreceived signature: %.*s",
		(int)(c->signature.len < 128 ? c->signature.len : 128), c->signature.ptr);
	const char *text = arena_strndup(arena, out.ptr, out.len);
	buf_fini(&canonical);
	buf_fini(&to_sign);
	buf_fini(&out);
	return text;
}
