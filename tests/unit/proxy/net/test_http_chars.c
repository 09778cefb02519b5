#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/net/http_chars.h"

#define ALNUM "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* Exactly the bytes of `members` are of that kind. */
static void assert_kind(enum http_char kind, const char *members)
{
	for (int i = 0; i < 256; i++) {
		const char text[] = { 'a', (char)i, 'z' };
		bool member = i != 0 && strchr(members, i);
		assert_int_equal(http_chars_all(span_n(text, sizeof text), kind), member);
	}
	assert_true(http_chars_all(SPAN(""), kind));
}

static void kinds_are_those_of_the_rfcs(void **state)
{
	(void)state;
	assert_kind(HTTP_CHAR_TOKEN, ALNUM "!#$%&'*+-.^_`|~"); /* RFC 9110 section 5.6.2 */
	assert_kind(HTTP_CHAR_HOST, ALNUM "-._~%!$&'()*+;=:[]");
	assert_kind(HTTP_CHAR_TARGET, ALNUM "!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
}

/* RFC 9110 section 5.5. */
static bool is_text(int c)
{
	return c == '\t' || (c >= 0x20 && c != 0x7f);
}

/* Wherever the byte stands, and whatever stands before it. */
static void text_ends_at_the_first_control_character(void **state)
{
	(void)state;
	static const char fill[] = { 'a', ' ', '~', '\t', (char)0x80, (char)0xff };
	for (size_t f = 0; f < sizeof fill; f++) {
		for (size_t at = 0; at < 20; at++) {
			for (int i = 0; i < 256; i++) {
				char text[20];
				memset(text, fill[f], sizeof text);
				text[at] = (char)i;
				assert_int_equal(http_chars_text(span_n(text, sizeof text)),
					is_text(i) ? sizeof text : at);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_those_of_the_rfcs),
		cmocka_unit_test(text_ends_at_the_first_control_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
