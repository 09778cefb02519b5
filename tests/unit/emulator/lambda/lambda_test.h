/* A loop, a clock of our own, a model of a few functions and an agent that only writes down what it is
 * asked. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the standard ones first. */
#include <cmocka.h>

#include "emulator/lambda/lambda.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

#define MAX_SENT 32

struct rig {
	uv_loop_t loop;
	int64_t ms;
	struct clock clock;
	struct lambda *lambda;
	struct model *model;
	/* What the agent was sent. */
	size_t n_sent;
	uint64_t wire_id[MAX_SENT];
	char *meta[MAX_SENT], *payload[MAX_SENT];
	bool no_agent;
	uint64_t cancelled; /* last wire id */
	size_t credited; /* bytes in all */
	unsigned started, ended;
};

/* What a caller saw. */
struct seen {
	unsigned done;
	enum lambda_outcome outcome;
	char payload[1024], detail[200], error_type[64], log_tail[64];
	double duration_ms;
	char streamed[1024], content_type[64];
	bool slow; /* on_chunk answers false */
};

static int64_t rig_now_ms(void *ctx)
{
	return ((struct rig *)ctx)->ms;
}

static uint64_t rig_mono_ns(void *ctx)
{
	return (uint64_t)((struct rig *)ctx)->ms * 1000000;
}

static int rig_send(void *ctx, uint64_t wire_id, struct span meta, struct span payload)
{
	struct rig *rig = ctx;
	if (rig->no_agent) {
		return -ERR_UNAVAILABLE;
	}
	assert_true(rig->n_sent < MAX_SENT);
	rig->wire_id[rig->n_sent] = wire_id;
	rig->meta[rig->n_sent] = xstrndup(meta.ptr, meta.len);
	rig->payload[rig->n_sent++] = xstrndup(payload.ptr, payload.len);
	return 0;
}

static void rig_cancel(void *ctx, uint64_t wire_id)
{
	((struct rig *)ctx)->cancelled = wire_id;
}

static void rig_credit(void *ctx, uint64_t wire_id, size_t bytes)
{
	(void)wire_id;
	((struct rig *)ctx)->credited += bytes;
}

static void rig_start(void *ctx, const struct lambda_record *r)
{
	assert_int_equal(r->request_id.ptr[r->request_id.len], 0);
	((struct rig *)ctx)->started++;
}

static void rig_end(void *ctx, const struct lambda_record *r)
{
	assert_non_null(r->error_type);
	((struct rig *)ctx)->ended++;
}

static const char *rig_resolve(void *ctx, const char *kind, const char *key)
{
	(void)ctx;
	(void)kind;
	(void)key;
	return "http://localhost";
}

static inline struct model *rig_model(const char *functions)
{
	AUTO_FREE char *text = xasprintf("[{'name':'S','template':{'Resources':{%s}}}]", functions);
	for (char *c = text; *c; c++) {
		*c = *c == '\'' ? '"' : *c;
	}
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *stacks = json_parse(span_of(text), &err);
	const struct model_input in = { .app = "app",
		.stage = "dev",
		.region = "us-east-1",
		.account = "123456789012",
		.stacks = stacks,
		.resolve = rig_resolve };
	struct model *m = model_build(&in, &err);
	if (!m) {
		fail_msg("%s", err.msg);
	}
	return m;
}

#define RIG_FUNCTION(id, more)                                                       \
	"'" id "':{'Type':'AWS::Lambda::Function','Properties':{'FunctionName':'" id \
	"','Runtime':'nodejs16.x','Handler':'" id ".handler'" more "}}"

/* Version 1 of f, and an alias that means it. */
#define RIG_ALIAS                                                                                 \
	"'V':{'Type':'AWS::Lambda::Version','Properties':{'FunctionName':{'Ref':'f'}}},"          \
	"'A':{'Type':'AWS::Lambda::Alias','Properties':{'FunctionName':{'Ref':'f'},'Name':'live'" \
	",'FunctionVersion':'1'}}"

static inline int rig_setup(void **state)
{
	struct rig *rig = xalloc(sizeof *rig);
	rig->ms = 1700000000000;
	rig->clock = (struct clock){ rig_now_ms, rig_mono_ns, rig };
	assert_int_equal(uv_loop_init(&rig->loop), 0);
	const struct lambda_dispatch dispatch = { .ctx = rig,
		.send = rig_send,
		.cancel = rig_cancel,
		.credit = rig_credit,
		.on_start = rig_start,
		.on_end = rig_end };
	rig->lambda = lambda_create(&rig->loop, &rig->clock, &dispatch);
	rig->model = rig_model(RIG_FUNCTION("f", "") "," RIG_ALIAS "," RIG_FUNCTION(
		"slow", ",'Timeout':30") "," RIG_FUNCTION("two",
		",'ReservedConcurrentExecutions':2") "," RIG_FUNCTION("none",
		",'ReservedConcurrentExecutions':0"));
	lambda_set_model(rig->lambda, rig->model);
	*state = rig;
	return 0;
}

static inline void rig_free_sent(struct rig *rig)
{
	for (size_t i = 0; i < rig->n_sent; i++) {
		free(rig->meta[i]);
		free(rig->payload[i]);
	}
	rig->n_sent = 0;
}

static inline int rig_teardown(void **state)
{
	struct rig *rig = *state;
	lambda_destroy(rig->lambda);
	uv_run(&rig->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
	model_destroy(rig->model);
	rig_free_sent(rig);
	free(rig);
	return 0;
}

static inline void rig_turn(struct rig *rig)
{
	uv_run(&rig->loop, UV_RUN_NOWAIT);
}

static inline void copy_text(char *to, size_t size, struct span s)
{
	snprintf(to, size, "%.*s", SPAN_ARG(s));
}

static inline void seen_done(void *ctx, const struct lambda_result *r)
{
	struct seen *seen = ctx;
	seen->done++;
	seen->outcome = r->outcome;
	seen->duration_ms = r->duration_ms;
	copy_text(seen->payload, sizeof seen->payload, r->payload);
	copy_text(seen->detail, sizeof seen->detail, span_of(r->detail));
	copy_text(seen->error_type, sizeof seen->error_type, span_of(r->error_type));
	copy_text(seen->log_tail, sizeof seen->log_tail, r->log_tail);
}

static inline bool seen_chunk(void *ctx, struct span content_type, struct span piece)
{
	struct seen *seen = ctx;
	if (content_type.len) {
		copy_text(seen->content_type, sizeof seen->content_type, content_type);
	}
	size_t at = strlen(seen->streamed);
	copy_text(seen->streamed + at, sizeof seen->streamed - at, piece);
	return !seen->slow;
}

static inline struct lambda_call call_of(const char *function, struct seen *seen)
{
	return (struct lambda_call){ .function = function,
		.payload = SPAN("{\"a\":1}"),
		.source = "test",
		.done = seen_done,
		.ctx = seen };
}

static inline struct invocation *invoke(struct rig *rig, const char *function, struct seen *seen)
{
	const struct lambda_call call = call_of(function, seen);
	return lambda_invoke(rig->lambda, &call);
}

#define OK_META SPAN("{\"ok\":true,\"durationUs\":1500}")
