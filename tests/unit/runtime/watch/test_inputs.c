/* Every way in which editors and tools change files is a change; what is half done waits. Real files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/file.h"
#include "runtime/watch/inputs.h"

struct fixture {
	uv_loop_t loop;
	struct watch *watch;
	struct inputs *inputs;
	char root[64], outside[64];
	unsigned changes;
};

static void on_change(void *ctx)
{
	struct fixture *fx = ctx;
	fx->changes++;
}

static char *at(struct fixture *fx, const char *name)
{
	static char paths[8][256];
	static unsigned n;
	char *out = paths[n++ % 8];
	snprintf(out, sizeof paths[0], "%s/%s", fx->root, name);
	return out;
}

static void write_in_place(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static enum inputs_state check(struct fixture *fx)
{
	watch_drain(fx->watch);
	return inputs_check(fx->inputs);
}

static void build(struct fixture *fx)
{
	const char *paths[] = { at(fx, "a.ts"), at(fx, "lib/b.ts") };
	const char *missing[] = { at(fx, "a.js") };
	watch_drain(fx->watch);
	/* The second build knows its inputs beforehand, so their age does not matter. */
	for (int i = 0; i < 2; i++) {
		inputs_begin(fx->inputs);
		inputs_end(fx->inputs, paths, 2, missing, 1);
	}
	assert_int_equal(check(fx), INPUTS_SAME);
}

static int set_up(void **state)
{
	struct fixture *fx = xalloc(sizeof *fx);
	assert_int_equal(uv_loop_init(&fx->loop), 0);
	snprintf(fx->root, sizeof fx->root, "/tmp/watch-XXXXXX");
	snprintf(fx->outside, sizeof fx->outside, "/tmp/watch-out-XXXXXX");
	assert_non_null(mkdtemp(fx->root));
	assert_non_null(mkdtemp(fx->outside));
	mkdir(at(fx, "lib"), 0700);
	mkdir(at(fx, "node_modules"), 0700);
	mkdir(at(fx, "node_modules/dep"), 0700);
	write_in_place(at(fx, "a.ts"), "one");
	write_in_place(at(fx, "lib/b.ts"), "one");
	struct watch_config config = { &fx->loop, fx, on_change };
	struct err err = ERR_INIT;
	fx->watch = watch_open(&config, &err);
	assert_non_null(fx->watch);
	assert_int_equal(watch_tree(fx->watch, fx->root, &err), 0);
	fx->inputs = inputs_create(fx->watch);
	assert_int_equal(check(fx), INPUTS_CHANGED); /* never built */
	build(fx);
	*state = fx;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	struct err err = ERR_INIT;
	inputs_destroy(fx->inputs);
	watch_close(fx->watch);
	uv_run(&fx->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fx->loop), 0);
	assert_int_equal(dir_remove(fx->root, &err), 0);
	assert_int_equal(dir_remove(fx->outside, &err), 0);
	free(fx);
	return 0;
}

static void expect_change_then_rest(struct fixture *fx)
{
	assert_int_equal(check(fx), INPUTS_CHANGED);
	build(fx);
}

static void write_in_place_is_seen(void **state)
{
	struct fixture *fx = *state;
	for (int i = 0; i < 20; i++) { /* same size, maybe same tick of the clock */
		write_in_place(at(fx, "a.ts"), i % 2 ? "two" : "six");
		expect_change_then_rest(fx);
	}
}

static void rename_over_is_seen(void **state)
{
	struct fixture *fx = *state;
	for (int i = 0; i < 20; i++) {
		write_in_place(at(fx, ".a.ts.tmp"), i % 2 ? "two" : "six");
		rename(at(fx, ".a.ts.tmp"), at(fx, "a.ts"));
		expect_change_then_rest(fx);
	}
}

static void backup_rename_and_write_is_seen(void **state)
{
	struct fixture *fx = *state;
	rename(at(fx, "a.ts"), at(fx, "a.ts~"));
	assert_int_equal(check(fx), INPUTS_UNSETTLED);
	write_in_place(at(fx, "a.ts"), "two");
	expect_change_then_rest(fx);
}

static void between_truncate_and_close_is_unsettled(void **state)
{
	struct fixture *fx = *state;
	int fd = open(at(fx, "a.ts"), O_WRONLY | O_TRUNC);
	assert_int_equal(check(fx), INPUTS_UNSETTLED);
	assert_int_equal(write(fd, "tw", 2), 2);
	assert_int_equal(check(fx), INPUTS_UNSETTLED);
	assert_int_equal(write(fd, "o", 1), 1);
	close(fd);
	expect_change_then_rest(fx);
}

static void delete_then_create_is_one_save(void **state)
{
	struct fixture *fx = *state;
	unlink(at(fx, "a.ts"));
	assert_int_equal(check(fx), INPUTS_UNSETTLED);
	int fd = open(at(fx, "a.ts"), O_WRONLY | O_CREAT, 0600);
	assert_int_equal(check(fx), INPUTS_UNSETTLED);
	assert_int_equal(write(fd, "two", 3), 3);
	close(fd);
	expect_change_then_rest(fx);
}

static void two_saves_during_a_build_make_two_changes(void **state)
{
	struct fixture *fx = *state;
	write_in_place(at(fx, "a.ts"), "two");
	assert_int_equal(check(fx), INPUTS_CHANGED);
	inputs_begin(fx->inputs);
	write_in_place(at(fx, "a.ts"), "six"); /* while the bundler reads */
	const char *paths[] = { at(fx, "a.ts"), at(fx, "lib/b.ts") };
	inputs_end(fx->inputs, paths, 2, NULL, 0);
	expect_change_then_rest(fx);
}

/* A build that finds its inputs by itself: `during` is done while it reads. */
static enum inputs_state first_build(struct fixture *fx, void (*during)(struct fixture *fx))
{
	AUTO_FREE char *path = xstrdup(at(fx, "lib/new.ts"));
	const char *paths[] = { path };
	struct inputs *in = inputs_create(fx->watch);
	write_in_place(path, "one");
	watch_drain(fx->watch);
	inputs_begin(in);
	during(fx);
	inputs_end(in, paths, 1, NULL, 0);
	watch_drain(fx->watch);
	enum inputs_state state = inputs_check(in);
	inputs_destroy(in);
	return state;
}

static void nothing(struct fixture *fx)
{
	(void)fx;
}

static void a_write(struct fixture *fx)
{
	write_in_place(at(fx, "lib/new.ts"), "two");
	watch_drain(fx->watch);
}

static void a_write_that_was_not_told_yet(struct fixture *fx)
{
	write_in_place(at(fx, "lib/new.ts"), "two");
}

static void more_writes_than_are_remembered(struct fixture *fx)
{
	a_write(fx);
	for (int i = 0; i < 400; i++) {
		char name[32];
		snprintf(name, sizeof name, "lib/%d.log", i);
		write_in_place(at(fx, name), "x");
	}
	watch_drain(fx->watch);
}

static void another_folder_in_its_place(struct fixture *fx)
{
	mkdir(at(fx, "other"), 0700);
	write_in_place(at(fx, "other/new.ts"), "two");
	rename(at(fx, "lib"), at(fx, "old"));
	rename(at(fx, "other"), at(fx, "lib"));
	watch_drain(fx->watch);
}

/* However young it is: its folder was watched before it was read. */
static void a_file_is_built_once_unless_it_was_written_meanwhile(void **state)
{
	struct fixture *fx = *state;
	assert_int_equal(first_build(fx, nothing), INPUTS_SAME);
	assert_int_equal(first_build(fx, a_write), INPUTS_CHANGED);
	assert_int_equal(first_build(fx, a_write_that_was_not_told_yet), INPUTS_CHANGED);
	assert_int_equal(first_build(fx, nothing), INPUTS_SAME);
	assert_int_equal(first_build(fx, more_writes_than_are_remembered), INPUTS_CHANGED);
	assert_int_equal(first_build(fx, another_folder_in_its_place), INPUTS_CHANGED);
}

/* Nobody would have told of a write to a package. */
static void a_young_file_in_a_folder_that_was_not_watched_is_looked_at_again(void **state)
{
	struct fixture *fx = *state;
	const char *paths[] = { at(fx, "node_modules/dep/index.js") };
	struct inputs *in = inputs_create(fx->watch);
	inputs_begin(in);
	write_in_place(paths[0], "one");
	inputs_end(in, paths, 1, NULL, 0);
	assert_int_equal(check(fx), INPUTS_SAME);
	assert_int_equal(inputs_check(in), INPUTS_CHANGED);
	inputs_destroy(in);
}

static void folder_moves_are_seen(void **state)
{
	struct fixture *fx = *state;
	rename(at(fx, "lib"), at(fx, "old"));
	assert_int_equal(check(fx), INPUTS_UNSETTLED);
	mkdir(at(fx, "lib"), 0700);
	write_in_place(at(fx, "lib/b.ts"), "two");
	expect_change_then_rest(fx);
	/* The new folder is watched, the old name of the moved one is forgotten. */
	write_in_place(at(fx, "old/b.ts"), "xxx");
	assert_int_equal(check(fx), INPUTS_SAME);
	write_in_place(at(fx, "lib/b.ts"), "six");
	expect_change_then_rest(fx);
}

static void a_folder_swapped_in_by_rename_is_seen(void **state)
{
	struct fixture *fx = *state;
	mkdir(at(fx, ".new"), 0700);
	write_in_place(at(fx, ".new/b.ts"), "two");
	rename(at(fx, "lib"), at(fx, ".gone"));
	rename(at(fx, ".new"), at(fx, "lib"));
	expect_change_then_rest(fx);
	write_in_place(at(fx, "lib/b.ts"), "six");
	expect_change_then_rest(fx);
}

static void a_link_that_is_turned_is_seen(void **state)
{
	struct fixture *fx = *state;
	assert_int_equal(symlink(fx->outside, at(fx, "shared")), 0);
	expect_change_then_rest(fx);
	assert_int_equal(symlink("lib", at(fx, ".next")), 0);
	rename(at(fx, ".next"), at(fx, "shared"));
	expect_change_then_rest(fx);
}

/* Whatever it was called, and whenever it was made. */
static void a_link_that_goes_is_seen(void **state)
{
	struct fixture *fx = *state;
	assert_int_equal(symlink(fx->outside, at(fx, "shared.v2")), 0);
	expect_change_then_rest(fx);
	unlink(at(fx, "shared.v2"));
	expect_change_then_rest(fx);
	mkdir(at(fx, ".next"), 0700);
	assert_int_equal(symlink(fx->outside, at(fx, ".next/old.d")), 0);
	rename(at(fx, ".next"), at(fx, "next"));
	expect_change_then_rest(fx);
	unlink(at(fx, "next/old.d"));
	expect_change_then_rest(fx);
	/* A file in its place is none. */
	assert_int_equal(symlink("b.ts", at(fx, "lib/c.log")), 0);
	expect_change_then_rest(fx);
	write_in_place(at(fx, ".c"), "x");
	rename(at(fx, ".c"), at(fx, "lib/c.log"));
	expect_change_then_rest(fx);
	unlink(at(fx, "lib/c.log"));
	assert_int_equal(check(fx), INPUTS_SAME);
}

static void a_package_that_is_unlinked_is_seen(void **state)
{
	struct fixture *fx = *state;
	assert_int_equal(symlink("dep", at(fx, "node_modules/dep.js")), 0);
	char *dep = at(fx, "node_modules/dep/index.js");
	write_in_place(dep, "one");
	const char *paths[] = { dep };
	for (int i = 0; i < 2; i++) {
		watch_drain(fx->watch);
		inputs_begin(fx->inputs);
		inputs_end(fx->inputs, paths, 1, NULL, 0);
	}
	assert_int_equal(check(fx), INPUTS_SAME);
	unlink(at(fx, "node_modules/dep.js"));
	assert_int_equal(check(fx), INPUTS_CHANGED);
}

static void what_would_resolve_first_is_seen(void **state)
{
	struct fixture *fx = *state;
	write_in_place(at(fx, "a.js"), "x");
	expect_change_then_rest(fx);
}

static void files_outside_the_tree_count_when_asked_for(void **state)
{
	struct fixture *fx = *state;
	char *far = xasprintf("%s/far.ts", fx->outside);
	char *dep = at(fx, "node_modules/dep/index.js");
	write_in_place(far, "one");
	write_in_place(dep, "one");
	const char *paths[] = { far, dep };
	for (int i = 0; i < 2; i++) {
		watch_drain(fx->watch);
		inputs_begin(fx->inputs);
		inputs_end(fx->inputs, paths, 2, NULL, 0);
	}
	assert_int_equal(check(fx), INPUTS_SAME);
	write_in_place(far, "two");
	assert_int_equal(check(fx), INPUTS_CHANGED);
	inputs_begin(fx->inputs);
	inputs_end(fx->inputs, paths, 2, NULL, 0);
	assert_int_equal(check(fx), INPUTS_SAME);
	write_in_place(dep, "two");
	assert_int_equal(check(fx), INPUTS_CHANGED);
	free(far);
}

static void noise_is_not_a_change(void **state)
{
	struct fixture *fx = *state;
	uint64_t seq = watch_seq(fx->watch);
	write_in_place(at(fx, "debug.log"), "x");
	write_in_place(at(fx, "a.ts~"), "x");
	write_in_place(at(fx, "4913"), "x");
	unlink(at(fx, "4913"));
	mkdir(at(fx, ".git"), 0700);
	write_in_place(at(fx, ".git/index"), "x");
	write_in_place(at(fx, "node_modules/other.js"), "x");
	int fd = open(at(fx, "a.ts"), O_WRONLY);
	close(fd);
	assert_int_equal(check(fx), INPUTS_SAME);
	assert_int_equal(watch_seq(fx->watch), seq);
}

static void new_folders_are_watched_with_what_is_in_them(void **state)
{
	struct fixture *fx = *state;
	mkdir(at(fx, "x"), 0700);
	mkdir(at(fx, "x/y"), 0700);
	expect_change_then_rest(fx);
	write_in_place(at(fx, "x/y/z.ts"), "one");
	expect_change_then_rest(fx);
}

static void the_loop_hears_of_changes(void **state)
{
	struct fixture *fx = *state;
	unsigned before = fx->changes;
	write_in_place(at(fx, "a.ts"), "two");
	while (fx->changes == before) {
		uv_run(&fx->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(inputs_check(fx->inputs), INPUTS_CHANGED);
}

/* The events that the kernel is asked for in a folder, of the first inotify descriptor that knows it. */
static unsigned watched_events(const char *dir)
{
	struct stat st;
	assert_int_equal(stat(dir, &st), 0);
	for (int fd = 0; fd < 64; fd++) {
		AUTO_FREE char *path = xasprintf("/proc/self/fdinfo/%d", fd);
		FILE *info = fopen(path, "r");
		char line[256];
		while (info && fgets(line, sizeof line, info)) {
			unsigned wd;
			unsigned long ino, dev, mask;
			if (sscanf(line, "inotify wd:%x ino:%lx sdev:%lx mask:%lx", &wd, &ino, &dev,
				    &mask) == 4 &&
				ino == st.st_ino) {
				fclose(info);
				return (unsigned)mask;
			}
		}
		if (info) {
			fclose(info);
		}
	}
	return 0;
}

/* Others may write there without end: a process that is woken by each write of a compiler in /tmp, or by
 * its own log beside the app, does nothing else. */
static void writes_in_the_folders_above_are_not_asked_for(void **state)
{
	struct fixture *fx = *state;
	build(fx);
	assert_true(watched_events(at(fx, "lib")) & IN_MODIFY);
	unsigned above = watched_events("/tmp");
	assert_true(above & IN_MOVED_FROM);
	assert_false(above & (IN_MODIFY | IN_CLOSE_WRITE));
}

static void a_file_outside_is_watched_though_its_folder_was_one_above(void **state)
{
	struct fixture *fx = *state;
	AUTO_FREE char *above = xasprintf("%s/in/deep.ts", fx->outside);
	AUTO_FREE char *beside = xasprintf("%s/beside.ts", fx->outside);
	AUTO_FREE char *folder = xasprintf("%s/in", fx->outside);
	assert_int_equal(mkdir(folder, 0700), 0);
	struct watch_file *deep = watch_add(fx->watch, above);
	assert_false(watched_events(fx->outside) & IN_MODIFY);
	struct watch_file *file = watch_add(fx->watch, beside);
	assert_true(watched_events(fx->outside) & IN_MODIFY);
	write_in_place(beside, "1");
	watch_drain(fx->watch);
	assert_true(watch_file_seq(file) > 0);
	watch_drop(file);
	watch_drop(deep);
	unlink(beside);
	rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(write_in_place_is_seen),
		TEST(rename_over_is_seen),
		TEST(backup_rename_and_write_is_seen),
		TEST(between_truncate_and_close_is_unsettled),
		TEST(delete_then_create_is_one_save),
		TEST(two_saves_during_a_build_make_two_changes),
		TEST(a_file_is_built_once_unless_it_was_written_meanwhile),
		TEST(a_young_file_in_a_folder_that_was_not_watched_is_looked_at_again),
		TEST(folder_moves_are_seen),
		TEST(a_folder_swapped_in_by_rename_is_seen),
		TEST(a_link_that_is_turned_is_seen),
		TEST(a_link_that_goes_is_seen),
		TEST(a_package_that_is_unlinked_is_seen),
		TEST(what_would_resolve_first_is_seen),
		TEST(files_outside_the_tree_count_when_asked_for),
		TEST(noise_is_not_a_change),
		TEST(new_folders_are_watched_with_what_is_in_them),
		TEST(the_loop_hears_of_changes),
		TEST(writes_in_the_folders_above_are_not_asked_for),
		TEST(a_file_outside_is_watched_though_its_folder_was_one_above),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
