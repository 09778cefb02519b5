/*   identity values -> missing: 401
 *        v
 *   kept answer? --yes--> judge against this request's ARN
 *        v no
 *   invoke -> answer -> keep -> judge
 *        |-> function error, bad shape, 10 s: 500 (never kept) */
#include "emulator/auth/lambda_auth.h"

#include <stdio.h>
#include <stdlib.h>

#include "emulator/auth/identity_source.h"
#include "emulator/auth/job.h"
#include "emulator/auth/lambda_policy.h"
#include "emulator/auth/request_keys.h"
#include "proxy/base/alloc.h"
#include "proxy/base/digest.h"
#include "proxy/net/timer.h"

#define SLOTS 1024
#define TIMEOUT_MS 10000
#define EVENT_MAX (6 * 1024 * 1024)

struct kept {
	unsigned char key[SHA256_LEN]; /* authorizer and identity values */
	struct lambda_policy *answer; /* NULL = empty */
	int64_t until_ms;
};

struct lambda_auth {
	uv_loop_t *loop;
	const struct clock *clock;
	struct lambda *lambda;
	unsigned generation; /* of the kept answers */
	struct kept slots[SLOTS];
};

struct check {
	struct auth_job job; /* first */
	struct lambda_auth *auth;
	struct auth_request request;
	const char *arn;
	auth_done_fn done;
	void *ctx;
	struct invocation *invocation; /* NULL once it has ended */
	struct timer *timer;
	unsigned generation; /* when it was asked */
	unsigned char key[SHA256_LEN];
};

struct lambda_auth *lambda_auth_create(
	uv_loop_t *loop, const struct clock *clock, struct lambda *lambda)
{
	struct lambda_auth *l = xalloc(sizeof *l);
	l->loop = loop;
	l->clock = clock;
	l->lambda = lambda;
	return l;
}

void lambda_auth_forget(struct lambda_auth *l)
{
	l->generation++;
	for (size_t i = 0; i < SLOTS; i++) {
		lambda_policy_destroy(l->slots[i].answer);
		l->slots[i].answer = NULL;
	}
}

void lambda_auth_destroy(struct lambda_auth *l)
{
	if (l) {
		lambda_auth_forget(l);
		free(l);
	}
}

/* --- verdicts ---------------------------------------------------------------------------- */

static void refuse(enum auth_outcome outcome, const char *check, const char *reason,
	const char *log_error, auth_done_fn done, void *ctx)
{
	done(ctx, &(struct auth_verdict){ .outcome = outcome,
			  .kind = MODEL_AUTH_CUSTOM,
			  .context = SPAN("null"),
			  .principal_id = "",
			  .www_authenticate = "",
			  .check = check,
			  .reason = reason,
			  .log_error = log_error });
}

static void judge(struct lambda_auth *l, const struct auth_request *r, const char *arn,
	const struct lambda_policy *answer, auth_done_fn done, void *ctx)
{
	struct arena *arena = r->http->arena;
	const struct policy_request question = { .action = "execute-api:Invoke",
		.resource = arn,
		.keys = request_keys(r->http, NULL, clock_now_ms(l->clock), arena),
		.arena = arena };
	const char *reason;
	if (!lambda_policy_allows(answer, &question, &reason)) {
		refuse(AUTH_FORBIDDEN, "Lambda authorizer", reason,
			"the authorizer denied the request", done, ctx);
		return;
	}
	done(ctx, &(struct auth_verdict){ .outcome = AUTH_ALLOW,
			  .kind = MODEL_AUTH_CUSTOM,
			  .context = arena_span(arena, lambda_policy_context(answer)),
			  .principal_id = arena_strdup(arena, lambda_policy_principal(answer)),
			  .www_authenticate = "",
			  .check = "",
			  .reason = "",
			  .log_error = "" });
}

/* --- kept answers ------------------------------------------------------------------------ */

/* Lengths go in too, so that ("ab","c") and ("a","bc") differ. */
static void key_of(
	unsigned char out[SHA256_LEN], const struct model_authorizer *a, const struct span *values)
{
	struct buf text = BUF_INIT(1024 * 1024);
	buf_add_str(&text, a->id);
	for (size_t i = 0; i < a->identity_sources.n; i++) {
		buf_addf(&text, "\n%zu:", values[i].len);
		buf_add_span(&text, values[i]);
	}
	sha256(out, buf_span(&text));
	buf_fini(&text);
}

static struct kept *slot_of(struct lambda_auth *l, const unsigned char key[SHA256_LEN])
{
	return &l->slots[(size_t)(key[0] | key[1] << 8) % SLOTS];
}

/* Without identity sources nothing tells callers apart: then nothing is kept. */
static bool keeps(const struct model_authorizer *a)
{
	return a->ttl_s > 0 && a->identity_sources.n > 0;
}

static const struct lambda_policy *find_kept(
	struct lambda_auth *l, const unsigned char key[SHA256_LEN])
{
	const struct kept *k = slot_of(l, key);
	bool good = k->answer && clock_now_ms(l->clock) < k->until_ms &&
		    memcmp(k->key, key, SHA256_LEN) == 0;
	return good ? k->answer : NULL;
}

static void keep(struct check *c, struct lambda_policy *answer)
{
	struct kept *k = slot_of(c->auth, c->key);
	lambda_policy_destroy(k->answer);
	memcpy(k->key, c->key, sizeof k->key);
	k->answer = answer;
	k->until_ms =
		clock_now_ms(c->auth->clock) + (int64_t)c->request.route->authorizer->ttl_s * 1000;
}

/* --- one check --------------------------------------------------------------------------- */

static void check_free(struct check *c)
{
	timer_close(c->timer);
	free(c);
}

static void check_cancel(struct auth_job *job)
{
	struct check *c = container_of(job, struct check, job);
	if (c->invocation) {
		lambda_cancel(c->invocation);
	}
	check_free(c);
}

static void fail(struct check *c, const char *reason)
{
	auth_done_fn done = c->done;
	void *ctx = c->ctx;
	check_free(c);
	refuse(AUTH_FAILED, "Lambda authorizer", reason, "the authorizer failed", done, ctx);
}

static void on_timeout(void *ctx)
{
	struct check *c = ctx;
	lambda_cancel(c->invocation);
	fail(c, arena_printf(c->request.http->arena,
			"authorizer function '%s' did not answer within %d "
			"s",
			c->request.route->authorizer->function, TIMEOUT_MS / 1000));
}

static const char *failure_words(const struct check *c, const struct lambda_result *result)
{
	const char *function = c->request.route->authorizer->function;
	struct arena *arena = c->request.http->arena;
	if (result->outcome == LAMBDA_FUNCTION_ERROR) {
		return arena_printf(arena, "authorizer function '%s' failed: %s %.*s", function,
			result->error_type,
			(int)(result->payload.len < 500 ? result->payload.len : 500),
			result->payload.ptr ? result->payload.ptr : "");
	}
	return arena_printf(arena, "authorizer function '%s' %s%s%s", function,
		result->outcome == LAMBDA_THROTTLED ? "is throttled" : "cannot be invoked",
		*result->detail ? ": " : "", result->detail);
}

static void on_result(void *ctx, const struct lambda_result *result)
{
	struct check *c = ctx;
	c->invocation = NULL;
	if (result->outcome != LAMBDA_OK) {
		fail(c, failure_words(c, result));
		return;
	}
	const struct model_authorizer *a = c->request.route->authorizer;
	struct err err = ERR_INIT;
	struct lambda_policy *answer =
		lambda_policy_parse(result->payload, a->payload_v2 && a->simple_responses, &err);
	if (!answer) {
		fail(c, arena_printf(c->request.http->arena, "authorizer function '%s': %s",
				a->function, err.msg));
		return;
	}
	struct lambda_auth *l = c->auth;
	struct auth_request r = c->request;
	const char *arn = c->arn;
	auth_done_fn done = c->done;
	void *done_ctx = c->ctx;
	bool kept = keeps(a) && c->generation == l->generation;
	if (kept) {
		keep(c, answer);
	}
	check_free(c);
	judge(l, &r, arn, answer, done, done_ctx);
	if (!kept) {
		lambda_policy_destroy(answer);
	}
}

static void invoke(struct check *c, const struct span *values)
{
	const struct auth_request *r = &c->request;
	const struct model_authorizer *a = r->route->authorizer;
	struct buf event = BUF_INIT(EVENT_MAX);
	r->write_event(r->ctx, a->payload_v2, values, a->identity_sources.n, &event);
	c->timer = timer_open(c->auth->loop, on_timeout, c);
	timer_arm(c->timer, TIMEOUT_MS);
	c->invocation = lambda_invoke(c->auth->lambda,
		&(struct lambda_call){ .function = a->function,
			.payload = buf_span(&event),
			.source = arena_printf(r->http->arena, "authorizer %s", a->name),
			.done = on_result,
			.ctx = c });
	buf_fini(&event);
}

struct auth_job *lambda_auth_check(struct lambda_auth *l, const struct auth_request *r,
	const char *arn, auth_done_fn done, void *ctx)
{
	struct arena *arena = r->http->arena;
	const struct model_authorizer *a = r->route->authorizer;
	struct span *values = arena_alloc(arena, (a->identity_sources.n + 1) * sizeof *values);
	for (size_t i = 0; i < a->identity_sources.n; i++) {
		values[i] = identity_source(r, a->identity_sources.at[i]);
		if (values[i].len == 0) {
			refuse(AUTH_UNAUTHORIZED, "identity source",
				arena_printf(arena,
					"identity source '%s' of authorizer '%s' is missing or "
					"empty: "
					"the function was not invoked",
					a->identity_sources.at[i], a->name),
				"missing identity source", done, ctx);
			return NULL;
		}
	}
	if (!a->may_invoke) {
		refuse(AUTH_FAILED, "Lambda authorizer",
			arena_printf(arena,
				"no permission lets the API invoke authorizer function '%s': add "
				"an "
				"AWS::Lambda::Permission",
				a->function),
			"the authorizer failed", done, ctx);
		return NULL;
	}
	unsigned char key[SHA256_LEN];
	key_of(key, a, values);
	const struct lambda_policy *kept = keeps(a) ? find_kept(l, key) : NULL;
	if (kept) {
		judge(l, r, arn, kept, done, ctx);
		return NULL;
	}
	struct check *c = xalloc(sizeof *c);
	*c = (struct check){ .job = { check_cancel },
		.auth = l,
		.request = *r,
		.arn = arn,
		.done = done,
		.ctx = ctx,
		.generation = l->generation };
	memcpy(c->key, key, sizeof key);
	invoke(c, values);
	return &c->job;
}
