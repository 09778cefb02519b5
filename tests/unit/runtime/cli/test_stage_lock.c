#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/base/file.h"
#include "runtime/cli/stage_lock.h"

static int make_folder(void **state)
{
	char path[] = "/tmp/offstage-test-lock-XXXXXX";
	*state = mkdtemp(path) ? xstrdup(path) : NULL;
	return *state ? 0 : -1;
}

static int remove_folder(void **state)
{
	struct err err = ERR_INIT;
	int rc = dir_remove(*state, &err);
	free(*state);
	return rc;
}

static void test_one_holder_at_a_time(void **state)
{
	struct err err = ERR_INIT;
	assert_int_equal(stage_lock_owner(*state).pid, 0);
	int fd = stage_lock_take(*state, "dev", STAGE_START, &err);
	assert_true(fd >= 0);
	struct stage_owner owner = stage_lock_owner(*state);
	assert_int_equal(owner.pid, getpid());
	assert_int_equal(owner.kind, STAGE_START);
	assert_int_equal(stage_lock_take(*state, "dev", STAGE_START, &err), -1);
	assert_non_null(strstr(err.msg, "stage 'dev' runs already"));
	close(fd);
	assert_int_equal(stage_lock_owner(*state).pid, 0);
}

/* As a supervisor has it from the command that started it. */
static void test_a_forked_child_keeps_it(void **state)
{
	struct err err = ERR_INIT;
	int pipe_fds[2];
	int fd = stage_lock_take(*state, "prod", STAGE_DEPLOY, &err);
	assert_true(fd >= 0);
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t child = fork();
	if (child == 0) {
		char byte;
		close(pipe_fds[1]);
		_exit(read(pipe_fds[0], &byte, 1) == 0 ? 0 : 1);
	}
	stage_lock_hand_over(fd, STAGE_DEPLOY, child);
	close(fd);
	assert_int_equal(stage_lock_owner(*state).pid, child);
	assert_int_equal(stage_lock_take(*state, "prod", STAGE_START, &err), -1);
	assert_non_null(strstr(err.msg, "stage 'prod' is deployed"));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(stage_lock_owner(*state).pid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_one_holder_at_a_time, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			test_a_forked_child_keeps_it, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
