/* RFC 9110: section 5.6.2 for names, section 5.5 for values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "emulator/gateway/headers.h"

static void what_a_header_line_may_hold(void **state)
{
	(void)state;
	static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	for (int c = 0; c < 256; c++) {
		char text[] = { 'x', (char)c };
		bool in_name = c && strchr(token, c);
		bool in_value = c == '\t' || (c >= 0x20 && c != 0x7f);
		assert_int_equal(header_is_sendable(span_n(text, 2), SPAN("")), in_name);
		assert_int_equal(header_is_sendable(SPAN("x"), span_n(text, 2)), in_value);
	}
	assert_false(header_is_sendable(SPAN(""), SPAN("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_header_line_may_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
