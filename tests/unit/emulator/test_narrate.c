#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "emulator/narrate.h"
#include "proxy/base/alloc.h"

static void expect_short(const char *json, const char *shown)
{
	struct buf out = BUF_INIT(1u << 20);
	narrate_shorten(&out, span_of(json));
	assert_string_equal(buf_cstr(&out), shown);
	buf_fini(&out);
}

static void test_short_results_stay(void **state)
{
	(void)state;
	expect_short("{\"statusCode\":200,\"body\":\"Hello user!\"}",
		"{\"statusCode\":200,\"body\":\"Hello user!\"}");
	expect_short("not json", "not json");
	/* Ten percent over is let pass. */
	char text[120];
	memset(text, 'a', sizeof text);
	AUTO_FREE char *json = xasprintf("\"%.*s\"", 110, text);
	expect_short(json, json);
}

static void test_long_strings_and_lists_are_cut(void **state)
{
	(void)state;
	char text[200];
	memset(text, 'a', sizeof text);
	AUTO_FREE char *json = xasprintf("{\"body\":\"%.*s\"}", 150, text);
	AUTO_FREE char *shown = xasprintf("{\"body\":\"%.*s... 50 more characters\"}", 100, text);
	expect_short(json, shown);
	expect_short(
		"[1,2,3,4,5,6,7,8,9,10,11,12,13]", "[1,2,3,4,5,6,7,8,9,10,\"... 3 more items\"]");
	/* Quotes within a string end nothing. */
	AUTO_FREE char *quoted = xasprintf("{\"body\":\"\\\"%.*s\\\"%.*s\"}", 60, text, 88, text);
	AUTO_FREE char *cut = xasprintf(
		"{\"body\":\"\\\"%.*s\\\"%.*s... 50 more characters\"}", 60, text, 38, text);
	expect_short(quoted, cut);
}

static void test_a_megabyte_is_not_printed(void **state)
{
	(void)state;
	struct buf big = BUF_INIT(2u << 20);
	for (int i = 0; i < 1 << 20; i++) {
		buf_add_char(&big, 'x');
	}
	struct buf out = BUF_INIT(1u << 20);
	narrate_shorten(&out, buf_span(&big));
	assert_true(out.len < 1600);
	assert_true(span_ends(buf_span(&out), SPAN("... 1047076 more characters")));
	buf_fini(&out);
	buf_fini(&big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_results_stay),
		cmocka_unit_test(test_long_strings_and_lists_are_cut),
		cmocka_unit_test(test_a_megabyte_is_not_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
