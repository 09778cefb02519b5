/* libcurl's multi interface on the loop: curl says which sockets and until when it waits (on_socket,
 * on_timeout), uv says when something happened, curl is run, and what has ended is reaped.
 *
 * Happy path: send -> timer of 0 -> run -> poll events -> run ... -> head, data -> reap -> done.
 * While curl runs, nothing may be added to it or taken from it: sends and cancels made from on_head
 * and on_data are noted and carried out when it has returned (`running`). */
#include "proxy/net/http_client.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/log.h"
#include "proxy/net/http_call.h"
#include "proxy/net/scope.h"

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

/* --- the life of a call ----------------------------------------------------------------------- */

static void call_free(struct http_call *call)
{
	list_remove(&call->node);
	if (call->added) {
		curl->multi_remove_handle(call->client->multi, call->easy);
	}
	http_call_free(call);
}

static void finish(struct http_call *call, CURLcode rc)
{
	struct err err = ERR_INIT;
	long status = 0;
	http_call_explain(call, rc, &err);
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

static struct http_call *find_answered_early(struct http_client *c)
{
	LIST_FOR (node, &c->calls) {
		struct http_call *call = container_of(node, struct http_call, node);
		if (http_call_answered_early(call)) {
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
	http_call_prepare(call, curl);
	if (!c->running) {
		add_to_curl(call);
	}
}

struct http_call *http_client_send(struct http_client *c, const struct http_client_request *r)
{
	ENSURE(!c->scope.closing && r->done);
	struct http_call *call = http_call_create(c, r);
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
