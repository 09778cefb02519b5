/* Where handlers' output goes: the terminal and a file per function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "runtime/output.h"

struct fixture {
	uv_loop_t loop;
	struct output *output;
	char dir[64];
};

static int setup(void **state)
{
	struct fixture *fx = xalloc(sizeof *fx);
	uv_loop_init(&fx->loop);
	snprintf(fx->dir, sizeof fx->dir, "/tmp/test_output.XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	console_mute();
	fx->output = output_open(&fx->loop, fx->dir);
	*state = fx;
	return 0;
}

/* Closes it, which writes what is pending. */
static void finish(struct fixture *fx)
{
	output_close(fx->output);
	uv_run(&fx->loop, UV_RUN_DEFAULT);
	fx->output = NULL;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;
	char log[96];
	if (fx->output) {
		finish(fx);
	}
	assert_int_equal(uv_loop_close(&fx->loop), 0);
	snprintf(log, sizeof log, "%s/log", fx->dir);
	DIR *stream = opendir(log);
	for (struct dirent *e = stream ? readdir(stream) : NULL; e; e = readdir(stream)) {
		AUTO_FREE char *path = xasprintf("%s/%s", log, e->d_name);
		unlink(path);
	}
	if (stream) {
		closedir(stream);
	}
	rmdir(log);
	rmdir(fx->dir);
	free(fx);
	return 0;
}

static void assert_file(const struct fixture *fx, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/log/%s", fx->dir, name);
	struct buf out = BUF_INIT(16 * 1024 * 1024);
	struct err err = ERR_INIT;
	assert_int_equal(file_read(path, &out, &err), 0);
	assert_string_equal(buf_cstr(&out), text);
	buf_fini(&out);
}

static void keeps_a_private_file_per_function(void **state)
{
	struct fixture *fx = *state;
	output_add(fx->output, "one", "id", LOG_PLATFORM, SPAN("START\n"));
	output_add(fx->output, "one", "id", LOG_STDOUT, SPAN("hello\n"));
	output_add(fx->output, "two", "", LOG_STDERR, SPAN("oh\n"));
	finish(fx);
	assert_file(fx, "one.log", "START\nhello\n");
	assert_file(fx, "two.log", "oh\n");
	AUTO_FREE char *path = xasprintf("%s/log/one.log", fx->dir);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void writes_by_itself_soon(void **state)
{
	struct fixture *fx = *state;
	output_add(fx->output, "one", "", LOG_STDOUT, SPAN("hello\n"));
	uv_run(&fx->loop, UV_RUN_DEFAULT); /* until the timer has run */
	assert_file(fx, "one.log", "hello\n");
}

static void carriage_returns_within_a_record_are_its_newlines(void **state)
{
	struct fixture *fx = *state;
	output_add(fx->output, "one", "", LOG_STDOUT, SPAN("a\rb\r\n"));
	output_add(fx->output, "one", "", LOG_PLATFORM, SPAN("c\rd\n"));
	finish(fx);
	assert_file(fx, "one.log", "a\nb\nc\rd\n");
}

static void a_function_name_never_leaves_the_folder(void **state)
{
	struct fixture *fx = *state;
	output_add(fx->output, "../../one", "", LOG_STDOUT, SPAN("x\n"));
	finish(fx);
	assert_file(fx, "..-..-one.log", "x\n");
}

static void a_long_log_is_turned_over(void **state)
{
	struct fixture *fx = *state;
	AUTO_FREE char *line = xalloc(100 * 1024 + 1);
	memset(line, 'x', 100 * 1024);
	for (int i = 0; i < 60; i++) {
		output_add(fx->output, "one", "", LOG_STDOUT, span_n(line, 100 * 1024));
	}
	finish(fx);
	struct stat now, before;
	AUTO_FREE char *path = xasprintf("%s/log/one.log", fx->dir);
	AUTO_FREE char *older = xasprintf("%s/log/one.log.1", fx->dir);
	assert_int_equal(stat(path, &now), 0);
	assert_int_equal(stat(older, &before), 0);
	assert_int_equal(now.st_size + before.st_size, 60 * 100 * 1024);
	assert_true(before.st_size <= 5 * 1024 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_a_private_file_per_function, setup, teardown),
		cmocka_unit_test_setup_teardown(writes_by_itself_soon, setup, teardown),
		cmocka_unit_test_setup_teardown(
			carriage_returns_within_a_record_are_its_newlines, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_function_name_never_leaves_the_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_log_is_turned_over, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
