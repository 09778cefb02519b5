#include "proxy/net/http_call.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"

#define TIMEOUT_MS (30 * 1000)
#define BODY_MAX (1024 * 1024)
#define HEAD_MAX (64 * 1024)

/* --- the answer ------------------------------------------------------------------------------- */

/* A length that is none of our business to judge counts as not said: curl does. */
static int64_t stated_length(const struct http_call *call, long status)
{
	uint64_t length;
	for (size_t i = 0; i < call->n_answer_headers; i++) {
		const struct http_header *h = &call->answer_headers[i];
		if (span_iis(h->name, "content-length") && span_u64(h->value, INT64_MAX, &length)) {
			return (int64_t)length;
		}
	}
	return status == 204 || status == 304 ? 0 : -1;
}

static void on_head_complete(struct http_call *call)
{
	long status = 0;
	call->curl->easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200) {
		return; /* 100 Continue and the like: the answer is still to come */
	}
	call->has_head = true;
	call->stated = stated_length(call, status);
	if (call->req.on_head) {
		call->req.on_head(
			call->req.ctx, (int)status, call->answer_headers, call->n_answer_headers);
	}
}

static size_t on_header_line(char *ptr, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	size_t len = size * n;
	struct span line = span_n(ptr, len);
	if (call->canceled) {
		return 0;
	}
	if (call->has_head) {
		return len; /* trailers */
	}
	while (line.len && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r')) {
		line.len--;
	}
	ptrdiff_t colon = span_find(line, ':');
	if (line.len == 0) {
		on_head_complete(call);
	} else if (span_starts(line, SPAN("HTTP/"))) {
		call->n_answer_headers = 0;
	} else if (colon > 0) {
		call->head_size += len;
		if (call->head_size > HEAD_MAX || call->n_answer_headers == HTTP_CALL_HEADERS_MAX) {
			call->too_large = true;
			return 0;
		}
		line = arena_span(call->arena, line);
		call->answer_headers[call->n_answer_headers++] = (struct http_header){
			span_n(line.ptr, (size_t)colon),
			span_trim(span_n(line.ptr + colon + 1, line.len - (size_t)colon - 1)),
		};
	}
	return call->canceled ? 0 : len;
}

static size_t on_body(char *ptr, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	size_t len = size * n;
	if (call->canceled) {
		return 0;
	}
	if (call->paused) {
		return CURL_WRITEFUNC_PAUSE;
	}
	if (len > call->req.max_body - call->received) {
		call->too_large = true;
		return 0;
	}
	call->received += len;
	if (call->req.on_data) {
		call->req.on_data(call->req.ctx, span_n(ptr, len));
	} else {
		buf_add(&call->body, ptr, len);
	}
	return call->canceled ? 0 : len;
}

bool http_call_answered_early(const struct http_call *call)
{
	return call->req.streams_body && !call->upload.ended && call->has_head && !call->canceled &&
	       call->stated == (int64_t)call->received;
}

void http_call_explain(const struct http_call *call, CURLcode rc, struct err *err)
{
	enum err_code code;
	switch (rc) {
	case CURLE_OK:
		return;
	case CURLE_OPERATION_TIMEDOUT:
		code = ERR_TIMEOUT;
		break;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		code = ERR_INVALID;
		break;
	case CURLE_FAILED_INIT:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		code = ERR_UNAVAILABLE;
		break;
	default:
		code = call->too_large ? ERR_LIMIT : ERR_IO;
		break;
	}
	/* A query may hold what is nobody's business in a log. */
	struct span rest = span_of(call->url);
	struct span place = span_cut(&rest, '?');
	const char *reason = call->too_large  ? "answer too large"
			     : call->error[0] ? call->error
					      : call->curl->easy_strerror(rc);
	err_set(err, code, "%s '%.*s': %s", call->method, SPAN_ARG(place), reason);
}

/* --- the request ------------------------------------------------------------------------------ */

static size_t on_upload(char *to, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	if (call->canceled) {
		return CURL_READFUNC_ABORT;
	}
	size_t taken = http_upload_read(&call->upload, to, size * n);
	if (http_upload_drained(&call->upload) && call->req.on_drain) {
		call->req.on_drain(call->req.ctx);
	}
	return call->upload.hungry ? CURL_READFUNC_PAUSE : taken;
}

static void set_streamed_body(struct http_call *call)
{
	curl_off_t length = call->req.body_length;
	call->curl->easy_setopt(call->easy, CURLOPT_POST, 1L);
	call->curl->easy_setopt(call->easy, CURLOPT_READFUNCTION, on_upload);
	call->curl->easy_setopt(call->easy, CURLOPT_READDATA, call);
	if (length >= 0) {
		call->curl->easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, length);
	}
	/* What was sent cannot be sent again, as on a connection that turns out to be dead. */
	call->curl->easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
}

static bool is_clean(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0') {
			return false;
		}
	}
	return true;
}

static void add_line(struct http_call *call, const char *line)
{
	call->headers = call->curl->slist_append(call->headers, line);
	ENSURE(call->headers);
}

/* The given headers and none of those that curl makes up. */
static void set_headers(struct http_call *call)
{
	const struct http_client_request *r = &call->req;
	bool accept = false, type = false;
	for (size_t i = 0; i < r->n_headers; i++) {
		struct span name = r->headers[i].name, value = r->headers[i].value;
		ENSURE(name.len && is_clean(name) && is_clean(value));
		if (span_iis(name, "content-length") || span_iis(name, "transfer-encoding")) {
			continue; /* follow from the body */
		}
		accept |= span_iis(name, "accept");
		type |= span_iis(name, "content-type");
		/* curl takes "Name:" as "leave it out" and "Name;" as "empty". */
		AUTO_FREE char *line =
			value.len ? xasprintf("%.*s: %.*s", SPAN_ARG(name), SPAN_ARG(value))
				  : xasprintf("%.*s;", SPAN_ARG(name));
		add_line(call, line);
	}
	if (r->streams_body && r->body_length < 0) {
		add_line(call, "Transfer-Encoding: chunked");
	}
	add_line(call, "Expect:");
	if (!accept) {
		add_line(call, "Accept:");
	}
	if (!type) {
		add_line(call, "Content-Type:");
	}
	call->curl->easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void set_method(struct http_call *call)
{
	const struct http_client_request *r = &call->req;
	struct span method = span_of(call->method);
	/* RFC 9110 section 8.6: these say Content-Length: 0 rather than nothing. */
	bool expects_body =
		span_is(method, "POST") || span_is(method, "PUT") || span_is(method, "PATCH");
	if (r->streams_body) {
		set_streamed_body(call);
	} else if (r->has_body || expects_body) {
		call->curl->easy_setopt(call->easy, CURLOPT_POST, 1L);
		call->curl->easy_setopt(
			call->easy, CURLOPT_POSTFIELDS, r->body.len ? r->body.ptr : "");
		call->curl->easy_setopt(
			call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
	} else if (span_is(method, "HEAD")) {
		call->curl->easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
	}
	call->curl->easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static void set_options(struct http_call *call)
{
	const struct curl_library *curl = call->curl;
	CURL *e = call->easy;
	curl->easy_setopt(e, CURLOPT_PRIVATE, call);
	curl->easy_setopt(e, CURLOPT_ERRORBUFFER, call->error);
	curl->easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl->easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl->easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl->easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl->easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl->easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	/* As the openssl and curl programs: a company's own authority, beside the system's. */
	const char *ca = getenv("SSL_CERT_FILE");
	if (ca && *ca) {
		curl->easy_setopt(e, CURLOPT_CAINFO, ca);
	}
	const char *no_proxy = getenv("no_proxy") ? getenv("no_proxy") : getenv("NO_PROXY");
	AUTO_FREE char *direct = xasprintf("%s%slocalhost,127.0.0.0/8,::1",
		no_proxy ? no_proxy : "", no_proxy && *no_proxy ? "," : "");
	curl->easy_setopt(e, CURLOPT_NOPROXY, direct);
	curl->easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl->easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)call->req.timeout_ms);
	curl->easy_setopt(e, CURLOPT_URL, call->url);
	/* "/a/../b" is what the caller meant. */
	curl->easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl->easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header_line);
	curl->easy_setopt(e, CURLOPT_HEADERDATA, call);
	curl->easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl->easy_setopt(e, CURLOPT_WRITEDATA, call);
}

void http_call_prepare(struct http_call *call, const struct curl_library *curl)
{
	call->curl = curl;
	call->easy = curl->easy_init();
	ENSURE(call->easy);
	set_options(call);
	set_method(call);
	set_headers(call);
}

/* --- its life --------------------------------------------------------------------------------- */

struct http_call *http_call_create(struct http_client *c, const struct http_client_request *r)
{
	struct http_call *call = xalloc(sizeof *call);
	call->client = c;
	call->req = *r;
	call->req.timeout_ms = r->timeout_ms ? r->timeout_ms : TIMEOUT_MS;
	call->req.max_body = r->max_body ? r->max_body : BODY_MAX;
	call->method = xstrdup(r->method);
	call->url = xstrdup(r->url);
	ENSURE(is_clean(span_of(call->method)));
	call->arena = arena_create();
	http_upload_init(&call->upload);
	buf_init(&call->body, call->req.max_body);
	list_init(&call->node);
	return call;
}

void http_call_free(struct http_call *call)
{
	if (call->easy) {
		call->curl->easy_cleanup(call->easy);
		call->curl->slist_free_all(call->headers);
	}
	arena_destroy(call->arena);
	http_upload_fini(&call->upload);
	buf_fini(&call->body);
	free(call->method);
	free(call->url);
	free(call);
}
