/* Real handler processes under the fleet: every way an invocation can end is answered exactly once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/file.h"
#include "proxy/base/ids.h"
#include "runtime/pool/fleet.h"

#define MAX_ANSWERS 4096
#define MAX_WORKERS 8

struct answer {
	unsigned times;
	bool ok;
	char type[64];
	char *body;
	char *tail;
	char *stream; /* pieces so far */
	char *stream_type, *stream_error;
};

struct fixture {
	uv_loop_t loop;
	struct fleet *fleet;
	struct fleet_function *function;
	char dir[64];
	struct answer answers[MAX_ANSWERS];
	unsigned n_answered, n_sent;
	struct buf log;
	bool closed;
};

static char *span_string(struct span s)
{
	return xstrndup(s.ptr ? s.ptr : "", s.len);
}

static void on_outcome(
	void *ctx, struct fleet_function *f, const struct invocation *inv, const struct outcome *o)
{
	struct fixture *fx = ctx;
	(void)f;
	struct answer *a = &fx->answers[inv->id];
	a->times++;
	assert_int_equal(a->times, 1);
	a->ok = o->ok;
	snprintf(a->type, sizeof a->type, "%s", o->error_type);
	a->body = span_string(o->payload);
	a->tail = span_string(o->log_tail);
	a->stream_error = span_string(o->stream_error);
	fx->n_answered++;
}

static void on_chunk(void *ctx, struct fleet_function *f, const struct invocation *inv,
	struct span type, struct span piece)
{
	struct fixture *fx = ctx;
	(void)f;
	struct answer *a = &fx->answers[inv->id];
	if (type.ptr) {
		a->stream_type = span_string(type);
	}
	char *whole = xasprintf("%s%.*s", a->stream ? a->stream : "", SPAN_ARG(piece));
	free(a->stream);
	a->stream = whole;
}

static void on_log(void *ctx, struct fleet_function *f, const struct invocation *inv,
	enum log_kind kind, struct span text)
{
	struct fixture *fx = ctx;
	(void)f;
	(void)inv;
	buf_addf(&fx->log, "%d:%.*s", (int)kind, SPAN_ARG(text));
}

static const char handler_source[] =
	"let n = 0;\n"
	"exports.handler = async (event, context) => {\n"
	"  n++;\n"
	"  if (event.log) { console.log(event.log); process.stderr.write('to stderr\\n'); }\n"
	"  if (event.throw) { throw new TypeError(event.throw); }\n"
	"  if (event.exit !== undefined) { process.exit(event.exit); }\n"
	"  if (event.kill) { process.kill(process.pid, event.kill); await new Promise(() => "
	"setInterval(() => {}, 1e3)); }\n"
	"  if (event.spin) { for (;;); }\n"
	"  if (event.sleep) { await new Promise((r) => setTimeout(r, event.sleep)); }\n"
	"  if (event.big) { return 'x'.repeat(event.big); }\n"
	"  return { n, echo: event.echo, pid: process.pid, left: "
	"context.getRemainingTimeInMillis() > 0 };\n"
	"};\n"
	"exports.stream = awslambda.streamifyResponse(async (event, out) => {\n"
	"  out.setContentType('text/plain'); out.write('a'); out.write('b');\n"
	"  if (event.exit) { await new Promise((r) => setTimeout(r, 50)); process.exit(3); }\n"
	"  if (event.throw) { throw new Error('mid'); }\n"
	"  out.end('c');\n"
	"});\n";

static void write_file(struct fixture *fx, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", fx->dir, name);
	struct err err = ERR_INIT;
	assert_int_equal(file_replace(path, span_of(text), 0700, &err), 0);
}

static struct env_spec spec_of(struct fixture *fx, const char *handler, const char *runtime)
{
	return (struct env_spec){ .function = "fn",
		.handler = handler,
		.runtime = runtime,
		.memory_mb = 256,
		.region = "us-east-1",
		.task_root = fx->dir,
		.runtime_dir = "/var/runtime",
		.endpoint = "http://127.0.0.1:1",
		.access_key_id = "AKIDEXAMPLE",
		.secret_access_key = "secret",
		.session_token = "token" };
}

static void open_function(struct fixture *fx, const char *handler, const char *runtime)
{
	struct env_spec spec = spec_of(fx, handler, runtime);
	fx->function = fleet_function_open(fx->fleet, &spec, fx);
}

static int set_up(void **state)
{
	struct fixture *fx = xalloc(sizeof *fx);
	assert_int_equal(uv_loop_init(&fx->loop), 0);
	snprintf(fx->dir, sizeof fx->dir, "/tmp/fleet-XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	write_file(fx, "index.js", handler_source);
	buf_init(&fx->log, 16 * 1024 * 1024);
	struct fleet_config config = { .loop = &fx->loop,
		.tools = { "node", OFFSTAGE_SOURCE_DIR "/runtime", 0 },
		.max_workers = MAX_WORKERS,
		.spares = true,
		.ctx = fx,
		.on_outcome = on_outcome,
		.on_chunk = on_chunk,
		.on_log = on_log };
	fx->fleet = fleet_open(&config);
	*state = fx;
	return 0;
}

static void on_closed(void *ctx)
{
	struct fixture *fx = ctx;
	fx->closed = true;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	fleet_close(fx->fleet, on_closed, fx);
	uv_run(&fx->loop, UV_RUN_DEFAULT);
	assert_true(fx->closed);
	assert_int_equal(fx->n_answered, fx->n_sent);
	assert_int_equal(uv_loop_close(&fx->loop), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left, not even a zombie */
	for (size_t i = 0; i < MAX_ANSWERS; i++) {
		struct answer *a = &fx->answers[i];
		free(a->body);
		free(a->tail);
		free(a->stream);
		free(a->stream_type);
		free(a->stream_error);
	}
	struct err err = ERR_INIT;
	assert_int_equal(dir_remove(fx->dir, &err), 0);
	buf_fini(&fx->log);
	free(fx);
	return 0;
}

static unsigned send_with(struct fixture *fx, const char *event, unsigned timeout_ms, bool tail)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	const struct invocation_order order = { .id = ++fx->n_sent,
		.request_id = span_of(id),
		.arn = SPAN("arn:aws:lambda:us-east-1:123456789012:function:fn"),
		.trace_id = SPAN("Root=1-2-3"),
		.payload = span_of(event),
		.timeout_ms = timeout_ms,
		.log_tail = tail };
	fleet_invoke(fx->function, invocation_create(&order));
	return fx->n_sent;
}

static unsigned send_event(struct fixture *fx, const char *event)
{
	return send_with(fx, event, 10000, false);
}

static void run_until_answered(struct fixture *fx)
{
	while (fx->n_answered < fx->n_sent) {
		uv_run(&fx->loop, UV_RUN_ONCE);
	}
}

static struct answer *call(struct fixture *fx, const char *event)
{
	unsigned n = send_event(fx, event);
	run_until_answered(fx);
	return &fx->answers[n];
}

static void answers_and_reuses_the_process(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	struct answer *first = call(fx, "{\"echo\":\"one\"}");
	assert_true(first->ok);
	assert_non_null(strstr(first->body, "{\"n\":1,\"echo\":\"one\","));
	assert_non_null(strstr(first->body, "\"left\":true"));
	assert_non_null(strstr(call(fx, "{}")->body, "{\"n\":2,"));
}

/* One after the other and in bursts, far more than the process may hold ahead: the line of waiting GET next
 * must never come to a stop. */
static void one_process_goes_on_and_on(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	for (int i = 1; i <= 40; i++) {
		/* The same process each time: a line at a stop would be helped out by a second one. */
		AUTO_FREE char *count = xasprintf("{\"n\":%d,", i);
		assert_non_null(strstr(call(fx, "{}")->body, count));
	}
	for (int burst = 0; burst < 20; burst++) {
		for (int i = 0; i < 12; i++) {
			send_event(fx, "{}");
		}
		run_until_answered(fx);
	}
	for (unsigned n = 1; n <= fx->n_sent; n++) {
		assert_true(fx->answers[n].ok);
	}
	assert_true(call(fx, "{}")->ok);
}

static void error_bodies_pass_unchanged(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	struct answer *a = call(fx, "{\"throw\":\"nope\"}");
	assert_false(a->ok);
	assert_string_equal(a->type, "TypeError");
	assert_ptr_equal(
		strstr(a->body,
			"{\"errorType\":\"TypeError\",\"errorMessage\":\"nope\",\"trace\":["),
		a->body);
	assert_non_null(strstr(call(fx, "{}")->body, "{\"n\":2,"));
}

static void exits_are_errors_and_the_next_gets_a_new_process(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	struct answer *a = call(fx, "{\"exit\":3}");
	assert_string_equal(a->type, "Runtime.ExitError");
	assert_non_null(strstr(a->body, "Error: Runtime exited with error: exit status 3\"}"));
	assert_ptr_equal(
		strstr(a->body,
			"{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: "),
		a->body);
	a = call(fx, "{\"exit\":0}");
	assert_non_null(strstr(a->body, "Error: Runtime exited without providing a reason\"}"));
	a = call(fx, "{\"kill\":\"SIGKILL\"}");
	assert_non_null(strstr(a->body, "Error: Runtime exited with error: signal: killed\"}"));
	assert_non_null(strstr(call(fx, "{}")->body, "{\"n\":1,"));
}

static int pid_of(const struct answer *a)
{
	int pid = 0;
	const char *at = strstr(a->body, "\"pid\":");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "\"pid\":%d", &pid), 1);
	return pid;
}

static void assert_killed(const struct answer *a)
{
	assert_int_equal(a->times, 1);
	assert_string_equal(a->type, "Runtime.ExitError");
	assert_non_null(strstr(a->body, "Error: Runtime exited with error: signal: killed\"}"));
}

/* The event is in the process's socket, or on its way there, and nobody will ever read it. */
static void one_killed_as_its_event_is_sent_is_answered_once(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	for (int turns = 0; turns < 6; turns++) {
		int pid = pid_of(call(fx, "{}"));
		assert_int_equal(kill(pid, SIGSTOP), 0);
		unsigned n = send_event(fx, "{}");
		for (int i = 0; i < turns; i++) {
			uv_run(&fx->loop, UV_RUN_NOWAIT);
		}
		assert_int_equal(kill(pid, SIGKILL), 0);
		run_until_answered(fx);
		assert_killed(&fx->answers[n]);
	}
	assert_non_null(strstr(call(fx, "{}")->body, "{\"n\":1,"));
}

/* It is dead already, and nobody has noticed. */
static void one_killed_just_before_its_event_is_answered_once(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	for (int i = 0; i < 6; i++) {
		int pid = pid_of(call(fx, "{}"));
		assert_int_equal(kill(pid, SIGKILL), 0);
		unsigned n = send_event(fx, "{}");
		run_until_answered(fx);
		assert_killed(&fx->answers[n]);
	}
}

static void time_outs_kill_even_a_busy_loop(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	unsigned n = send_with(fx, "{\"spin\":true}", 1000, false);
	run_until_answered(fx);
	assert_string_equal(fx->answers[n].type, "Sandbox.Timedout");
	assert_non_null(strstr(fx->answers[n].body, "Error: Task timed out after 1.00 seconds\"}"));
	assert_non_null(strstr(buf_cstr(&fx->log), "\tStatus: timeout\n"));
	assert_non_null(strstr(call(fx, "{}")->body, "{\"n\":1,"));
}

/* The worker's timer may have been set by an invocation before, and fires early then. */
static void time_outs_count_from_their_own_start(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	static const struct {
		unsigned ms;
		const char *message;
	} cases[] = { { 100, "timed out after 0.10 seconds" },
		{ 700, "timed out after 0.70 seconds" } };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		call(fx, "{}");
		uint64_t start = uv_hrtime();
		unsigned n = send_with(fx, "{\"spin\":true}", cases[i].ms, false);
		run_until_answered(fx);
		assert_string_equal(fx->answers[n].type, "Sandbox.Timedout");
		assert_non_null(strstr(fx->answers[n].body, cases[i].message));
		assert_true(uv_hrtime() - start >= cases[i].ms * UINT64_C(1000000));
	}
}

static void failed_init_answers_all_who_wait(void **state)
{
	struct fixture *fx = *state;
	write_file(fx, "bad.js", "throw new RangeError('at load');\n");
	open_function(fx, "bad.handler", "nodejs18.x");
	for (int i = 0; i < 3; i++) {
		send_event(fx, "{}");
	}
	run_until_answered(fx);
	for (int i = 1; i <= 3; i++) {
		assert_false(fx->answers[i].ok);
		assert_non_null(strstr(fx->answers[i].body, "\"errorMessage\":\"at load\""));
	}
}

static void init_that_exits_is_an_exit_error(void **state)
{
	struct fixture *fx = *state;
	write_file(fx, "bad.js", "process.exit(7);\n");
	open_function(fx, "bad.handler", "nodejs18.x");
	struct answer *a = call(fx, "{}");
	assert_string_equal(a->type, "Runtime.ExitError");
	assert_non_null(strstr(a->body, "exit status 7"));
}

static void log_has_its_lines_in_order(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	unsigned n = send_with(fx, "{\"log\":\"hello\"}", 10000, true);
	run_until_answered(fx);
	const char *tail = fx->answers[n].tail;
	const char *start = strstr(tail, "START RequestId: ");
	const char *hello = strstr(tail, "\tINFO\thello\n");
	const char *end = strstr(tail, "END RequestId: ");
	const char *report = strstr(tail, "REPORT RequestId: ");
	assert_ptr_equal(start, tail);
	assert_true(hello && end && report && start < hello && hello < end && end < report);
	assert_non_null(strstr(report, "\tMemory Size: 256 MB\tMax Memory Used: "));
	assert_non_null(strstr(report, "\tInit Duration: "));
	assert_non_null(strstr(tail, "to stderr\n"));
}

static void results_above_the_limit_are_refused(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	struct answer *a = call(fx, "{\"big\":6291555}");
	assert_string_equal(a->type, "Function.ResponseSizeTooLarge");
	assert_string_equal(a->body, "{\"errorType\":\"Function.ResponseSizeTooLarge\","
				     "\"errorMessage\":\"Response payload size "
				     "exceeded maximum allowed payload size (6291556 bytes).\"}");
	a = call(fx, "{\"big\":6291554}");
	assert_true(a->ok);
	assert_int_equal(strlen(a->body), 6291556);
}

static void streams_in_pieces(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.stream", "nodejs18.x");
	struct answer *a = call(fx, "{}");
	assert_true(a->ok);
	assert_string_equal(a->stream, "abc");
	assert_string_equal(a->stream_type, "text/plain");
	assert_string_equal(a->stream_error, "");
	a = call(fx, "{\"throw\":true}");
	assert_false(a->ok);
	assert_string_equal(a->stream, "ab");
	assert_true(strlen(a->stream_error) > 20);
	a = call(fx, "{\"exit\":true}");
	assert_false(a->ok);
	assert_string_equal(a->type, "Runtime.ExitError");
	assert_string_equal(a->stream, "ab");
}

static void bursts_get_more_processes(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	for (int i = 0; i < 12; i++) {
		send_event(fx, "{\"sleep\":300}");
	}
	run_until_answered(fx);
	assert_true(fleet_workers(fx->fleet) >= 2);
	assert_true(fleet_workers(fx->fleet) <= 12);
}

static unsigned count_children(void)
{
	AUTO_FREE char *path = xasprintf("/proc/self/task/%d/children", (int)getpid());
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	unsigned n = 0;
	for (int pid; fscanf(file, "%d", &pid) == 1;) {
		n++;
	}
	fclose(file);
	return n;
}

static void run_until_children(struct fixture *fx, unsigned n)
{
	while (count_children() < n) {
		uv_run(&fx->loop, UV_RUN_ONCE);
	}
}

/* Two spares lie ready; but one, while most places are taken. */
static void a_crowd_has_one_spare(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	call(fx, "{}");
	run_until_children(fx, 1 + 2);
	for (int i = 0; i < 4 * MAX_WORKERS; i++) {
		send_event(fx, "{\"sleep\":400}");
	}
	run_until_answered(fx);
	assert_int_equal(fleet_workers(fx->fleet), MAX_WORKERS);
	run_until_children(fx, MAX_WORKERS + 1);
	call(fx, "{\"sleep\":200}"); /* time for another to be booted */
	assert_int_equal(count_children(), MAX_WORKERS + 1);
}

static void renewed_code_serves_the_next(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	call(fx, "{}");
	unsigned slow = send_event(fx, "{\"sleep\":200}");
	write_file(fx, "index.js", "exports.handler = async () => 'new';\n");
	struct env_spec spec = spec_of(fx, "index.handler", "nodejs18.x");
	fleet_function_renew(fx->function, &spec);
	unsigned next = send_event(fx, "{}");
	run_until_answered(fx);
	assert_non_null(strstr(fx->answers[slow].body, "{\"n\":2,")); /* finished as it began */
	assert_string_equal(fx->answers[next].body, "\"new\"");
}

static void python_runs_too(void **state)
{
	struct fixture *fx = *state;
	write_file(fx, "app.py", "def handler(event, context):\n    return {'got': event['a']}\n");
	open_function(fx, "app.handler", "python3.11");
	assert_string_equal(call(fx, "{\"a\":1}")->body, "{\"got\": 1}");
}

static void any_executable_bootstrap_runs(void **state)
{
	struct fixture *fx = *state;
	write_file(fx, "bootstrap",
		"#!/bin/sh\n"
		"api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime\n"
		"while true; do\n"
		"  body=$(curl -sS -D /tmp/h.$$ $api/invocation/next) || exit 1\n"
		"  id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/h.$$ | tr -d '\\r' | cut "
		"-d' ' -f2)\n"
		"  rm -f /tmp/h.$$\n"
		"  curl -sS -o /dev/null -X POST -d \"{\\\"sh\\\":$body}\" "
		"$api/invocation/$id/response\n"
		"done\n");
	open_function(fx, "x", "provided.al2");
	assert_string_equal(call(fx, "{\"a\":1}")->body, "{\"sh\":{\"a\":1}}");
	assert_string_equal(call(fx, "{\"a\":2}")->body, "{\"sh\":{\"a\":2}}");
}

static void a_missing_bootstrap_is_said(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "x", "provided.al2");
	struct answer *a = call(fx, "{}");
	assert_string_equal(a->type, "Runtime.InvalidEntrypoint");
	assert_non_null(strstr(a->body, "Couldn't find valid bootstrap(s): ["));
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (readdir(d)) {
		n++;
	}
	closedir(d);
	return n;
}

/* Quick invocations, so that events are sent ahead, with every kind of death among them. */
static void none_is_lost_or_answered_twice(void **state)
{
	struct fixture *fx = *state;
	open_function(fx, "index.handler", "nodejs18.x");
	call(fx, "{}");
	unsigned before = open_descriptors();
	unsigned seed = 1;
	for (int i = 0; i < 1000; i++) {
		seed = seed * 1103515245u + 12345u;
		unsigned dice = (seed >> 16) % 100;
		const char *event = dice == 0   ? "{\"exit\":1}"
				    : dice == 1 ? "{\"kill\":\"SIGKILL\"}"
				    : dice == 2 ? "{\"throw\":\"x\"}"
						: "{\"echo\":1}";
		send_event(fx, event);
		while (fx->n_sent - fx->n_answered >= 16) {
			uv_run(&fx->loop, UV_RUN_ONCE);
		}
	}
	run_until_answered(fx);
	unsigned bad = 0;
	for (unsigned i = 1; i <= fx->n_sent; i++) {
		assert_int_equal(fx->answers[i].times, 1);
		bad += !fx->answers[i].ok;
	}
	assert_in_range(bad, 10, 60);
	/* Workers that are left hold a listener, a connection and pipes each. */
	assert_in_range(open_descriptors(), 1, before + 16 * 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		TEST(answers_and_reuses_the_process),
		TEST(one_process_goes_on_and_on),
		TEST(error_bodies_pass_unchanged),
		TEST(exits_are_errors_and_the_next_gets_a_new_process),
		TEST(one_killed_as_its_event_is_sent_is_answered_once),
		TEST(one_killed_just_before_its_event_is_answered_once),
		TEST(time_outs_kill_even_a_busy_loop),
		TEST(time_outs_count_from_their_own_start),
		TEST(failed_init_answers_all_who_wait),
		TEST(init_that_exits_is_an_exit_error),
		TEST(log_has_its_lines_in_order),
		TEST(results_above_the_limit_are_refused),
		TEST(streams_in_pieces),
		TEST(bursts_get_more_processes),
		TEST(a_crowd_has_one_spare),
		TEST(renewed_code_serves_the_next),
		TEST(python_runs_too),
		TEST(any_executable_bootstrap_runs),
		TEST(a_missing_bootstrap_is_said),
		TEST(none_is_lost_or_answered_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
