/* RFC 8259: section 7 for strings and their escapes, section 2 for blanks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/base/scan.h"

static bool is_value(struct span text)
{
	struct span value;
	return scan_one(text, &value) && span_eq(value, text);
}

/* "aaaa<middle>aaaa", with the middle at each place of a word and its neighbours, is a string and the first
 * that ends there; no piece of it is. */
static void check_string(struct span middle, bool good)
{
	for (size_t at = 1; at < 20; at++) {
		char text[64];
		memset(text, 'a', sizeof text);
		text[0] = '"';
		memcpy(text + at, middle.ptr, middle.len);
		size_t len = at + middle.len + 9;
		text[len - 1] = '"';
		assert_int_equal(is_value(span_n(text, len)), good);
		for (size_t cut = 0; cut < len; cut++) {
			assert_false(is_value(span_n(text, cut)));
		}
	}
}

static void strings_end_at_their_quote(void **state)
{
	(void)state;
	check_string(SPAN("plain"), true);
	check_string(SPAN("\xc3\xa9\xe2\x82\xac\x7f"), true);
	const char *const escapes[] = { "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t",
		"\\u00e9", "\\uD83D\\uDE00" };
	for (size_t i = 0; i < COUNT_OF(escapes); i++) {
		check_string(span_of(escapes[i]), true);
	}
	const char *const none[] = { "\\a", "\\x", "\\'", "\\u00g0", "\\u 123" };
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		check_string(span_of(none[i]), false);
	}
	for (char c = 0; c < 0x20; c++) {
		check_string(span_n(&c, 1), false);
		check_string(span_n((char[]){ '\\', c }, 2), false);
	}
}

static void a_string_is_cut_nowhere_else(void **state)
{
	(void)state;
	assert_false(is_value(SPAN("\"\\\"")));
	assert_false(is_value(SPAN("\"\\u12\"")));
	assert_false(is_value(SPAN("\"a\"b\"")));
	assert_true(is_value(SPAN("\"\"")));
}

static void names_are_compared_by_what_they_say(void **state)
{
	(void)state;
	assert_true(scan_says(SPAN("\"body\""), "body"));
	assert_true(scan_says(SPAN("\"b\\u006fdy\""), "body"));
	assert_true(scan_says(SPAN("\"\\u0062ody\""), "body"));
	assert_true(scan_says(SPAN("\"\""), ""));
	assert_true(scan_says(SPAN("\"\\\\\""), "\\"));
	assert_false(scan_says(SPAN("\"\\\\\""), "\\\\"));
	assert_false(scan_says(SPAN("\"\""), "body"));
	assert_false(scan_says(SPAN("\"bod\""), "body"));
	assert_false(scan_says(SPAN("\"bodys\""), "body"));
	assert_false(scan_says(SPAN("\"Body\""), "body"));
	assert_false(scan_says(SPAN("\"\\u0000\""), ""));
}

static void expect_content(const char *quoted, struct span content)
{
	struct buf b = BUF_INIT(64);
	scan_unescape(&b, span_of(quoted));
	assert_true(span_eq(buf_span(&b), content));
	buf_fini(&b);
}

static void strings_are_unescaped(void **state)
{
	(void)state;
	expect_content("\"\"", SPAN(""));
	expect_content("\"plain\"", SPAN("plain"));
	expect_content("\"\\\"a\\\\\\/b\\b\\f\\n\\r\\t\"", SPAN("\"a\\/b\b\f\n\r\t"));
	expect_content("\"a\\u0000\\u00e9\\u20ac.\"", SPAN("a\0\xc3\xa9\xe2\x82\xac."));
	expect_content("\"\\uD83D\\uDE00\"", SPAN("\xf0\x9f\x98\x80"));
	expect_content("\"\\uDE00\\uD83Dx\"", SPAN("\xef\xbf\xbd\xef\xbf\xbdx"));
}

static void members_come_one_by_one(void **state)
{
	(void)state;
	struct scan s;
	struct span name, value;
	assert_true(scan_open(&s, SPAN(" { \"a\" : [1, {\"b\" : \"]\"}] ,\r\n\t\"c\":-0.5e+3} ")));
	assert_true(scan_next(&s, &name, &value));
	assert_true(span_is(name, "\"a\"") && span_is(value, "[1, {\"b\" : \"]\"}]"));
	assert_true(scan_next(&s, &name, &value));
	assert_true(span_is(name, "\"c\"") && span_is(value, "-0.5e+3"));
	assert_false(scan_next(&s, &name, &value));
	assert_false(s.bad);
	assert_true(scan_open(&s, SPAN("{\"a\":1 \v}")));
	assert_true(scan_next(&s, &name, &value));
	assert_false(scan_next(&s, &name, &value));
	assert_true(s.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_end_at_their_quote),
		cmocka_unit_test(a_string_is_cut_nowhere_else),
		cmocka_unit_test(names_are_compared_by_what_they_say),
		cmocka_unit_test(strings_are_unescaped),
		cmocka_unit_test(members_come_one_by_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
