#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proxy/base/arena.h"
#include "proxy/base/clock.h"
#include "proxy/base/digest.h"
#include "proxy/base/encode.h"

static void expect_text(struct buf *b, const char *text)
{
	assert_string_equal(buf_cstr(b), text);
	buf_clear(b);
}

static void test_base64(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1024);
	base64_encode(&b, SPAN("fo"));
	expect_text(&b, "Zm8=");
	base64url_encode(&b, SPAN("\xfb\xff\xfe"));
	expect_text(&b, "-__-");
	assert_true(base64_decode(&b, SPAN("Zm9v")));
	expect_text(&b, "foo");
	assert_true(base64_decode(&b, SPAN("Zg==")));
	expect_text(&b, "f");
	const char *bad[] = { "Zg=", "Zg", "Zh==", "Zm9=", "Z===", "Zm 9v", "-_-_", "====" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(base64_decode(&b, span_of(bad[i])));
	}
	buf_clear(&b);
	assert_true(base64url_decode(&b, SPAN("Zg")));
	expect_text(&b, "f");
	const char *bad_url[] = { "Z", "Zg==", "Zh", "Zm9+", "Zm9/", "Zm 9v" };
	for (size_t i = 0; i < sizeof bad_url / sizeof *bad_url; i++) {
		assert_false(base64url_decode(&b, span_of(bad_url[i])));
	}
	buf_fini(&b);
}

static void test_percent(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1024);
	percent_encode(&b, SPAN("a b/\xc3\xa4~"), "/");
	expect_text(&b, "a%20b/%C3%A4~");
	assert_true(percent_decode(&b, SPAN("a%2fb+c"), true));
	expect_text(&b, "a/b c");
	assert_false(percent_decode(&b, SPAN("%4"), false));
	expect_text(&b, "%4");
	assert_false(percent_decode(&b, SPAN("%zz%41"), false));
	expect_text(&b, "%zzA");
	assert_true(percent_decode(&b, SPAN("%41"), false));
	expect_text(&b, "A");
	buf_fini(&b);
}

static void test_markup(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1024);
	markup_escape(&b, "<a href=\"x\">Tom & 'Žofie'</a>\n");
	expect_text(&b, "&lt;a href=&quot;x&quot;&gt;Tom &amp; &#39;Žofie&#39;&lt;/a&gt;\n");
	buf_fini(&b);
}

static void test_utf8(void **state)
{
	(void)state;
	assert_true(utf8_valid(SPAN("\xf0\x9f\x98\x80 ok")));
	assert_false(utf8_valid(SPAN("\xc0\x80")));
	assert_false(utf8_valid(SPAN("\xed\xa0\x80")));
	assert_false(utf8_valid(SPAN("\xf4\x90\x80\x80")));
	assert_false(utf8_valid(SPAN("\xe2\x82")));
}

/* RFC 4231 test case 2, and a key longer than a block (case 6). */
static void test_hmac(void **state)
{
	(void)state;
	unsigned char md[SHA256_LEN];
	struct buf b = BUF_INIT(1024);
	hmac_sha256(md, SPAN("Jefe"), SPAN("what do ya want for nothing?"));
	hex_encode(&b, span_n((const char *)md, sizeof md));
	expect_text(&b, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	char key[131];
	memset(key, 0xaa, sizeof key);
	hmac_sha256(md, span_n(key, sizeof key),
		SPAN("Test Using Larger Than Block-Size Key - Hash Key First"));
	hex_encode(&b, span_n((const char *)md, sizeof md));
	expect_text(&b, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	buf_fini(&b);
}

static void test_times(void **state)
{
	(void)state;
	char text[32];
	int64_t ms = 1735787045678;
	time_basic(text, ms);
	assert_string_equal(text, "20250102T030405Z");
	time_iso(text, ms);
	assert_string_equal(text, "2025-01-02T03:04:05.678Z");
	time_http(text, ms);
	assert_string_equal(text, "Thu, 02 Jan 2025 03:04:05 GMT");
	time_clf(text, ms);
	assert_string_equal(text, "02/Jan/2025:03:04:05 +0000");
	time_clf(text, ms + 321);
	assert_string_equal(text, "02/Jan/2025:03:04:05 +0000");
	time_clf(text, ms + 322);
	assert_string_equal(text, "02/Jan/2025:03:04:06 +0000");
	time_clf(text, ms);
	assert_string_equal(text, "02/Jan/2025:03:04:05 +0000");
	int64_t back;
	assert_true(time_parse_basic(SPAN("20250102T030405Z"), &back));
	assert_true(back == 1735787045000);
	assert_false(time_parse_basic(SPAN("20251302T030405Z"), &back));
	assert_false(time_parse_basic(SPAN("2025-01-02T03:04"), &back));
}

static void test_two_decimals(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1024);
	buf_add_fixed2(&b, 0);
	buf_add_char(&b, ' ');
	buf_add_fixed2(&b, 3.014);
	buf_add_char(&b, ' ');
	buf_add_fixed2(&b, 9999.999);
	expect_text(&b, "0.00 3.01 10000.00");
	buf_fini(&b);
}

static void test_a_buffer_never_passes_its_maximum(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(4);
	buf_add_str(&b, "abcd");
	assert_false(b.overflow);
	buf_add_char(&b, 'e');
	assert_true(b.overflow);
	assert_int_equal(b.len, 4);
	buf_fini(&b);
}

/* Byte by byte past every size that the memory ever has; what was dropped stays dropped. */
static void test_a_buffer_grows_up_to_its_maximum(void **state)
{
	(void)state;
	for (size_t max = 0; max < 1100; max += 7) {
		struct buf b = BUF_INIT(max);
		for (size_t n = 0; n < max; n++) {
			buf_add_char(&b, (char)('a' + n % 26));
			assert_true(b.cap <= max + 1);
		}
		assert_false(b.overflow);
		assert_int_equal(strlen(buf_cstr(&b)), max);
		assert_null(buf_reserve(&b, 1));
		assert_true(b.overflow);
		b.len = 0;
		buf_add_char(&b, 'x');
		assert_int_equal(b.len, 0);
		buf_clear(&b);
		buf_add_span(&b, span_n(NULL, 0));
		assert_false(b.overflow);
		assert_int_equal(b.len, 0);
		buf_fini(&b);
	}
}

static void test_parts_are_joined(void **state)
{
	(void)state;
	struct arena *a = arena_create();
	assert_string_equal(arena_concat(a, NULL, 0), "");
	assert_string_equal(
		arena_concat(a,
			(const struct span[]){ SPAN("a"), { NULL, 0 }, SPAN(", "), SPAN("bc") }, 4),
		"a, bc");
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_markup),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_two_decimals),
		cmocka_unit_test(test_a_buffer_never_passes_its_maximum),
		cmocka_unit_test(test_a_buffer_grows_up_to_its_maximum),
		cmocka_unit_test(test_parts_are_joined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
