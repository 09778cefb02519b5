/* One process talks to this server, over one connection or a few. Which calls are allowed is decided by
 * the phase and the number of GET next that wait: in prefetch mode one of them belongs to the next event,
 * so an invocation is over when one more than that has come (`settle`). */
#include "runtime/api/runtime_api.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/buf.h"
#include "proxy/base/ids.h"
#include "proxy/base/json.h"
#include "proxy/base/list.h"
#include "proxy/net/http_server.h"
#include "runtime/api/route.h"

#define MAX_HEAD (1024 * 1024) /* X-Ray causes travel in a header (lambda.md 1.6) */
#define SILENCE_MS (1000 * 1000) /* longer than any function may run */
#define MAX_STREAM (200 * 1024 * 1024) /* of a streamed response (lambda.md 1.4) */
#define MAX_HEADERS 8

enum phase {
	INIT,
	IDLE,
	RUNNING,
	STREAMING,
	ANSWERED
};

/* A GET next that waits for its event. */
struct parked {
	struct list link;
	struct runtime_api *api;
	struct http_exchange *exchange;
};

struct runtime_api {
	struct runtime_api_config config;
	struct http_server *server;
	char address[32];
	enum phase phase;
	bool closed;
	const struct runtime_event *current;
	const struct runtime_event
		*ahead[RUNTIME_MAX_AHEAD]; /* delivered, not begun; oldest first */
	unsigned n_ahead;
	struct list parked; /* struct parked, oldest first */
	unsigned n_parked;
	struct http_exchange *result; /* the result that is being received, or NULL */
	enum route_id result_route;
	bool result_streams;
	bool paused;
	struct buf collected; /* a result whose length was not announced, or too long */
};

static const struct http_header json_type = { { "Content-Type", 12 }, { "application/json", 16 } };

static void reply_text(struct http_exchange *x, int status, struct span body)
{
	struct http_reply reply = { status, &json_type, 1, body };
	http_reply(x, &reply);
}

static void reply_accepted(struct http_exchange *x)
{
	reply_text(x, 202, SPAN("{\"status\":\"OK\"}\n"));
}

static void reply_error(struct http_exchange *x, int status, const char *type, const char *message)
{
	char body[512];
	int n = snprintf(body, sizeof body, "{\"errorMessage\":\"%s\",\"errorType\":\"%s\"}\n",
		message, type);
	reply_text(x, status, span_n(body, (size_t)n));
}

static void reply_bad_transition(struct http_exchange *x, const char *from, const char *to)
{
	char message[256];
	snprintf(message, sizeof message,
		"State transition from %s to %s failed for runtime. Error: State transition is not "
		"allowed",
		from, to);
	reply_error(x, 403, "InvalidStateTransition", message);
}

/* The names of rie's states, for InvalidStateTransition. */
static const char *phase_name(const struct runtime_api *a)
{
	static const char *const names[] = { "Started", "Ready", "Running", "InvocationResponse",
		"ResponseSent" };
	return names[a->phase];
}

static void add_header(struct http_header *headers, size_t *n, struct span name, struct span value)
{
	if (value.len) {
		headers[(*n)++] = (struct http_header){ name, value };
	}
}

static void reply_event(struct http_exchange *x, const struct runtime_event *e)
{
	char digits[BUF_U64_SIZE];
	struct buf deadline = buf_on(digits, sizeof digits);
	buf_add_u64(&deadline, (uint64_t)e->deadline_ms);
	struct http_header headers[MAX_HEADERS] = { json_type };
	size_t n = 1;
	add_header(headers, &n, SPAN("Lambda-Runtime-Aws-Request-Id"), e->request_id);
	add_header(headers, &n, SPAN("Lambda-Runtime-Deadline-Ms"), buf_span(&deadline));
	add_header(headers, &n, SPAN("Lambda-Runtime-Invoked-Function-Arn"), e->arn);
	add_header(headers, &n, SPAN("Lambda-Runtime-Trace-Id"), e->trace_id);
	add_header(headers, &n, SPAN("Lambda-Runtime-Client-Context"), e->client_context);
	add_header(headers, &n, SPAN("Lambda-Runtime-Cognito-Identity"), e->identity);
	struct http_reply reply = { 200, headers, n, e->payload };
	http_reply(x, &reply);
}

/* Takes the exchange out of its place in the queue. */
static struct http_exchange *unpark(struct parked *p)
{
	struct http_exchange *x = p->exchange;
	list_remove(&p->link);
	p->api->n_parked--;
	free(p);
	return x;
}

static void on_parked_gone(void *ctx)
{
	unpark(ctx);
}

static void park(struct runtime_api *a, struct http_exchange *x)
{
	struct parked *p = xrealloc(NULL, sizeof *p);
	*p = (struct parked){ .api = a, .exchange = x };
	list_push_back(&a->parked, &p->link);
	a->n_parked++;
	http_on_gone(x, on_parked_gone, p);
}

static unsigned depth(const struct runtime_api *a)
{
	return a->config.prefetch;
}

/* GET next calls that are not used up by the running invocation: waiting, or answered ahead. */
static unsigned spare_nexts(const struct runtime_api *a)
{
	return a->n_parked + a->n_ahead;
}

static const struct runtime_event *take_ahead(struct runtime_api *a)
{
	const struct runtime_event *event = a->n_ahead ? a->ahead[0] : NULL;
	if (event) {
		a->n_ahead--;
		memmove(a->ahead, a->ahead + 1, a->n_ahead * sizeof a->ahead[0]);
	}
	return event;
}

/* After a GET next or an answer: is the invocation over? */
static void settle(struct runtime_api *a)
{
	if (a->phase == ANSWERED && spare_nexts(a) > depth(a)) {
		a->current = take_ahead(a);
		a->phase = a->current ? RUNNING : IDLE;
		a->config.on_over(a->config.ctx);
	}
}

unsigned runtime_api_room(const struct runtime_api *a)
{
	if (a->closed || a->n_parked == 0 || a->phase == INIT) {
		return 0;
	}
	if (a->phase == IDLE) {
		return depth(a) ? a->n_parked : 1;
	}
	return a->phase != ANSWERED ? depth(a) - a->n_ahead : 0;
}

void runtime_api_deliver(struct runtime_api *a, const struct runtime_event *event)
{
	ENSURE(runtime_api_room(a) > 0);
	if (a->phase == IDLE) {
		a->current = event;
		a->phase = RUNNING;
	} else {
		a->ahead[a->n_ahead++] = event;
	}
	reply_event(unpark(container_of(list_first(&a->parked), struct parked, link)), event);
}

static void handle_next(struct runtime_api *a, struct http_exchange *x)
{
	if (a->phase == RUNNING && spare_nexts(a) >= depth(a)) {
		/* Asked again before answering: the same event at once (lambda.md 1.5). */
		reply_event(x, a->current);
		return;
	}
	park(a, x);
	if (a->phase == INIT) {
		a->phase = IDLE;
		a->config.on_ready(a->config.ctx);
		return;
	}
	settle(a);
}

/* True if a result for this id may come now; else what is wrong has been answered if `tell`. */
static bool may_answer(
	struct runtime_api *a, struct http_exchange *x, struct span id, const char *to, bool tell)
{
	bool known = a->current && span_eq(id, a->current->request_id);
	if (known && a->phase == RUNNING) {
		return true;
	}
	if (tell && !known) {
		reply_error(x, 400, "InvalidRequestID", "Invalid request ID");
	} else if (tell) {
		reply_bad_transition(x, phase_name(a), to);
	}
	return false;
}

static struct span error_type(const struct http_exchange *x)
{
	return http_header_get(http_request(x), "Lambda-Runtime-Function-Error-Type");
}

/* Hands a whole result to the owner, then tells the process. */
static void accept_result(
	struct runtime_api *a, struct http_exchange *x, enum route_id route, struct span body)
{
	a->phase = ANSWERED;
	if (route == ROUTE_RESPONSE) {
		a->config.on_response(a->config.ctx, body);
	} else {
		a->config.on_error(a->config.ctx, error_type(x), body);
	}
	reply_accepted(x);
	settle(a);
}

static void refuse_too_large(struct runtime_api *a, struct http_exchange *x)
{
	a->phase = ANSWERED;
	a->config.on_refused(a->config.ctx, "Function.ResponseSizeTooLarge",
		"Response payload size exceeded maximum allowed payload size (6291556 bytes).");
	reply_error(x, 413, "RequestEntityTooLarge",
		"Exceeded maximum allowed payload size (6291556 bytes).");
	settle(a);
}

static void refuse_mode(struct runtime_api *a, struct http_exchange *x)
{
	a->phase = ANSWERED;
	a->config.on_refused(a->config.ctx, "Runtime.InvalidResponseModeHeader",
		"Invalid function response mode");
	reply_error(x, 400, "InvalidFunctionResponseMode", "Invalid function response mode");
	settle(a);
}

static void handle_result(struct runtime_api *a, struct http_exchange *x, const struct route *route)
{
	const struct http_request *r = http_request(x);
	const char *to =
		route->id == ROUTE_RESPONSE ? "InvocationResponse" : "InvocationErrorResponse";
	if (!may_answer(a, x, route->request_id, to, true)) {
		return;
	}
	if (route->id == ROUTE_RESPONSE &&
		http_header_get(r, "Lambda-Runtime-Function-Response-Mode").ptr) {
		refuse_mode(a, x);
		return;
	}
	accept_result(a, x, route->id, r->body);
}

static void handle_init_error(struct runtime_api *a, struct http_exchange *x)
{
	if (a->phase != INIT) {
		reply_bad_transition(x, phase_name(a), "InitError");
		return;
	}
	a->config.on_init_error(a->config.ctx, error_type(x), http_request(x)->body);
	reply_accepted(x);
}

static void handle_register(struct runtime_api *a, struct http_exchange *x)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	struct http_header headers[] = { json_type,
		{ SPAN("Lambda-Extension-Identifier"), span_of(id) } };
	struct buf body = BUF_INIT(64 * 1024);
	buf_add_char(&body, '{');
	json_add_member(&body, "functionName", span_of(a->config.function));
	json_add_member(&body, "functionVersion", span_of(a->config.version));
	json_add_member(&body, "handler", span_of(a->config.handler));
	buf_add_char(&body, '}');
	struct http_reply reply = { 200, headers, COUNT_OF(headers), buf_span(&body) };
	http_reply(x, &reply);
	buf_fini(&body);
}

static void on_waiting_gone(void *ctx)
{
	(void)ctx;
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct runtime_api *a = ctx;
	const struct http_request *r = http_request(x);
	struct route route = route_find(r->method, r->path);
	if (a->closed) {
		http_abort(x);
		return;
	}
	switch (route.id) {
	case ROUTE_NEXT:
		handle_next(a, x);
		return;
	case ROUTE_RESPONSE:
	case ROUTE_ERROR:
		handle_result(a, x, &route);
		return;
	case ROUTE_INIT_ERROR:
		handle_init_error(a, x);
		return;
	case ROUTE_PING:
		reply_text(x, 200, SPAN("pong"));
		return;
	case ROUTE_REGISTER:
		handle_register(a, x);
		return;
	case ROUTE_EXTENSION_NEXT:
		/* No events are sent to extensions: it waits for as long as the environment lives. */
		http_on_gone(x, on_waiting_gone, NULL);
		return;
	case ROUTE_EXTENSION_ERROR:
		reply_accepted(x);
		return;
	case ROUTE_LOGS:
		reply_error(x, 202, "Logs.NotSupported", "Logs API is not supported");
		return;
	case ROUTE_TELEMETRY:
		reply_error(x, 202, "Telemetry.NotSupported", "Telemetry API is not supported");
		return;
	case ROUTE_NONE:
		reply_error(x, 404, "NotFound", "No such Runtime API path");
		return;
	}
}

/* ---- results that are received in pieces ---- */

static void on_result_data(void *ctx, struct span piece)
{
	struct runtime_api *a = ctx;
	if (a->closed) {
		return;
	}
	if (a->result_streams) {
		a->config.on_stream_data(a->config.ctx, piece);
	} else {
		buf_add_span(&a->collected, piece);
	}
}

static struct span trailer(const struct http_header *trailers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (span_iis(trailers[i].name, name)) {
			return trailers[i].value;
		}
	}
	return (struct span){ NULL, 0 };
}

static void on_result_end(void *ctx, const struct http_header *trailers, size_t n)
{
	struct runtime_api *a = ctx;
	struct http_exchange *x = a->result;
	a->result = NULL;
	if (a->closed) {
		http_abort(x);
		return;
	}
	if (!a->result_streams) {
		bool too_large = a->collected.overflow;
		if (too_large) {
			refuse_too_large(a, x);
		} else {
			accept_result(a, x, a->result_route, buf_span(&a->collected));
		}
		buf_fini(&a->collected);
		return;
	}
	a->phase = ANSWERED;
	a->config.on_stream_end(a->config.ctx, true,
		trailer(trailers, n, "Lambda-Runtime-Function-Error-Type"),
		trailer(trailers, n, "Lambda-Runtime-Function-Error-Body"));
	reply_accepted(x);
	settle(a);
}

static void on_result_gone(void *ctx)
{
	struct runtime_api *a = ctx;
	a->result = NULL;
	buf_fini(&a->collected);
	if (a->closed) {
		return;
	}
	if (a->result_streams) {
		a->phase = ANSWERED;
		a->config.on_stream_end(a->config.ctx, false, SPAN(""), SPAN(""));
	} else {
		a->phase = RUNNING;
	}
	settle(a);
}

static void receive_result(
	struct runtime_api *a, struct http_exchange *x, enum route_id route, bool streams)
{
	a->phase = STREAMING;
	a->result = x;
	a->result_route = route;
	a->result_streams = streams;
	buf_fini(&a->collected);
	struct http_body_events events = { on_result_data, on_result_end, a };
	http_stream_body(x, &events);
	http_on_gone(x, on_result_gone, a);
	if (streams) {
		a->config.on_stream(
			a->config.ctx, http_header_get(http_request(x), "Content-Type"));
		if (a->paused && a->result == x) {
			http_body_pause(x);
		}
	}
}

/* Whether the announced length is absent or above what a result may have. */
static bool has_unsafe_length(const struct http_request *r)
{
	struct span length = http_header_get(r, "Content-Length");
	uint64_t n;
	return !length.ptr || !span_u64(length, RUNTIME_MAX_PAYLOAD, &n);
}

/* Results that stream, or might not fit, are taken in pieces; all else waits for on_request, also what
 * is going to be refused. */
static bool on_head(void *ctx, struct http_exchange *x)
{
	struct runtime_api *a = ctx;
	const struct http_request *r = http_request(x);
	struct route route = route_find(r->method, r->path);
	bool is_result = route.id == ROUTE_RESPONSE || route.id == ROUTE_ERROR;
	if (a->closed || !is_result || !may_answer(a, x, route.request_id, "", false)) {
		return false;
	}
	struct span mode = http_header_get(r, "Lambda-Runtime-Function-Response-Mode");
	bool streams = route.id == ROUTE_RESPONSE && span_iis(mode, "streaming");
	if (!streams && (mode.ptr || !has_unsafe_length(r))) {
		return false;
	}
	receive_result(a, x, route.id, streams);
	return true;
}

void runtime_api_pause(struct runtime_api *a, bool paused)
{
	a->paused = paused;
	if (a->result && a->result_streams && paused) {
		http_body_pause(a->result);
	} else if (a->result && a->result_streams) {
		http_body_resume(a->result);
	}
}

struct runtime_api *runtime_api_open(
	uv_loop_t *loop, const struct runtime_api_config *config, struct err *err)
{
	struct runtime_api *a = xalloc(sizeof *a);
	ENSURE(config->prefetch <= RUNTIME_MAX_AHEAD);
	a->config = *config;
	list_init(&a->parked);
	buf_init(&a->collected, RUNTIME_MAX_PAYLOAD);
	struct http_server_config server = {
		.ctx = a,
		.on_request = on_request,
		.on_head = on_head,
		.max_head = MAX_HEAD,
		.max_body = MAX_STREAM,
		.body_timeout_ms = SILENCE_MS,
		.idle_timeout_ms = UINT32_MAX,
		/* One after the other, each event's answer and the GET next behind it wait in line until the
		 * older GET next are used up. A line that is cut shorter never moves again. */
		.pipeline = 4 + 3 * config->prefetch,
	};
	a->server = http_server_open(loop, "127.0.0.1", 0, &server, err);
	if (!a->server) {
		err_wrap(err, "Runtime API of '%s'", config->function);
		free(a);
		return NULL;
	}
	snprintf(a->address, sizeof a->address, "127.0.0.1:%u", http_server_port(a->server));
	return a;
}

const char *runtime_api_address(const struct runtime_api *a)
{
	return a->address;
}

void runtime_api_adopt(struct runtime_api *a, int fd)
{
	http_server_adopt(a->server, fd);
}

static void on_server_closed(void *ctx)
{
	struct runtime_api *a = ctx;
	while (!list_empty(&a->parked)) {
		unpark(container_of(list_first(&a->parked), struct parked, link));
	}
	buf_fini(&a->collected);
	free(a);
}

void runtime_api_close(struct runtime_api *a)
{
	if (!a->closed) {
		a->closed = true;
		http_server_close(a->server, 0, on_server_closed, a);
	}
}
