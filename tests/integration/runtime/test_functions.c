/* Saves, builds and invocations together, with the real bundler and real processes: a request that comes
 * after a save runs the saved code, and none fails because of a reload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "runtime/functions.h"

#define MAX_ANSWERS 512

struct fixture {
	uv_loop_t loop;
	struct watch *watch;
	struct helper *helper;
	struct functions *functions;
	char dir[64], stage_dir[96];
	char *bodies[MAX_ANSWERS];
	bool ok[MAX_ANSWERS];
	unsigned n_sent, n_answered, n_built;
	bool closed;
};

static void on_change(void *ctx)
{
	(void)ctx; /* only requests drain: the harder case */
}

static void on_outcome(void *ctx, uint64_t id, const struct outcome *o)
{
	struct fixture *fx = ctx;
	assert_null(fx->bodies[id]);
	fx->bodies[id] = xstrndup(o->payload.ptr ? o->payload.ptr : "", o->payload.len);
	fx->ok[id] = o->ok;
	fx->n_answered++;
}

static void on_chunk(void *ctx, uint64_t id, struct span content_type, struct span piece)
{
	(void)ctx;
	(void)id;
	(void)content_type;
	(void)piece;
}

static void on_log(void *ctx, const char *function, uint64_t id, const char *request_id,
	enum log_kind kind, struct span text)
{
	(void)ctx;
	(void)function;
	(void)id;
	(void)request_id;
	(void)kind;
	(void)text;
}

static void on_note(void *ctx, const char *kind, const char *function, const char *text)
{
	struct fixture *fx = ctx;
	(void)function;
	(void)text;
	fx->n_built += strcmp(kind, "built") == 0;
}

static const char *at(struct fixture *fx, const char *name)
{
	static char paths[4][256];
	static unsigned n;
	char *out = paths[n++ % 4];
	snprintf(out, sizeof paths[0], "%s/%s", fx->dir, name);
	return out;
}

static void save(struct fixture *fx, const char *name, const char *text)
{
	int fd = open(at(fx, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void open_parts(struct fixture *fx)
{
	struct err err = ERR_INIT;
	struct watch_config watch = { &fx->loop, fx, on_change };
	fx->watch = watch_open(&watch, &err);
	assert_non_null(fx->watch);
	assert_int_equal(watch_tree(fx->watch, fx->dir, &err), 0);
	struct helper_config helper = {
		.loop = &fx->loop, .node = "node", .runtime_dir = OFFSTAGE_SOURCE_DIR "/runtime"
	};
	fx->helper = helper_open(&helper);
	struct functions_config config = { .loop = &fx->loop,
		.helper = fx->helper,
		.watch = fx->watch,
		.app_dir = fx->dir,
		.stage_dir = fx->stage_dir,
		.runtime_dir = OFFSTAGE_SOURCE_DIR "/runtime",
		.node = "node",
		.ctx = fx,
		.on_outcome = on_outcome,
		.on_chunk = on_chunk,
		.on_log = on_log,
		.on_note = on_note };
	fx->functions = functions_open(&config);
	AUTO_JSON cJSON *outputs = json_parse(
		SPAN("{\"region\":\"us-east-1\",\"service\":\"http://127.0.0.1:1\",\"functions\":["
		     "{\"name\":\"a\",\"handler\":\"src/"
		     "a.handler\",\"runtime\":\"nodejs18.x\",\"memory\":128,"
		     "\"metadata\":{\"construct\":\"A\",\"srcPath\":\".\",\"handler\":\"src/"
		     "a.handler\"}},"
		     "{\"name\":\"b\",\"handler\":\"src/"
		     "b.handler\",\"runtime\":\"nodejs18.x\",\"memory\":128,"
		     "\"metadata\":{\"construct\":\"B\",\"srcPath\":\".\",\"handler\":\"src/"
		     "b.handler\"}}]}"),
		&err);
	assert_non_null(outputs);
	functions_update(fx->functions, outputs);
}

static void on_closed(void *ctx)
{
	struct fixture *fx = ctx;
	fx->closed = true;
}

static void close_parts(struct fixture *fx)
{
	fx->closed = false;
	functions_close(fx->functions, on_closed, fx);
	while (!fx->closed) {
		uv_run(&fx->loop, UV_RUN_ONCE);
	}
	helper_close(fx->helper, NULL, NULL);
	watch_close(fx->watch);
	uv_run(&fx->loop, UV_RUN_DEFAULT);
}

static int set_up(void **state)
{
	struct fixture *fx = xalloc(sizeof *fx);
	assert_int_equal(uv_loop_init(&fx->loop), 0);
	snprintf(fx->dir, sizeof fx->dir, "/tmp/functions-XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	snprintf(fx->stage_dir, sizeof fx->stage_dir, "%s/.offstage/dev", fx->dir);
	mkdir(at(fx, "src"), 0700);
	save(fx, "src/shared.ts", "export const word: string = 'one';\n");
	save(fx, "src/a.ts",
		"import { word } from './shared';\n"
		"export const handler = async (e: { ms?: number }) => {\n"
		"  await new Promise((r) => setTimeout(r, e.ms ?? 0)); return word; };\n");
	save(fx, "src/b.ts", "export const handler = async () => 'b';\n");
	open_parts(fx);
	*state = fx;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	struct err err = ERR_INIT;
	close_parts(fx);
	assert_int_equal(fx->n_answered, fx->n_sent);
	assert_int_equal(uv_loop_close(&fx->loop), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	for (size_t i = 0; i < MAX_ANSWERS; i++) {
		free(fx->bodies[i]);
	}
	assert_int_equal(dir_remove(fx->dir, &err), 0);
	free(fx);
	return 0;
}

static unsigned ask(struct fixture *fx, const char *function, const char *event)
{
	const struct invocation_order order = { .id = ++fx->n_sent,
		.request_id = SPAN("11111111-2222-4333-8444-555555555555"),
		.payload = span_of(event),
		.timeout_ms = 10000 };
	functions_invoke(fx->functions, span_of(function), &order);
	return fx->n_sent;
}

static void wait_for_answers(struct fixture *fx)
{
	while (fx->n_answered < fx->n_sent) {
		uv_run(&fx->loop, UV_RUN_ONCE);
	}
}

static const char *call(struct fixture *fx, const char *function)
{
	unsigned n = ask(fx, function, "{}");
	wait_for_answers(fx);
	return fx->bodies[n];
}

static void a_request_after_a_save_runs_the_saved_code(void **state)
{
	struct fixture *fx = *state;
	assert_string_equal(call(fx, "a"), "\"one\"");
	for (int i = 0; i < 30; i++) {
		char text[64], expected[16];
		snprintf(text, sizeof text, "export const word: string = 'w%02d';\n", i);
		snprintf(expected, sizeof expected, "\"w%02d\"", i);
		if (i % 2) {
			save(fx, "src/.new", text);
			rename(at(fx, "src/.new"), at(fx, "src/shared.ts"));
		} else {
			save(fx, "src/shared.ts", text);
		}
		assert_string_equal(call(fx, "a"), expected);
	}
}

static void requests_in_flight_finish_as_they_began(void **state)
{
	struct fixture *fx = *state;
	call(fx, "a");
	unsigned slow = ask(fx, "a", "{\"ms\":300}");
	save(fx, "src/shared.ts", "export const word: string = 'two';\n");
	unsigned next = ask(fx, "a", "{}");
	wait_for_answers(fx);
	assert_string_equal(fx->bodies[slow], "\"one\"");
	assert_string_equal(fx->bodies[next], "\"two\"");
}

static void a_request_waits_until_the_file_is_closed(void **state)
{
	struct fixture *fx = *state;
	call(fx, "a");
	int fd = open(at(fx, "src/shared.ts"), O_WRONLY | O_TRUNC);
	unsigned n = ask(fx, "a", "{}");
	for (int i = 0; i < 5; i++) {
		uv_run(&fx->loop, UV_RUN_ONCE);
	}
	assert_null(fx->bodies[n]);
	const char *text = "export const word: string = 'two';\n";
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	wait_for_answers(fx);
	assert_string_equal(fx->bodies[n], "\"two\"");
}

static void code_that_does_not_build_is_said_until_it_does(void **state)
{
	struct fixture *fx = *state;
	call(fx, "a");
	save(fx, "src/shared.ts", "export const word: = ;\n");
	const char *body = call(fx, "a");
	assert_false(fx->ok[fx->n_sent]);
	assert_non_null(strstr(body, "\"errorType\":\"build_failure\""));
	assert_non_null(strstr(body, "The function src/a.handler failed to build: "));
	assert_string_equal(call(fx, "b"), "\"b\""); /* others go on */
	save(fx, "src/shared.ts", "export const word: string = 'two';\n");
	assert_string_equal(call(fx, "a"), "\"two\"");
}

static void only_functions_whose_inputs_changed_are_built(void **state)
{
	struct fixture *fx = *state;
	call(fx, "a");
	call(fx, "b");
	call(fx, "a");
	unsigned built = fx->n_built;
	assert_int_equal(built, 2); /* however young the files */
	save(fx, "src/shared.ts", "export const word: string = 'two';\n");
	call(fx, "b");
	assert_int_equal(fx->n_built, built);
	call(fx, "a");
	assert_int_equal(fx->n_built, built + 1);
}

static void a_warm_start_needs_no_helper(void **state)
{
	struct fixture *fx = *state;
	call(fx, "a");
	save(fx, "src/shared.ts", "export const word: string = 'two';\n");
	call(fx, "a");
	struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	utimensat(AT_FDCWD, at(fx, "src/shared.ts"), old, 0);
	save(fx, "src/a.ts",
		"import { word } from './shared';\nexport const handler = async () => word;\n");
	call(fx, "a");
	call(fx, "a");
	close_parts(fx);
	open_parts(fx);
	usleep(30000); /* lets the files grow older than one tick of the clock, which is real here */
	assert_string_equal(call(fx, "a"), "\"two\"");
	assert_int_equal(helper_pid(fx->helper), 0);
	save(fx, "src/shared.ts", "export const word: string = 'six';\n");
	assert_string_equal(call(fx, "a"), "\"six\"");
	assert_true(helper_pid(fx->helper) > 0);
}

static void the_helper_may_die(void **state)
{
	struct fixture *fx = *state;
	call(fx, "a");
	kill(-helper_pid(fx->helper), SIGKILL);
	save(fx, "src/shared.ts", "export const word: string = 'two';\n");
	assert_string_equal(call(fx, "a"), "\"two\"");
}

static void unknown_functions_are_answered(void **state)
{
	struct fixture *fx = *state;
	assert_non_null(strstr(call(fx, "nope"), "Function not found: nope"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		TEST(a_request_after_a_save_runs_the_saved_code),
		TEST(requests_in_flight_finish_as_they_began),
		TEST(a_request_waits_until_the_file_is_closed),
		TEST(code_that_does_not_build_is_said_until_it_does),
		TEST(only_functions_whose_inputs_changed_are_built),
		TEST(a_warm_start_needs_no_helper),
		TEST(the_helper_may_die),
		TEST(unknown_functions_are_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
