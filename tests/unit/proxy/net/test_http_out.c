#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/net/http_out.h"

/* All bytes, taken as a socket would that accepts `step` at a time. */
static void drain(struct http_out *o, size_t step, struct buf *got)
{
	uv_buf_t vectors[2];
	while (http_out_vectors(o, vectors, 2)) {
		size_t n = vectors[0].len < step ? vectors[0].len : step;
		buf_add(got, vectors[0].base, n);
		http_out_advance(o, n);
	}
}

static void add_large(struct http_out *o, char fill, size_t n)
{
	struct buf b = BUF_INIT(1 << 20);
	memset(buf_reserve(&b, n), fill, n);
	buf_commit(&b, n);
	http_out_take(o, &b);
	assert_null(b.ptr);
}

static void bytes_leave_in_order_whatever_the_step(void **state)
{
	(void)state;
	for (size_t step = 1; step < 50000; step = step * 7 + 1) {
		struct http_out o = { 0 }, later = { 0 };
		struct buf got = BUF_INIT(1 << 20);
		buf_add_str(http_out_tail(&o), "head");
		add_large(&o, 'x', 30000);
		buf_add_str(http_out_tail(&later), "next");
		add_large(&later, 'y', 5);
		http_out_join(&o, &later);
		assert_int_equal(http_out_size(&later), 0);
		assert_int_equal(http_out_size(&o), 30013);
		drain(&o, step, &got);
		assert_int_equal(http_out_size(&o), 0);
		assert_int_equal(got.len, 30013);
		assert_memory_equal(got.ptr, "headxxxx", 8);
		assert_memory_equal(got.ptr + 30000, "xxxxnextyyyyy", 13);
		buf_add_str(http_out_tail(&o), "again");
		buf_clear(&got);
		drain(&o, step, &got);
		assert_string_equal(buf_cstr(&got), "again");
		http_out_fini(&o);
		http_out_fini(&later);
		buf_fini(&got);
	}
}

static void a_taken_body_is_not_copied(void **state)
{
	(void)state;
	struct http_out o = { 0 }, later = { 0 };
	struct buf b = BUF_INIT(1 << 20);
	memset(buf_reserve(&b, 100000), 'x', 100000);
	buf_commit(&b, 100000);
	const char *ptr = b.ptr;
	http_out_take(&later, &b);
	http_out_join(&o, &later);
	buf_add_str(http_out_tail(&o), "behind");
	uv_buf_t vectors[3];
	assert_int_equal(http_out_vectors(&o, vectors, 3), 2);
	assert_ptr_equal(vectors[0].base, ptr);
	http_out_fini(&o);
	http_out_fini(&later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_leave_in_order_whatever_the_step),
		cmocka_unit_test(a_taken_body_is_not_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
