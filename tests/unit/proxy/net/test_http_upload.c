/* The mark above which a writer stops, and when it is told to go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proxy/net/http_upload.h"

#define KIB 1024

static void bytes_come_out_as_they_went_in(void **state)
{
	(void)state;
	struct http_upload u;
	char room[8];
	http_upload_init(&u);
	assert_true(http_upload_write(&u, SPAN("abcdef")));
	assert_true(http_upload_write(&u, SPAN("gh")));
	assert_int_equal(http_upload_read(&u, room, 5), 5);
	assert_memory_equal(room, "abcde", 5);
	assert_int_equal(http_upload_read(&u, room, sizeof room), 3);
	assert_memory_equal(room, "fgh", 3);
	assert_false(u.hungry);
	http_upload_fini(&u);
}

static void an_empty_one_is_hungry_until_it_has_ended(void **state)
{
	(void)state;
	struct http_upload u;
	char room[8];
	http_upload_init(&u);
	assert_int_equal(http_upload_read(&u, room, sizeof room), 0);
	assert_true(u.hungry);
	http_upload_write(&u, SPAN("a"));
	assert_int_equal(http_upload_read(&u, room, sizeof room), 1);
	assert_false(u.hungry);
	u.ended = true;
	assert_int_equal(http_upload_read(&u, room, sizeof room), 0);
	assert_false(u.hungry);
	http_upload_fini(&u);
}

static void a_writer_stops_above_the_mark_and_goes_on_below_a_quarter(void **state)
{
	(void)state;
	struct http_upload u;
	static char bytes[64 * KIB];
	http_upload_init(&u);
	for (int i = 0; i < 4; i++) {
		assert_true(http_upload_write(&u, span_n(bytes, sizeof bytes)));
	}
	assert_false(http_upload_drained(&u));
	assert_false(http_upload_write(&u, SPAN("1")));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(http_upload_read(&u, bytes, sizeof bytes), sizeof bytes);
		assert_false(http_upload_drained(&u));
	}
	assert_int_equal(http_upload_read(&u, bytes, 1), 1);
	/* Once. */
	assert_true(http_upload_drained(&u));
	assert_false(http_upload_drained(&u));
	http_upload_fini(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_as_they_went_in),
		cmocka_unit_test(an_empty_one_is_hungry_until_it_has_ended),
		cmocka_unit_test(a_writer_stops_above_the_mark_and_goes_on_below_a_quarter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
