#include "emulator/lambda/invoke_job.h"

#include <stdlib.h>

#include "emulator/lambda/api_error.h"
#include "emulator/lambda/invoke_stream.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/ids.h"

struct job {
	struct list node;
	struct http_exchange *x;
	struct invocation *inv;
	bool tail, stream, begun;
	char request_id[UUID_LEN + 1];
	char *version; /* X-Amz-Executed-Version */
	char *trace; /* X-Amzn-Trace-Id of the answer */
};

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

/* RequestResponse. */

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
	struct http_header headers[4];
	size_t n = base_headers(job, headers);
	job->begun = true;
	invoke_stream_begin(job->x, headers, n, content_type);
}

static void on_drain(void *ctx)
{
	struct job *job = ctx;
	lambda_chunk_credit(job->inv);
}

static bool on_chunk(void *ctx, struct span content_type, struct span piece)
{
	struct job *job = ctx;
	if (!job->begun) {
		begin_stream(job, content_type);
		http_on_drain(job->x, on_drain, job);
	}
	return !piece.len || invoke_stream_piece(job->x, piece);
}

static void reply_stream(struct job *job, const struct lambda_result *r)
{
	if (!job->begun) {
		begin_stream(job, (struct span){ NULL, 0 });
	}
	/* A function that does not stream answers with one piece. */
	if (r->outcome == LAMBDA_OK && r->payload.len) {
		invoke_stream_piece(job->x, r->payload);
	}
	invoke_stream_end(job->x, r, job->tail);
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

/* Its life. */

/* The answer names the trace as "root=..", whatever the request wrote. */
static char *shown_trace(const char *trace)
{
	struct span rest = span_of(trace);
	struct span root = span_cut(&rest, ';');
	bool named = span_starts(root, SPAN("Root="));
	root = named ? span_n(root.ptr + 5, root.len - 5) : root;
	return xasprintf("root=%.*s;sampled=0", SPAN_ARG(root));
}

/* A version is its own name; an alias of ours always means the one code there is. */
static const char *executed_version(const char *qualifier)
{
	return qualifier && function_name_is_version(qualifier) ? qualifier : "$LATEST";
}

void invoke_job_open(struct list *jobs, struct lambda *lambda, const struct api_call *c,
	const char *trace, bool tail)
{
	struct job *job = xalloc(sizeof *job);
	uuid_random(job->request_id);
	job->x = c->x;
	job->tail = tail;
	job->stream = c->operation == API_INVOKE_STREAM;
	job->version = xstrdup(executed_version(c->name.qualifier));
	job->trace = shown_trace(trace);
	list_push_back(jobs, &job->node);
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
	job->inv = lambda_invoke(lambda, &call);
}

void invoke_job_end_all(struct list *jobs)
{
	LIST_FOR_SAFE (node, jobs) {
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
}
