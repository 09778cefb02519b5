#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/base/json.h"

static bool parses(const char *text)
{
	struct err err = ERR_INIT;
	cJSON *tree = json_parse(span_of(text), &err);
	cJSON_Delete(tree);
	return tree != NULL;
}

static void test_strictness(void **state)
{
	(void)state;
	assert_true(parses("{\"a\":[1,2,{\"b\":null}]}"));
	assert_true(parses(" 1 \n"));
	assert_true(parses("\"\\u00e9\""));
	assert_false(parses(""));
	assert_false(parses("{} x"));
	assert_false(parses("{\"a\":1}{}"));
	assert_false(parses("\"\\u0000\""));
	assert_false(parses("\"\xff\""));
	assert_false(parses("\"a\nb\""));
	assert_false(parses("[1,]"));
	char deep[200];
	memset(deep, '[', 100);
	memset(deep + 100, ']', 99);
	deep[199] = '\0';
	assert_false(parses(deep));
}

static void test_an_escaped_backslash_hides_no_nul(void **state)
{
	(void)state;
	assert_true(parses("\"\\\\u0000\""));
}

static void test_duplicates(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	cJSON *once = json_parse_unique(SPAN("{\"a\":1,\"b\":{\"a\":2}}"), &err);
	assert_non_null(once);
	cJSON_Delete(once);
	assert_null(json_parse_unique(SPAN("{\"b\":[{\"a\":1,\"a\":2}]}"), &err));
	assert_string_equal(err.msg, "member 'a' stands twice in one object");
}

static void test_lookups_never_guess(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *tree = json_parse(SPAN("{\"Name\":\"x\",\"n\":7,\"ok\":true}"), &err);
	assert_null(json_str(tree, "name"));
	assert_string_equal(json_str(tree, "Name"), "x");
	assert_null(json_str(tree, "n"));
	assert_true(json_num(tree, "n", 0) == 7);
	assert_true(json_num(tree, "Name", 3) == 3);
	assert_true(json_bool(tree, "ok", false));
	assert_null(json_array(tree, "n"));
	assert_null(json_str(NULL, "x"));
}

/* In a buffer that has room, in one that just has it or just not, and in one that has to grow. */
static void expect_text(struct span in, const char *out)
{
	for (size_t room = 0; room < 128; room++) {
		struct buf b = BUF_INIT(room + strlen(out));
		memset(buf_reserve(&b, room + 1), '.', room);
		buf_commit(&b, room);
		json_add_string(&b, in);
		assert_false(b.overflow);
		assert_string_equal(buf_cstr(&b) + room, out);
		buf_clear(&b);
		json_add_string(&b, in);
		assert_string_equal(buf_cstr(&b), out);
		buf_fini(&b);
	}
}

static void test_strings_are_escaped_and_repaired(void **state)
{
	(void)state;
	expect_text(SPAN("plain"), "\"plain\"");
	expect_text(SPAN("a\"b\\c\n\t\x01"), "\"a\\\"b\\\\c\\n\\t\\u0001\"");
	expect_text(SPAN("\xce\xbb"), "\"\xce\xbb\"");
	expect_text(SPAN("a\xff\xce\xbb\xc0"), "\"a\xef\xbf\xbd\xce\xbb\xef\xbf\xbd\"");
}

/* A byte that is escaped or repaired, at each place of a word and its neighbours. */
static void test_escapes_stand_where_they_were(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = { { "\"", "\\\"" }, { "\\", "\\\\" }, { "\n", "\\n" }, { "\x1f", "\\u001f" },
		{ "\x7f", "\x7f" }, { "\xff", "\xef\xbf\xbd" }, { "\xc3\xa9", "\xc3\xa9" },
		{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" } };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		for (size_t at = 0; at <= 20; at++) {
			char in[64] = "";
			char out[64];
			snprintf(in, sizeof in, "%.*s%s%.*s", (int)at, "aaaaaaaaaaaaaaaaaaaa",
				cases[i].in, 20 - (int)at, "bbbbbbbbbbbbbbbbbbbb");
			snprintf(out, sizeof out, "\"%.*s%s%.*s\"", (int)at, "aaaaaaaaaaaaaaaaaaaa",
				cases[i].out, 20 - (int)at, "bbbbbbbbbbbbbbbbbbbb");
			expect_text(span_of(in), out);
		}
	}
}

static void test_members_know_their_comma(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1024);
	buf_add_char(&b, '{');
	json_add_member(&b, "a", SPAN("1"));
	json_add_member_int(&b, "b", -2);
	json_add_name(&b, "c");
	buf_add_char(&b, '{');
	json_add_member_bool(&b, "d", true);
	buf_add_str(&b, "}}");
	assert_string_equal(buf_cstr(&b), "{\"a\":\"1\",\"b\":-2,\"c\":{\"d\":true}}");
	buf_fini(&b);
}

/* Each byte value at each place of a word and its neighbours. */
static void test_plain_runs_end_at_the_right_byte(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
		for (size_t at = 0; at < 20; at++) {
			char text[20];
			memset(text, 'a', sizeof text);
			text[at] = (char)c;
			for (size_t len = at + 1; len <= sizeof text; len++) {
				assert_int_equal(json_plain(span_n(text, len)), plain ? len : at);
			}
		}
	}
	assert_int_equal(json_plain(span_n(NULL, 0)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strictness),
		cmocka_unit_test(test_an_escaped_backslash_hides_no_nul),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_lookups_never_guess),
		cmocka_unit_test(test_strings_are_escaped_and_repaired),
		cmocka_unit_test(test_escapes_stand_where_they_were),
		cmocka_unit_test(test_members_know_their_comma),
		cmocka_unit_test(test_plain_runs_end_at_the_right_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
