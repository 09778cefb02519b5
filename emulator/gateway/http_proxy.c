/* Happy path: start -> on_backend_head -> on_backend_data ... -> on_backend_done. Where the answer's body
 * decides about its head, all leaves in on_backend_done.
 * Failures: no head at all -> on_failed, the owner answers 503; broken after the head -> the client's
 * connection is aborted, since a status cannot be taken back. A slow client pauses the backend. */
#include "emulator/gateway/http_proxy.h"

#include "emulator/gateway/headers.h"
#include "emulator/gateway/mapping.h"
#include "proxy/base/alloc.h"

#define MAX_ANSWER (10u * 1024 * 1024)

struct http_proxy {
	struct http_proxy_config config;
	struct http_call *call;
	struct reply head;
	bool begun; /* the head has gone out */
	int64_t left; /* bytes that the head promised and that have not come; -1: not said */
	size_t bytes;
	struct buf body; /* of an answer that is not streamed */
};

/* --- the request --------------------------------------------------------------------------------- */

static bool is_forwarding(struct span name)
{
	return span_iis(name, "forwarded") || span_iis(name, "x-forwarded-for") ||
	       span_iis(name, "x-forwarded-host") || span_iis(name, "x-forwarded-proto") ||
	       span_iis(name, "x-forwarded-port");
}

/* RFC 7239 section 6: an IPv6 address stands in brackets and quotes. */
static const char *node(struct arena *arena, struct span address)
{
	return span_find(address, ':') >= 0 ? arena_printf(arena, "\"[%.*s]\"", SPAN_ARG(address))
					    : arena_strndup(arena, address.ptr, address.len);
}

/* What came in as Forwarded or X-Forwarded-For, then this hop. */
static struct span forwarded(const struct http_request *http)
{
	struct arena *arena = http->arena;
	const char *text = "";
	struct span before = http_header_get(http, "forwarded");
	if (before.len) {
		text = arena_printf(arena, "%.*s, ", SPAN_ARG(before));
	}
	struct span rest = http_header_get(http, "x-forwarded-for");
	while (rest.ptr) {
		struct span address = span_trim(span_cut(&rest, ','));
		if (address.len) {
			text = arena_printf(arena, "%sfor=%s, ", text, node(arena, address));
		}
	}
	return span_of(arena_printf(arena, "%sby=127.0.0.1;for=%s;host=%.*s;proto=https", text,
		node(arena, span_of(http->peer)), SPAN_ARG(http_header_get(http, "host"))));
}

static void add_headers(const struct http_proxy_config *c, struct reply *head)
{
	const struct http_request *http = c->context->event->http;
	for (size_t i = 0; i < http->n_headers; i++) {
		struct span name = http->headers[i].name;
		if (!header_is_hop_by_hop(name) && !is_forwarding(name) &&
			!span_iis(name, "host") && !span_iis(name, "content-length") &&
			!span_iis(name, "x-amzn-trace-id")) {
			reply_header(head, name, http->headers[i].value);
		}
	}
	reply_header(head, SPAN("Forwarded"), forwarded(http));
	reply_header(head, SPAN("X-Amzn-Trace-Id"), span_of(c->context->event->trace_id));
}

/* The integration's URI with {name} replaced by the request's path parameters, as received. */
static const char *filled_uri(const struct http_proxy_config *c)
{
	const struct event_input *e = c->context->event;
	struct arena *arena = e->http->arena;
	struct span rest = span_of(c->integration->uri);
	const char *url = "";
	while (rest.len) {
		struct span plain = span_cut(&rest, '{');
		url = arena_printf(arena, "%s%.*s", url, SPAN_ARG(plain));
		struct span name = rest.ptr ? span_cut(&rest, '}') : SPAN("");
		for (size_t i = 0; i < e->n_params && name.len; i++) {
			if (span_is(name, e->params[i].name)) {
				url = arena_printf(
					arena, "%s%.*s", url, SPAN_ARG(e->params[i].value));
			}
		}
	}
	return url;
}

/* The URL's scheme and authority: up to the slash that begins its path. */
static struct span origin_of(const char *url)
{
	const char *authority = strstr(url, "://");
	const char *from = authority ? authority + 3 : url;
	return span_n(url, (size_t)(from - url) + strcspn(from, "/?"));
}

static const char *url_with_query(struct arena *arena, const char *url, struct span query)
{
	const char *lead = strchr(url, '?') ? "&" : "?";
	return query.ptr ? arena_printf(arena, "%s%s%.*s", url, lead, SPAN_ARG(query)) : url;
}

void http_proxy_request(const struct http_proxy_config *config, struct reply *head,
	const char **url, const char **method)
{
	const struct http_request *http = config->context->event->http;
	const struct model_integration *in = config->integration;
	struct arena *arena = http->arena;
	struct mapped_request m;
	mapped_request_init(&m, http, &in->request_mappings);
	add_headers(config, &m.head);
	mapping_apply_request(&in->request_mappings, config->context, config->path, &m);
	const char *base = filled_uri(config);
	if (m.path.ptr) {
		bool slash = m.path.len && m.path.ptr[0] == '/';
		base = arena_printf(arena, "%.*s%s%.*s", SPAN_ARG(origin_of(base)),
			slash ? "" : "/", SPAN_ARG(m.path));
	}
	*url = url_with_query(arena, base, mapped_request_query(&m));
	bool same = !*in->method || strcmp(in->method, "ANY") == 0;
	*method = same ? arena_strndup(arena, http->method.ptr, http->method.len) : in->method;
	*head = m.head;
}

/* --- the answer ---------------------------------------------------------------------------------- */

static void on_drained(void *ctx)
{
	struct http_proxy *p = ctx;
	if (p->call) {
		http_call_pause(p->call, false);
	}
}

static struct http_reply finished_head(struct http_proxy *p)
{
	p->config.on_head(p->config.ctx, &p->head);
	p->begun = true;
	return (struct http_reply){ p->head.status, p->head.headers, p->head.n_headers,
		{ NULL, 0 } };
}

static void on_backend_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct http_proxy *p = ctx;
	struct arena *arena = http_request(p->config.exchange)->arena;
	reply_init(&p->head, arena);
	p->head.status = status;
	p->left = -1;
	for (size_t i = 0; i < n; i++) {
		uint64_t stated;
		if (span_iis(headers[i].name, "content-length") &&
			span_u64(headers[i].value, MAX_ANSWER, &stated)) {
			p->left = (int64_t)stated;
		}
		if (!reply_is_reserved(headers[i].name) &&
			header_is_sendable(headers[i].name, headers[i].value)) {
			reply_header(&p->head, header_canonical(arena, headers[i].name),
				arena_span(arena, headers[i].value));
		}
	}
	if (!p->config.whole) {
		struct http_reply reply = finished_head(p);
		http_on_drain(p->config.exchange, on_drained, p);
		http_reply_begin(p->config.exchange, &reply, p->left);
	}
}

static void on_backend_data(void *ctx, struct span piece)
{
	struct http_proxy *p = ctx;
	if (p->config.whole) {
		buf_add_span(&p->body, piece);
		return;
	}
	if (p->left >= 0 && piece.len > (uint64_t)p->left) {
		piece.len = (size_t)p->left; /* never more than was promised */
	}
	p->left -= p->left >= 0 ? (int64_t)piece.len : 0;
	p->bytes += piece.len;
	if (!http_reply_write(p->config.exchange, piece)) {
		http_call_pause(p->call, true);
	}
}

static void answer_whole(struct http_proxy *p)
{
	p->head.body = buf_span(&p->body);
	struct http_reply reply = finished_head(p);
	p->config.on_done(p->config.ctx, p->body.len, NULL);
	http_reply_buf(p->config.exchange, &reply, &p->body);
}

static void on_backend_done(void *ctx, const struct err *err, int status, struct span body)
{
	struct http_proxy *p = ctx;
	struct http_exchange *exchange = p->config.exchange;
	(void)status;
	(void)body;
	p->call = NULL;
	bool broken = err->code != ERR_NONE;
	if (!p->begun && broken) {
		buf_fini(&p->body);
		p->config.on_failed(p->config.ctx, err);
		return;
	}
	if (!p->begun) {
		answer_whole(p);
		return;
	}
	p->config.on_done(p->config.ctx, p->bytes, broken ? err : NULL);
	if (broken) {
		http_abort(exchange);
	} else {
		http_reply_end(exchange);
	}
}

/* --- a streamed request ------------------------------------------------------------------------- */

bool http_proxy_streams(const struct model_route *route)
{
	const struct model_integration *in = route->integration;
	return in && in->type == MODEL_HTTP_PROXY && route->authorization != MODEL_AUTH_IAM &&
	       !mapping_reads_body(&in->request_mappings);
}

static void on_backend_takes_more(void *ctx)
{
	struct http_proxy *p = ctx;
	http_body_resume(p->config.exchange);
}

void http_proxy_body(struct http_proxy *p, struct span piece)
{
	if (!http_call_write(p->call, piece)) {
		http_body_pause(p->config.exchange);
	}
}

void http_proxy_body_end(struct http_proxy *p)
{
	http_call_end(p->call);
}

/* -1: it comes in chunks. */
static int64_t stated_length(const struct http_request *http)
{
	uint64_t length;
	bool stated = span_u64(http_header_get(http, "content-length"), INT64_MAX, &length);
	return stated ? (int64_t)length : -1;
}

/* --- the life of a call ------------------------------------------------------------------------- */

struct http_proxy *http_proxy_start(const struct http_proxy_config *config)
{
	const struct http_request *http = config->context->event->http;
	struct http_proxy *p = arena_alloc(http->arena, sizeof *p);
	p->config = *config;
	buf_init(&p->body, MAX_ANSWER);
	struct reply head;
	struct http_client_request request = { .body = http->body,
		.has_body = http->has_body,
		.streams_body = config->streamed,
		.body_length = config->streamed ? stated_length(http) : 0,
		.on_drain = on_backend_takes_more,
		.timeout_ms = config->integration->timeout_ms,
		.max_body = MAX_ANSWER,
		.on_head = on_backend_head,
		.on_data = on_backend_data,
		.done = on_backend_done,
		.ctx = p };
	http_proxy_request(config, &head, &request.url, &request.method);
	request.headers = head.headers;
	request.n_headers = head.n_headers;
	p->call = http_client_send(config->client, &request);
	if (config->streamed) {
		http_body_resume(config->exchange);
	}
	return p;
}

void http_proxy_cancel(struct http_proxy *p)
{
	if (p->call) {
		http_call_cancel(p->call);
		p->call = NULL;
	}
	buf_fini(&p->body);
}
