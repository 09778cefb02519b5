/* libcurl's multi interface on the loop: curl says which sockets and until when it waits (on_socket,
 * on_timeout), uv says when something happened, curl is run, and what has ended is reaped.
 *
 * Happy path: send -> timer of 0 -> run -> poll events -> run ... -> head, data -> reap -> done.
 * While curl runs, nothing may be added to it or taken from it: sends and cancels made from on_head
 * and on_data are noted and carried out when it has returned (`running`). */
#include "proxy/net/http_client.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/list.h"
#include "proxy/base/log.h"
#include "proxy/net/curl_library.h"
#include "proxy/net/http_upload.h"
#include "proxy/net/scope.h"

#define TIMEOUT_MS (30 * 1000)
#define BODY_MAX (1024 * 1024)
#define HEAD_MAX (64 * 1024)
#define HEADERS_MAX 200

struct http_client {
	struct scope scope;
	uv_loop_t *loop;
	CURLM *multi; /* since the first request */
	uv_timer_t timer; /* curl's */
	uv_timer_t kick; /* runs what was resumed, and fails what has no curl, in the next turn */
	struct list calls; /* of http_call, owned */
	bool running; /* inside curl */
	bool let_go;
};

/* One socket that curl waits for; owned by the loop once its poll handle is initialised. */
struct watch {
	uv_poll_t poll;
	struct http_client *client;
	curl_socket_t fd;
};

struct http_call {
	struct list node; /* client->calls */
	struct http_client *client;
	struct http_client_request req;
	CURL *easy; /* NULL: there is no libcurl */
	struct curl_slist *headers;
	char *method, *url;
	char error[CURL_ERROR_SIZE];
	struct arena *arena; /* the answer's headers */
	struct http_header answer_headers[HEADERS_MAX];
	size_t n_answer_headers, head_size;
	struct http_upload upload; /* a streamed body of the request */
	struct buf body;
	int64_t stated; /* bytes of the answer's body by its head; -1: not said */
	size_t received; /* of the body */
	bool added; /* curl knows it */
	bool has_head;
	bool too_large;
	bool paused, resumed;
	bool canceled; /* to be freed, nobody to be told */
};

/* Loaded by the first request. */
static const struct curl_library *curl;

static void reap(struct http_client *c);

/* --- running curl ----------------------------------------------------------------------------- */

static void run(struct http_client *c, curl_socket_t fd, int flags)
{
	int still;
	scope_hold(&c->scope);
	c->running = true;
	curl->multi_socket_action(c->multi, fd, flags, &still);
	c->running = false;
	reap(c);
	scope_drop(&c->scope);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct watch *w = handle->data;
	int flags = status < 0 ? CURL_CSELECT_ERR
			       : (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
					 (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
	run(w->client, w->fd, flags);
}

static void on_timer(uv_timer_t *handle)
{
	run(handle->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout(CURLM *multi, long ms, void *ctx)
{
	(void)multi;
	struct http_client *c = ctx;
	if (ms < 0 || c->scope.closing) {
		uv_timer_stop(&c->timer);
	} else {
		uv_update_time(c->loop);
		uv_timer_start(&c->timer, on_timer, (uint64_t)ms, 0);
	}
	return 0;
}

static void on_watch_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;
	struct http_client *c = w->client;
	free(w);
	scope_drop(&c->scope);
}

static struct watch *watch_open(struct http_client *c, curl_socket_t fd)
{
	struct watch *w = xalloc(sizeof *w);
	w->client = c;
	w->fd = fd;
	if (uv_poll_init_socket(c->loop, &w->poll, fd) != 0) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	scope_hold(&c->scope);
	curl->multi_assign(c->multi, fd, w);
	return w;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	(void)easy;
	struct http_client *c = ctx;
	struct watch *w = socket_ctx;
	if (what == CURL_POLL_REMOVE) {
		if (w) {
			/* Stops at once: curl closes the descriptor when we return. */
			curl->multi_assign(c->multi, fd, NULL);
			uv_close((uv_handle_t *)&w->poll, on_watch_closed);
		}
		return 0;
	}
	if (!w && !(w = watch_open(c, fd))) {
		log_error("net", "cannot watch a socket of the HTTP client");
		return -1;
	}
	int events =
		(what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	return uv_poll_start(&w->poll, events, on_poll);
}

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
	curl->easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
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
		if (call->head_size > HEAD_MAX || call->n_answer_headers == HEADERS_MAX) {
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

/* --- a streamed request ------------------------------------------------------------------------ */

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
	curl->easy_setopt(call->easy, CURLOPT_POST, 1L);
	curl->easy_setopt(call->easy, CURLOPT_READFUNCTION, on_upload);
	curl->easy_setopt(call->easy, CURLOPT_READDATA, call);
	if (length >= 0) {
		curl->easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, length);
	}
	/* What was sent cannot be sent again, as on a connection that turns out to be dead. */
	curl->easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
}

/* --- the end ------------------------------------------------------------------------------------ */

static void explain(const struct http_call *call, CURLcode rc, struct err *err)
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
					      : curl->easy_strerror(rc);
	err_set(err, code, "%s '%.*s': %s", call->method, SPAN_ARG(place), reason);
}

/* --- the life of a call ----------------------------------------------------------------------- */

static void call_free(struct http_call *call)
{
	list_remove(&call->node);
	if (call->added) {
		curl->multi_remove_handle(call->client->multi, call->easy);
	}
	if (call->easy) {
		curl->easy_cleanup(call->easy);
		curl->slist_free_all(call->headers);
	}
	arena_destroy(call->arena);
	http_upload_fini(&call->upload);
	buf_fini(&call->body);
	free(call->method);
	free(call->url);
	free(call);
}

static void finish(struct http_call *call, CURLcode rc)
{
	struct err err = ERR_INIT;
	long status = 0;
	explain(call, rc, &err);
	if (rc == CURLE_OK) {
		curl->easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	}
	/* Off the list first: done may end the client. */
	list_remove(&call->node);
	call->canceled = true;
	call->req.done(
		call->req.ctx, &err, err.code == ERR_NONE ? (int)status : 0, buf_span(&call->body));
}

static void add_to_curl(struct http_call *call)
{
	call->added = true;
	ENSURE(curl->multi_add_handle(call->client->multi, call->easy) == CURLM_OK);
}

/* Out of curl before calling out, so that a message is not read again, and curl may go in there. */
static void end(struct http_call *call, CURLcode rc)
{
	curl->multi_remove_handle(call->client->multi, call->easy);
	call->added = false;
	finish(call, rc);
	call_free(call);
}

/* curl may wait for the end of a body whose answer is whole: a server that wants no more of it says
 * "Connection: close" and leaves. */
static struct http_call *find_answered_early(struct http_client *c)
{
	LIST_FOR (node, &c->calls) {
		struct http_call *call = container_of(node, struct http_call, node);
		if (call->req.streams_body && !call->upload.ended && call->has_head &&
			!call->canceled && call->stated == (int64_t)call->received) {
			return call;
		}
	}
	return NULL;
}

static void carry_out_notes(struct http_client *c)
{
	LIST_FOR_SAFE (node, &c->calls) {
		struct http_call *call = container_of(node, struct http_call, node);
		if (call->canceled) {
			call_free(call);
		} else if (call->easy && !call->added) {
			add_to_curl(call);
		}
	}
}

static void let_go(struct http_client *c);

static void reap(struct http_client *c)
{
	CURLMsg *msg;
	int left;
	while (c->multi && !c->scope.closing &&
		(msg = curl->multi_info_read(c->multi, &left)) != NULL) {
		struct http_call *call;
		CURLcode rc = msg->data.result;
		curl->easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call);
		if (call->canceled) {
			call_free(call);
		} else {
			end(call, rc);
		}
	}
	struct http_call *early;
	while (!c->scope.closing && (early = find_answered_early(c)) != NULL) {
		end(early, CURLE_OK);
	}
	if (c->scope.closing) {
		let_go(c);
	} else {
		carry_out_notes(c);
	}
}

/* --- sending ---------------------------------------------------------------------------------- */

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
	call->headers = curl->slist_append(call->headers, line);
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
	curl->easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
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
		curl->easy_setopt(call->easy, CURLOPT_POST, 1L);
		curl->easy_setopt(call->easy, CURLOPT_POSTFIELDS, r->body.len ? r->body.ptr : "");
		curl->easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
	} else if (span_is(method, "HEAD")) {
		curl->easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
	}
	curl->easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static void set_options(struct http_call *call)
{
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

static int start_curl(struct http_client *c, struct err *err)
{
	curl = curl ? curl : curl_library(err);
	if (!curl || c->multi) {
		return curl ? 0 : -1;
	}
	c->multi = curl->multi_init();
	ENSURE(c->multi);
	curl->multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl->multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl->multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl->multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	return 0;
}

static void on_kick(uv_timer_t *handle);

static void give_to_curl(struct http_call *call)
{
	struct http_client *c = call->client;
	struct err err = ERR_INIT;
	if (start_curl(c, &err) != 0) {
		snprintf(call->error, sizeof call->error, "%.*s", (int)sizeof call->error - 1,
			err.msg);
		uv_timer_start(&c->kick, on_kick, 0, 0);
		return;
	}
	call->easy = curl->easy_init();
	ENSURE(call->easy);
	set_options(call);
	set_method(call);
	set_headers(call);
	if (!c->running) {
		add_to_curl(call);
	}
}

struct http_call *http_client_send(struct http_client *c, const struct http_client_request *r)
{
	ENSURE(!c->scope.closing && r->done);
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
	list_push_back(&c->calls, &call->node);
	give_to_curl(call);
	return call;
}

void http_call_cancel(struct http_call *call)
{
	if (call->client->running || call->client->scope.closing) {
		call->canceled = true;
	} else {
		call_free(call);
	}
}

/* --- pausing ---------------------------------------------------------------------------------- */

/* curl delivers what it held back, and asks for more to send, from within curl_easy_pause: hence not from
 * http_call_pause and http_call_write. */
static void on_kick(uv_timer_t *handle)
{
	struct http_client *c = handle->data;
	scope_hold(&c->scope);
	c->running = true;
	LIST_FOR_SAFE (node, &c->calls) {
		struct http_call *call = container_of(node, struct http_call, node);
		if (!call->easy && !call->canceled) {
			finish(call, CURLE_FAILED_INIT);
			call_free(call);
		} else if (call->resumed && !call->canceled && call->added) {
			call->resumed = false;
			curl->easy_pause(
				call->easy, call->paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
		}
	}
	c->running = false;
	reap(c);
	scope_drop(&c->scope);
}

static void resume(struct http_call *call)
{
	call->resumed = true;
	if (!call->client->scope.closing) {
		uv_timer_start(&call->client->kick, on_kick, 0, 0);
	}
}

void http_call_pause(struct http_call *call, bool paused)
{
	bool resumes = call->paused && !paused;
	call->paused = paused;
	if (resumes) {
		resume(call);
	}
}

bool http_call_write(struct http_call *call, struct span bytes)
{
	bool more = http_upload_write(&call->upload, bytes);
	if (call->upload.hungry && bytes.len) {
		resume(call);
	}
	return more;
}

void http_call_end(struct http_call *call)
{
	call->upload.ended = true;
	if (call->upload.hungry) {
		resume(call);
	}
}

/* --- the client ------------------------------------------------------------------------------- */

static void on_last_hold(struct scope *s)
{
	free(container_of(s, struct http_client, scope));
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct http_client *c = handle->data;
	scope_drop(&c->scope);
}

struct http_client *http_client_create(uv_loop_t *loop)
{
	struct http_client *c = xalloc(sizeof *c);
	scope_init(&c->scope, on_last_hold);
	c->loop = loop;
	list_init(&c->calls);
	uv_timer_init(loop, &c->timer);
	uv_timer_init(loop, &c->kick);
	c->timer.data = c->kick.data = c;
	scope_hold(&c->scope);
	scope_hold(&c->scope);
	return c;
}

/* The second half of destroy, once curl does not run. */
static void let_go(struct http_client *c)
{
	if (c->let_go) {
		return;
	}
	c->let_go = true;
	while (!list_empty(&c->calls)) {
		call_free(container_of(list_first(&c->calls), struct http_call, node));
	}
	if (c->multi) {
		curl->multi_cleanup(c->multi); /* takes leave of its sockets through on_socket */
	}
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
	uv_close((uv_handle_t *)&c->kick, on_handle_closed);
	scope_drop(&c->scope);
}

void http_client_destroy(struct http_client *c)
{
	if (!c || !scope_close(&c->scope)) {
		return;
	}
	struct err err = ERR_INIT;
	err_set(&err, ERR_CANCELED, "the HTTP client was closed");
	LIST_FOR (node, &c->calls) {
		struct http_call *call = container_of(node, struct http_call, node);
		if (!call->canceled) {
			call->canceled = true;
			call->req.done(call->req.ctx, &err, 0, span_n(NULL, 0));
		}
	}
	if (!c->running) {
		let_go(c);
	}
}
