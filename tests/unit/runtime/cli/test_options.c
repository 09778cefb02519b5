#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "runtime/cli/options.h"

static struct options good(char **argv)
{
	struct options o;
	struct err err = ERR_INIT;
	int argc = 0;
	while (argv[argc]) {
		argc++;
	}
	if (options_parse(&o, argc, argv, &err)) {
		fail_msg("%s", err.msg);
	}
	return o;
}

static void bad(char **argv, const char *words)
{
	struct options o;
	struct err err = ERR_INIT;
	int argc = 0;
	while (argv[argc]) {
		argc++;
	}
	assert_int_not_equal(options_parse(&o, argc, argv, &err), 0);
	if (!strstr(err.msg, words)) {
		fail_msg("'%s' does not say '%s'", err.msg, words);
	}
}

#define ARGS(...)                                     \
	(char *[])                                    \
	{                                             \
		(char *)"offstage", __VA_ARGS__, NULL \
	}
#define S(text) (char *)(uintptr_t)(text)

static void test_start(void **state)
{
	(void)state;
	struct options o = good(ARGS(S("start")));
	assert_int_equal(o.command, COMMAND_START);
	assert_string_equal(o.dir, ".");
	assert_string_equal(o.stage, "dev");
	assert_int_equal(o.port, 4510);
	o = good(ARGS(S("start"), S("app"), S("--port=0"), S("--stage"), S("qa"), S("--json"),
		S("--inspect"), S("--allow-callback"), S("https://a"),
		S("--allow-callback=https://b"), S("--login"), S("remote")));
	assert_string_equal(o.dir, "app");
	assert_int_equal(o.port, 0);
	assert_string_equal(o.stage, "qa");
	assert_true(o.json);
	assert_int_equal(o.inspect, 9229);
	assert_int_equal(o.n_allow_callbacks, 2);
	assert_true(o.remote_login);
	assert_int_equal(good(ARGS(S("start"), S("--inspect=9300"))).inspect, 9300);
}

static void test_exec_keeps_the_command(void **state)
{
	(void)state;
	struct options o = good(ARGS(S("exec"), S("app"), S("--"), S("npm"), S("--stage"), S("x")));
	assert_string_equal(o.dir, "app");
	assert_string_equal(o.stage, "test");
	assert_int_equal(o.port, 0);
	assert_string_equal(o.child[1], "--stage");
	bad(ARGS(S("exec"), S("app")), "-- COMMAND");
}

static void test_what_npm_makes_of_stage(void **state)
{
	(void)state;
	setenv("npm_config_stage", "true", 1);
	struct options o = good(ARGS(S("remove"), S("prod")));
	assert_string_equal(o.stage, "prod");
	assert_string_equal(o.dir, ".");
	setenv("npm_config_stage", "prod", 1);
	assert_string_equal(good(ARGS(S("remove"))).stage, "prod");
	assert_string_equal(good(ARGS(S("remove"), S("--stage"), S("qa"))).stage, "qa");
	unsetenv("npm_config_stage");
	bad(ARGS(S("remove")), "--stage NAME");
}

static void test_mistakes_are_named(void **state)
{
	(void)state;
	bad(ARGS(S("begin")), "unknown command 'begin'");
	bad(ARGS(S("start"), S("--prot"), S("1")), "did you mean '--port'");
	bad(ARGS(S("start"), S("--port"), S("70000")), "0 to 65535");
	bad(ARGS(S("start"), S("--port")), "needs a value");
	bad(ARGS(S("start"), S("--json=1")), "takes no value");
	bad(ARGS(S("start"), S("--stage"), S("1x")), "no stage name");
	bad(ARGS(S("start"), S("a"), S("b")), "'b' is one word too many");
	bad(ARGS(S("start"), S("--event"), S("x")), "has no option --event");
	bad(ARGS(S("start"), S("--login"), S("x")), "'local' or 'remote'");
	bad(ARGS(S("connect")), "needs URL");
	bad(ARGS(S("token")), "--user EMAIL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_exec_keeps_the_command),
		cmocka_unit_test(test_what_npm_makes_of_stage),
		cmocka_unit_test(test_mistakes_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
