/* A request is named (function_name), authorized and then answered at once, or becomes a job that waits
 * for its invocation:
 *   RequestResponse  one answer at the end
 *   response stream  head at the first piece (or at the end), frames, InvokeComplete
 * The client or the invocation may go first; whichever does, the job cuts the other off. */
#include "emulator/lambda/invoke_api.h"

#include <stdlib.h>

#include "emulator/lambda/api_error.h"
#include "emulator/lambda/async_queue.h"
#include "emulator/lambda/event_stream.h"
#include "emulator/lambda/function_config.h"
#include "emulator/lambda/function_name.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/ids.h"
#include "proxy/base/json.h"
#include "proxy/base/list.h"

#define MAX_SYNC 6291456
#define MAX_ASYNC (1024 * 1024)
#define MAX_CONTEXT 3583
#define PAGE 50

struct invoke_api {
	struct invoke_api_config config;
	struct async_queue *async;
	const struct model *model;
	int64_t modified_ms; /* when the model came */
	struct list jobs;
};

struct job {
	struct list node;
	struct invoke_api *api;
	struct http_exchange *x;
	struct invocation *inv;
	bool tail, stream, begun;
	char request_id[UUID_LEN + 1];
	char *version; /* X-Amz-Executed-Version */
	char *trace; /* X-Amzn-Trace-Id of the answer */
};

enum operation {
	LIST,
	GET,
	GET_CONFIGURATION,
	INVOKE,
	INVOKE_ASYNC,
	INVOKE_STREAM,
	UNKNOWN
};

struct call {
	struct invoke_api *api;
	struct http_exchange *x;
	const struct http_request *r;
	enum operation operation;
	struct function_name name;
	struct span payload, context;
};

/* Paths. */

#define FUNCTIONS "/2015-03-31/functions"

static const struct {
	struct span prefix, method, tail; /* PREFIX/NAME TAIL */
	enum operation operation;
} routes[] = {
	{ { FUNCTIONS "/", sizeof FUNCTIONS }, { "GET", 3 }, { "", 0 }, GET },
	{ { FUNCTIONS "/", sizeof FUNCTIONS }, { "GET", 3 }, { "/configuration", 14 },
		GET_CONFIGURATION },
	{ { FUNCTIONS "/", sizeof FUNCTIONS }, { "POST", 4 }, { "/invocations", 12 }, INVOKE },
	{ { "/2014-11-13/functions/", 22 }, { "POST", 4 }, { "/invoke-async", 13 }, INVOKE_ASYNC },
	{ { "/2014-11-13/functions/", 22 }, { "POST", 4 }, { "/invoke-async/", 14 }, INVOKE_ASYNC },
	{ { "/2021-11-15/functions/", 22 }, { "POST", 4 },
		{ "/response-streaming-invocations", 31 }, INVOKE_STREAM },
};

bool invoke_api_handles(struct span path)
{
	return span_is(path, FUNCTIONS) || span_starts(path, SPAN(FUNCTIONS "/")) ||
	       span_starts(path, SPAN("/2014-11-13/functions/")) ||
	       span_starts(path, SPAN("/2021-11-15/functions/"));
}

/* The name stays percent-encoded: it may hold no slash, but an encoded one (a handler's). */
static enum operation match(const struct http_request *r, struct span *name)
{
	*name = (struct span){ NULL, 0 };
	if (span_is(r->path, FUNCTIONS) || span_is(r->path, FUNCTIONS "/")) {
		return span_is(r->method, "GET") ? LIST : UNKNOWN;
	}
	for (size_t i = 0; i < COUNT_OF(routes); i++) {
		if (!span_eq(r->method, routes[i].method) ||
			!span_starts(r->path, routes[i].prefix)) {
			continue;
		}
		struct span rest = span_n(
			r->path.ptr + routes[i].prefix.len, r->path.len - routes[i].prefix.len);
		ptrdiff_t slash = span_find(rest, '/');
		size_t n = slash < 0 ? rest.len : (size_t)slash;
		if (n && span_eq(span_n(rest.ptr + n, rest.len - n), routes[i].tail)) {
			*name = span_n(rest.ptr, n);
			return routes[i].operation;
		}
	}
	return UNKNOWN;
}

static struct span decoded(struct arena *arena, struct span text)
{
	struct buf out = BUF_INIT(16384);
	bool whole = percent_decode(&out, text, false);
	struct span copy = arena_span(arena, whole ? buf_span(&out) : text);
	buf_fini(&out);
	return copy;
}

/* Value of a query parameter, decoded; NULL if absent or empty. */
static const char *parameter(const struct http_request *r, const char *name)
{
	struct span rest = r->query;
	while (rest.ptr) {
		struct span value = span_cut(&rest, '&');
		struct span key = span_cut(&value, '=');
		if (span_is(key, name)) {
			return value.len ? decoded(r->arena, value).ptr : NULL;
		}
	}
	return NULL;
}

/* Answers. */

static void reply_json(struct http_exchange *x, int status, struct span body)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	const struct http_header headers[] = { { SPAN("Content-Type"), SPAN("application/json") },
		{ SPAN("x-amzn-RequestId"), span_of(id) } };
	/* 202 and 204 have no body and so no type. */
	const struct http_reply answer = { .status = status,
		.headers = body.len ? headers : headers + 1,
		.n_headers = body.len ? 2 : 1,
		.body = body };
	http_reply(x, &answer);
}

static bool authorized(
	struct invoke_api *api, struct http_exchange *x, const char *action, const char *resource)
{
	char reason[512] = "";
	if (!api->config.authorize || api->config.authorize(api->config.ctx, http_request(x),
					      action, resource, reason, sizeof reason)) {
		return true;
	}
	api_error_reply(x, 403, "AccessDeniedException", "%s", reason);
	return false;
}

static void list_functions(struct invoke_api *api, struct http_exchange *x)
{
	const struct http_request *r = http_request(x);
	const char *items = parameter(r, "MaxItems"), *marker = parameter(r, "Marker");
	const char *version = parameter(r, "FunctionVersion");
	uint64_t max = PAGE, from = 0;
	if (!authorized(api, x, "lambda:ListFunctions", "*")) {
		return;
	}
	if ((items && (!span_u64(span_of(items), 10000, &max) || !max)) ||
		(marker && !span_u64(span_of(marker), api->model->n_functions, &from)) ||
		(version && strcmp(version, "ALL") != 0)) {
		api_error_reply(x, 400, "ValidationException",
			"1 validation error detected: MaxItems, Marker or FunctionVersion is out "
			"of range");
		return;
	}
	uint64_t to = from + (max < PAGE ? max : PAGE);
	struct buf body = BUF_INIT(16 << 20);
	buf_add_str(&body, "{\"Functions\":[");
	for (uint64_t i = from; i < to && i < api->model->n_functions; i++) {
		buf_add_str(&body, i > from ? "," : "");
		function_config_add(&body, &api->model->functions[i], NULL, true, api->modified_ms);
	}
	buf_add_char(&body, ']');
	if (to < api->model->n_functions) {
		buf_addf(&body, ",\"NextMarker\":\"%llu\"}", (unsigned long long)to);
	} else {
		buf_add_str(&body, ",\"NextMarker\":null}");
	}
	reply_json(x, 200, buf_span(&body));
	buf_fini(&body);
}

static void get_function(const struct call *c)
{
	const struct model_function *f = c->name.function;
	struct buf body = BUF_INIT(1 << 20);
	if (c->operation == GET) {
		buf_add_str(&body, "{\"Configuration\":");
	}
	function_config_add(&body, f, c->name.qualifier, false, c->api->modified_ms);
	if (c->operation == GET) {
		/* The code lies on the developer's disk; clients only want the member to be there. */
		buf_add_str(&body, ",\"Code\":{\"RepositoryType\":\"S3\",\"Location\":\"\"}");
		if (f->reserved_concurrency >= 0) {
			buf_addf(&body, ",\"Concurrency\":{\"ReservedConcurrentExecutions\":%d}",
				f->reserved_concurrency);
		}
		buf_add_char(&body, '}');
	}
	reply_json(c->x, 200, buf_span(&body));
	buf_fini(&body);
}

/* What is sent along. */

static bool only_space(const char *from, const char *end)
{
	while (from < end && (*from == ' ' || *from == '\t' || *from == '\n' || *from == '\r')) {
		from++;
	}
	return from == end;
}

/* Jackson's words, since that is what the service answers with. */
static void refuse_json(struct http_exchange *x, struct span body, size_t at)
{
	unsigned line = 1, column = 1;
	at = at < body.len ? at : body.len - 1;
	for (size_t i = 0; i < at; i++) {
		column = body.ptr[i] == '\n' ? 1 : column + 1;
		line += body.ptr[i] == '\n';
	}
	unsigned char c = (unsigned char)body.ptr[at];
	api_error_reply(x, 400, "InvalidRequestContentException",
		"Could not parse request body into json: Could not parse payload into json: "
		"Unexpected character "
		"('%c' (code %u)): expected a valid value (JSON String, Number, Array, Object or "
		"token 'null', "
		"'true' or 'false')\n at [Source: REDACTED "
		"(`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` "
		"disabled); line: %u, column: %u]",
		c, c, line, column);
}

/* Validity is all that counts here: the bytes go on as they came. Not json_parse: depth and NUL escapes are
 * the handler's business. */
static bool read_payload(struct call *c, size_t max)
{
	c->payload = c->r->body;
	if (c->payload.len > max) {
		api_error_reply(c->x, 413, "RequestEntityTooLargeException",
			"Request must be smaller than %zu bytes for the InvokeFunction operation",
			max);
		return false;
	}
	if (!c->payload.len) {
		/* Not confirmed for the service; the other emulators do so (5.1). */
		c->payload = SPAN("{}");
		return true;
	}
	const char *end = NULL, *last = c->payload.ptr + c->payload.len;
	cJSON *tree = cJSON_ParseWithLengthOpts(c->payload.ptr, c->payload.len, &end, 0);
	bool valid = tree && only_space(end, last) && utf8_valid(c->payload);
	cJSON_Delete(tree);
	if (!valid) {
		refuse_json(c->x, c->payload, end ? (size_t)(end - c->payload.ptr) : 0);
	}
	return valid;
}

static bool read_context(struct call *c)
{
	struct span header = http_header_get(c->r, "x-amz-client-context");
	struct buf text = BUF_INIT(MAX_CONTEXT);
	bool fine = base64_decode(&text, header) && !text.overflow;
	AUTO_JSON cJSON *tree = fine && text.len ? json_parse(buf_span(&text), NULL) : NULL;
	c->context = arena_span(c->r->arena, buf_span(&text));
	buf_fini(&text);
	if (header.len && !cJSON_IsObject(tree)) {
		api_error_reply(c->x, 400, "InvalidRequestContentException",
			"Client context must be a valid Base64-encoded JSON object.");
		return false;
	}
	return true;
}

/* Jobs. */

static void free_job(struct job *job)
{
	list_remove(&job->node);
	free(job->version);
	free(job->trace);
	free(job);
}

static void on_gone(void *ctx)
{
	struct job *job = ctx;
	lambda_cancel(job->inv);
	free_job(job);
}

static size_t base_headers(const struct job *job, struct http_header *headers)
{
	size_t n = 0;
	headers[n++] = (struct http_header){ SPAN("x-amzn-RequestId"), span_of(job->request_id) };
	headers[n++] =
		(struct http_header){ SPAN("X-Amz-Executed-Version"), span_of(job->version) };
	headers[n++] = (struct http_header){ SPAN("X-Amzn-Trace-Id"), span_of(job->trace) };
	return n;
}

static void reply_result(struct job *job, const struct lambda_result *r)
{
	struct http_header headers[8];
	struct buf tail = BUF_INIT(16384);
	size_t n = base_headers(job, headers);
	headers[n++] = (struct http_header){ SPAN("Content-Type"), SPAN("application/json") };
	headers[n++] = (struct http_header){ SPAN("x-amzn-Remapped-Content-Length"), SPAN("0") };
	if (r->outcome == LAMBDA_FUNCTION_ERROR) {
		headers[n++] =
			(struct http_header){ SPAN("X-Amz-Function-Error"), SPAN("Unhandled") };
	}
	if (job->tail) {
		base64_encode(&tail, r->log_tail);
		headers[n++] = (struct http_header){ SPAN("X-Amz-Log-Result"), buf_span(&tail) };
	}
	const struct http_reply answer = {
		.status = 200, .headers = headers, .n_headers = n, .body = r->payload
	};
	http_reply(job->x, &answer);
	buf_fini(&tail);
}

static void reply_failure(struct http_exchange *x, const struct lambda_result *r)
{
	if (r->outcome == LAMBDA_THROTTLED) {
		api_error_throttled(x, "ReservedFunctionConcurrentInvocationLimitExceeded");
	} else {
		api_error_reply(x, 500, "ServiceException", "%s", r->detail);
	}
}

/* Streams. */

static void begin_stream(struct job *job, struct span content_type)
{
	struct http_header headers[8];
	size_t n = base_headers(job, headers);
	headers[n++] = (struct http_header){ SPAN("Content-Type"),
		SPAN("application/vnd.amazon.eventstream") };
	/* Where the function's own content type goes is not confirmed (5.4). */
	headers[n++] = (struct http_header){ SPAN("X-Amzn-Remapped-Content-Type"),
		content_type.len ? content_type : SPAN("application/octet-stream") };
	const struct http_reply answer = { .status = 200, .headers = headers, .n_headers = n };
	job->begun = true;
	http_reply_begin(job->x, &answer, -1);
}

static bool write_frame(
	struct job *job, const char *event, const char *content_type, struct span payload)
{
	struct buf frame = BUF_INIT(payload.len + 1024);
	event_stream_add(&frame, event, content_type, payload);
	bool more = http_reply_write(job->x, buf_span(&frame));
	buf_fini(&frame);
	return more;
}

static void on_drain(void *ctx)
{
	struct job *job = ctx;
	lambda_chunk_credit(job->inv);
}

/* Content types come from the function: a header may hold no control characters. */
static struct span header_safe(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f) {
			return (struct span){ NULL, 0 };
		}
	}
	return s;
}

static bool on_chunk(void *ctx, struct span content_type, struct span piece)
{
	struct job *job = ctx;
	if (!job->begun) {
		begin_stream(job, header_safe(content_type));
		http_on_drain(job->x, on_drain, job);
	}
	return !piece.len || write_frame(job, "PayloadChunk", "application/octet-stream", piece);
}

static void complete_stream(struct job *job, const struct lambda_result *r)
{
	struct buf body = BUF_INIT(16 << 20);
	bool failed = r->outcome != LAMBDA_OK;
	buf_add_char(&body, '{');
	if (failed) {
		json_add_member(
			&body, "ErrorCode", span_of(*r->error_type ? r->error_type : "Unhandled"));
		json_add_member(
			&body, "ErrorDetails", r->payload.len ? r->payload : span_of(r->detail));
	}
	json_add_name(&body, "LogResult");
	if (job->tail) {
		buf_add_char(&body, '"');
		base64_encode(&body, r->log_tail);
		buf_add_char(&body, '"');
	} else {
		buf_add_str(&body, "null");
	}
	buf_add_char(&body, '}');
	write_frame(job, "InvokeComplete", "application/json", buf_span(&body));
	buf_fini(&body);
	http_reply_end(job->x);
}

static void reply_stream(struct job *job, const struct lambda_result *r)
{
	if (!job->begun) {
		begin_stream(job, (struct span){ NULL, 0 });
	}
	/* A function that does not stream answers with one piece. */
	if (r->outcome == LAMBDA_OK && r->payload.len) {
		write_frame(job, "PayloadChunk", "application/octet-stream", r->payload);
	}
	complete_stream(job, r);
}

static void on_done(void *ctx, const struct lambda_result *r)
{
	struct job *job = ctx;
	bool ran = r->outcome == LAMBDA_OK || r->outcome == LAMBDA_FUNCTION_ERROR;
	if (!ran && !job->begun) {
		reply_failure(job->x, r);
	} else if (job->stream) {
		reply_stream(job, r);
	} else {
		reply_result(job, r);
	}
	free_job(job);
}

/* Invokes. */

/* The answer names the trace as "root=..", whatever the request wrote. */
static char *shown_trace(const char *trace)
{
	struct span rest = span_of(trace);
	struct span root = span_cut(&rest, ';');
	bool named = span_starts(root, SPAN("Root="));
	root = named ? span_n(root.ptr + 5, root.len - 5) : root;
	return xasprintf("root=%.*s;sampled=0", SPAN_ARG(root));
}

static const char *trace_of(const struct call *c)
{
	struct span given = http_header_get(c->r, "x-amzn-trace-id");
	if (given.len && given.len < 1024) {
		return arena_strndup(c->r->arena, given.ptr, given.len);
	}
	char random[25];
	id_random(random, 24, ID_HEX);
	return arena_printf(c->r->arena, "Root=1-%08llx-%s;Parent=%.16s;Sampled=0",
		(unsigned long long)(clock_now_ms(c->api->config.clock) / 1000) & 0xffffffff,
		random, random + 4);
}

/* A version is its own name; an alias of ours always means the one code there is. */
static const char *executed_version(const char *qualifier)
{
	uint64_t number;
	return qualifier && span_u64(span_of(qualifier), UINT32_MAX, &number) ? qualifier
									      : "$LATEST";
}

static void invoke_now(struct call *c, bool tail)
{
	struct job *job = xalloc(sizeof *job);
	const char *trace = trace_of(c);
	uuid_random(job->request_id);
	job->api = c->api;
	job->x = c->x;
	job->tail = tail;
	job->stream = c->operation == INVOKE_STREAM;
	job->version = xstrdup(executed_version(c->name.qualifier));
	job->trace = shown_trace(trace);
	list_push_back(&c->api->jobs, &job->node);
	http_on_gone(c->x, on_gone, job);
	const struct lambda_call call = { .function = c->name.name,
		.payload = c->payload,
		.source = "Invoke",
		.request_id = job->request_id,
		.qualifier = c->name.qualifier,
		.client_context = c->context,
		.trace_id = trace,
		.want_log_tail = tail,
		.on_chunk = job->stream ? on_chunk : NULL,
		.done = on_done,
		.ctx = job };
	job->inv = lambda_invoke(c->api->config.lambda, &call);
}

static void invoke_later(struct call *c)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	const struct lambda_call call = { .function = c->name.name,
		.payload = c->payload,
		.source = "Invoke (Event)",
		.request_id = id,
		.qualifier = c->name.qualifier,
		.trace_id = trace_of(c) };
	const struct model_function *f = c->name.function;
	if (f->reserved_concurrency == 0) {
		async_queue_refuse(c->api->async, &call);
	} else if (!async_queue_add(c->api->async, &call, f->max_retries)) {
		api_error_throttled(c->x, "CallerRateLimitExceeded");
		return;
	}
	const struct http_header headers[] = { { SPAN("x-amzn-RequestId"), span_of(id) },
		{ SPAN("x-amzn-Remapped-Content-Length"), SPAN("0") } };
	const struct http_reply answer = { .status = 202, .headers = headers, .n_headers = 2 };
	http_reply(c->x, &answer);
}

static void refuse_value(
	struct http_exchange *x, struct span value, const char *name, const char *set)
{
	api_error_reply(x, 400, "ValidationException",
		"1 validation error detected: Value '%.*s' at '%s' failed to satisfy constraint: "
		"Member must "
		"satisfy enum value set: [%s]",
		SPAN_ARG(value), name, set);
}

static void invoke(struct call *c)
{
	struct span type = http_header_get(c->r, "x-amz-invocation-type");
	struct span log = http_header_get(c->r, "x-amz-log-type");
	bool later = span_is(type, "Event") && c->operation == INVOKE;
	if (type.len && !later && !span_is(type, "RequestResponse") && !span_is(type, "DryRun")) {
		refuse_value(c->x, type, "invocationType",
			c->operation == INVOKE ? "RequestResponse, DryRun, Event"
					       : "RequestResponse, DryRun");
		return;
	}
	if (log.len && !span_is(log, "Tail") && !span_is(log, "None")) {
		refuse_value(c->x, log, "logType", "Tail, None");
		return;
	}
	later = later || c->operation == INVOKE_ASYNC;
	if (!read_payload(c, later ? MAX_ASYNC : MAX_SYNC) || !read_context(c)) {
		return;
	}
	if (span_is(type, "DryRun")) {
		reply_json(c->x, 204, SPAN(""));
	} else if (later) {
		invoke_later(c);
	} else {
		invoke_now(c, span_is(log, "Tail"));
	}
}

/* The ARN in the answer about an unknown function; GetFunction leaves $LATEST out (5.3). */
static const char *missing_arn(const struct call *c)
{
	const struct model *m = c->api->model;
	const char *qualifier = c->name.qualifier;
	if (!qualifier && c->operation != GET && c->operation != GET_CONFIGURATION) {
		qualifier = "$LATEST";
	}
	return arena_printf(c->r->arena, "arn:aws:lambda:%s:%s:function:%s%s%s", m->region,
		m->account, c->name.name, qualifier ? ":" : "", qualifier ? qualifier : "");
}

static const char *action_of(enum operation operation)
{
	switch (operation) {
	case GET:
		return "lambda:GetFunction";
	case GET_CONFIGURATION:
		return "lambda:GetFunctionConfiguration";
	case INVOKE_ASYNC:
		return "lambda:InvokeAsync";
	default:
		return "lambda:InvokeFunction";
	}
}

static void on_named(struct call *c)
{
	const struct model_function *f = c->name.function;
	const char *resource = f ? f->arn : missing_arn(c);
	if (f && c->name.qualifier) {
		resource = arena_printf(c->r->arena, "%s:%s", f->arn, c->name.qualifier);
	}
	if (!authorized(c->api, c->x, action_of(c->operation), resource)) {
		return;
	}
	if (!f) {
		api_error_reply(c->x, 404, "ResourceNotFoundException", "Function not found: %s",
			missing_arn(c));
	} else if (c->operation == GET || c->operation == GET_CONFIGURATION) {
		get_function(c);
	} else {
		invoke(c);
	}
}

void invoke_api_request(struct invoke_api *api, struct http_exchange *x)
{
	struct call c = { .api = api, .x = x, .r = http_request(x) };
	struct span name;
	c.operation = match(c.r, &name);
	if (!api->model) {
		api_error_reply(x, 500, "ServiceException", "the app's stacks are not there yet");
		return;
	}
	if (c.operation == LIST) {
		list_functions(api, x);
		return;
	}
	if (c.operation == UNKNOWN) {
		api_error_reply(x, 404, "UnknownOperationException",
			"the emulator does not have this operation of Lambda");
		return;
	}
	struct function_name_fault fault;
	if (!function_name_parse(api->model, decoded(c.r->arena, name), parameter(c.r, "Qualifier"),
		    c.r->arena, &c.name, &fault)) {
		api_error_reply(x, fault.status, fault.type, "%s", fault.message);
		return;
	}
	on_named(&c);
}

struct invoke_api *invoke_api_create(const struct invoke_api_config *config)
{
	struct invoke_api *api = xalloc(sizeof *api);
	const struct async_queue_config async = { .loop = config->loop,
		.lambda = config->lambda,
		.clock = config->clock,
		.minute_ms = config->async_minute_ms,
		.ctx = config->ctx,
		.on_dead_letter = config->on_dead_letter };
	api->config = *config;
	api->async = async_queue_create(&async);
	list_init(&api->jobs);
	return api;
}

void invoke_api_set_model(struct invoke_api *api, const struct model *m)
{
	api->model = m;
	api->modified_ms = clock_now_ms(api->config.clock);
}

void invoke_api_destroy(struct invoke_api *api)
{
	if (!api) {
		return;
	}
	async_queue_destroy(api->async);
	LIST_FOR_SAFE (node, &api->jobs) {
		struct job *job = container_of(node, struct job, node);
		struct http_exchange *x = job->x;
		bool begun = job->begun;
		lambda_cancel(job->inv);
		free_job(job);
		if (begun) {
			http_abort(x);
		} else {
			api_error_reply(x, 500, "ServiceException", "the emulator is going down");
		}
	}
	free(api);
}
