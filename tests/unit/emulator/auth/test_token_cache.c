#include "request.h"

#include "emulator/auth/token_cache.h"

static cJSON *claims(const char *text)
{
	cJSON *doc = cJSON_Parse(text);
	assert_non_null(doc);
	return doc;
}

static void knows_a_token_until_it_expires_at_the_latest(void **state)
{
	(void)state;
	struct token_cache *c = token_cache_create();
	assert_null(token_cache_get(c, "i", SPAN("a.b.c"), 10));
	const cJSON *kept = token_cache_put(c, "i", SPAN("a.b.c"), claims("{\"exp\":20}"), 100);
	assert_ptr_equal(token_cache_get(c, "i", SPAN("a.b.c"), 19), kept);
	assert_null(token_cache_get(c, "i", SPAN("a.b.c"), 20));
	kept = token_cache_put(c, "i", SPAN("a.b.c"), claims("{\"exp\":1e300}"), 100);
	assert_ptr_equal(token_cache_get(c, "i", SPAN("a.b.c"), 99), kept);
	assert_null(token_cache_get(c, "i", SPAN("a.b.c"), 100));
	const char *const bad[] = { "{}", "{\"exp\":-5}", "{\"exp\":\"20\"}", "{\"exp\":-1e400}" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		(void)token_cache_put(c, "i", SPAN("a.b.c"), claims(bad[i]), 100);
		assert_null(token_cache_get(c, "i", SPAN("a.b.c"), 10));
	}
	token_cache_destroy(c);
}

/* One issuer's token must not pass for another's with the same bytes. */
static void belongs_to_one_issuer(void **state)
{
	(void)state;
	struct token_cache *c = token_cache_create();
	(void)token_cache_put(c, "i", SPAN("a.b.c"), claims("{\"exp\":20}"), 100);
	assert_null(token_cache_get(c, "j", SPAN("a.b.c"), 10));
	assert_null(token_cache_get(c, "ia", SPAN(".b.c"), 10));
	token_cache_destroy(c);
}

static void is_bounded(void **state)
{
	(void)state;
	struct token_cache *c = token_cache_create();
	unsigned known = 0;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3000; i++) {
			struct span token = span_n((const char *)&i, sizeof i);
			if (round == 0) {
				(void)token_cache_put(c, "i", token, claims("{\"exp\":20}"), 100);
			} else {
				known += token_cache_get(c, "i", token, 10) != NULL;
			}
		}
	}
	assert_in_range(known, 512, 1024);
	token_cache_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_a_token_until_it_expires_at_the_latest),
		cmocka_unit_test(belongs_to_one_issuer),
		cmocka_unit_test(is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
