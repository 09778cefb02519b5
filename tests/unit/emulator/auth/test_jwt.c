#include "tokens.h"

#include "emulator/auth/jwt.h"
#include "proxy/base/digest.h"

/* identity-and-auth.md 9.1, row for row, beyond what the published vectors hold. */
static struct signing_key *key;
static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	key = token_key();
	arena = arena_create();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	signing_key_destroy(key);
	arena_destroy(arena);
	return 0;
}

static struct jwks *parse_set(const char *text)
{
	struct err err = ERR_INIT;
	struct jwks *set = jwks_parse(span_of(text), &err);
	if (!set) {
		fail_msg("%s", err.msg);
	}
	return set;
}

/* "" if the token verifies with the set, else why not. */
static const char *verdict(const struct jwks *set, const char *token)
{
	struct jwt t;
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *claims = NULL;
	if (jwt_decode(&t, span_of(token), &err) == 0) {
		const struct jwk *k = jwks_find(set, t.kid, t.alg, &err);
		if (k && !jwt_verify(&t, k)) {
			err_set(&err, ERR_DENIED, "bad signature");
		} else if (k) {
			claims = jwt_claims(&t, &err);
		}
	}
	jwt_fini(&t);
	return arena_strdup(arena, claims ? "" : err.msg);
}

static void assert_verdict(const struct jwks *set, const char *token, const char *words)
{
	const char *got = verdict(set, token);
	if (*words ? !strstr(got, words) : *got) {
		fail_msg("%.60s: got '%s', want '%s'", token, got, words);
	}
}

#define CLAIMS "{\"sub\":\"a\"}"

static void header_rules(void **state)
{
	(void)state;
	struct jwks *set = parse_set(token_jwks(arena, key, "k").ptr);
	const struct {
		const char *header, *words;
	} cases[] = {
		{ "{\"alg\":\"RS256\",\"kid\":\"k\"}", "" },
		{ "{\"alg\":\"RS256\"}", "" }, /* the set has one key */
		{ "{\"alg\":\"RS256\",\"kid\":\"k\",\"typ\":\"at+jwt\",\"cty\":\"x\",\"zip\":"
		  "\"DEF\"}",
			"" },
		/* What the token brings along is not looked at. */
		{ "{\"alg\":\"RS256\",\"kid\":\"k\",\"jku\":\"http://127.0.0.1:1/"
		  "\",\"x5u\":\"http://a/\","
		  "\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"},\"x5c\":[\"AA\"]}",
			"" },
		{ "{\"alg\":\"none\",\"kid\":\"k\"}", "signing algorithm 'none' is not accepted" },
		{ "{\"alg\":\"nOnE\",\"kid\":\"k\"}", "not accepted" },
		{ "{\"alg\":\"rs256\",\"kid\":\"k\"}", "not accepted" },
		{ "{\"alg\":\"HS256\",\"kid\":\"k\"}", "not accepted" },
		{ "{\"alg\":\"ES256\",\"kid\":\"k\"}", "not accepted" },
		{ "{\"alg\":\"PS256\",\"kid\":\"k\"}", "not accepted" },
		{ "{\"alg\":\"RS512\",\"kid\":\"k\"}", "bad signature" },
		{ "{\"kid\":\"k\"}", "no alg" },
		{ "{\"alg\":[\"RS256\"],\"kid\":\"k\"}", "no alg" },
		{ "{\"alg\":\"RS256\",\"kid\":\"../../x\"}", "no key with kid '../../x'" },
		{ "{\"alg\":\"RS256\",\"kid\":7}", "kid is not a string" },
		{ "{\"alg\":\"RS256\",\"kid\":null}", "kid is not a string" },
		{ "{\"alg\":\"RS256\",\"kid\":\"k\",\"crit\":[\"exp\"],\"exp\":1}", "critical" },
		{ "{\"alg\":\"RS256\",\"kid\":\"k\",\"b64\":false}", "critical" },
		{ "{\"alg\":\"RS256\",\"kid\":\"k\",\"kid\":\"k\"}", "header is not valid JSON" },
		{ "{\"alg\":\"RS256\",\"kid\":\"k\"} {}", "header is not valid JSON" },
		{ "[\"RS256\"]", "not a JSON object" },
		{ "{\"alg\":\"RS256\",\"kid\":\"k\\u0000\"}", "header is not valid JSON" },
		{ "{\"alg\":\"RS256\",\"kid\":\"\\ud800\"}", "header is not valid JSON" },
		{ "{\"alg\":\"RS256\",\"kid\":\"k\",\"x\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}",
			"nested too deeply" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_verdict(set, token_raw(arena, key, cases[i].header, CLAIMS), cases[i].words);
	}
	for (int len = 512; len < 514; len++) {
		const char *header =
			arena_printf(arena, "{\"alg\":\"RS256\",\"kid\":\"%0*d\"}", len, 0);
		assert_verdict(set, token_raw(arena, key, header, CLAIMS),
			len > 512 ? "kid is not a string or too long" : "no key with kid '000");
	}
	jwks_destroy(set);
}

static void payload_rules(void **state)
{
	(void)state;
	struct jwks *set = parse_set(token_jwks(arena, key, "k").ptr);
	const struct {
		const char *claims, *words;
	} cases[] = {
		{ "{}", "" },
		{ "", "payload is not valid JSON" },
		{ "\"a\"", "not a JSON object" },
		{ "{\"sub\":\"a\",\"sub\":\"b\"}", "payload is not valid JSON" },
		{ "{\"a\":{\"b\":1,\"b\":2}}", "payload is not valid JSON" },
		{ "{\"sub\":\"\xff\"}", "payload is not valid JSON" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_verdict(set, token_make(arena, key, "k", cases[i].claims), cases[i].words);
	}
	jwks_destroy(set);
}

static void shape_of_the_token(void **state)
{
	(void)state;
	struct jwks *set = parse_set(token_jwks(arena, key, "k").ptr);
	const char *good = token_make(arena, key, "k", CLAIMS);
	const char *last_dot = strrchr(good, '.');
	int head = (int)(last_dot - good);
	const struct {
		const char *token, *words;
	} cases[] = {
		{ good, "" },
		{ "", "token contains an invalid number of segments" },
		{ "abc", "token contains an invalid number of segments" },
		{ "a.b", "token contains an invalid number of segments" },
		{ "a.b.c.d.e", "token contains an invalid number of segments" },
		{ arena_printf(arena, "%.*s", head, good), "invalid number of segments" },
		{ arena_printf(arena, "%.*s.", head, good), "not base64url" },
		{ arena_printf(arena, "%s=", good), "not base64url" },
		{ arena_printf(arena, " %s", good), "not base64url" },
		{ arena_printf(arena, "%s\r\n", good), "not base64url" },
		{ arena_printf(arena, "%sAA", good), "bad signature" },
		{ arena_printf(arena, "%.*s.AAAA", head, good), "bad signature" },
		{ "{\"payload\":\"e30\",\"signatures\":[]}", "invalid number of segments" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_verdict(set, cases[i].token, cases[i].words);
	}
	size_t size = 1024 * 1024;
	AUTO_FREE char *huge = xalloc(size + 1);
	memset(huge, 'a', size);
	assert_verdict(set, huge, "longer than");
	jwks_destroy(set);
}

/* The classic confusion: HS256 keyed with the text of the public key. */
static void public_key_is_no_hmac_secret(void **state)
{
	(void)state;
	struct jwks *set = parse_set(token_jwks(arena, key, "k").ptr);
	struct buf token = BUF_INIT(4096);
	base64url_encode(&token, SPAN("{\"alg\":\"HS256\",\"kid\":\"k\"}"));
	buf_add_char(&token, '.');
	base64url_encode(&token, SPAN(CLAIMS));
	unsigned char mac[SHA256_LEN];
	hmac_sha256(mac, token_jwks(arena, key, "k"), buf_span(&token));
	buf_add_char(&token, '.');
	base64url_encode(&token, span_n((const char *)mac, sizeof mac));
	assert_verdict(set, buf_cstr(&token), "not accepted");
	buf_fini(&token);
	jwks_destroy(set);
}

static void keys_that_may_not_verify(void **state)
{
	(void)state;
	const char *good = token_jwk(arena, key, "k", "");
	const struct {
		const char *keys, *words;
	} cases[] = {
		{ token_jwk(arena, key, "k",
			  ",\"use\":\"sig\",\"alg\":\"RS256\",\"key_ops\":[\"verify\"]"),
			"" },
		{ token_jwk(arena, key, "k", ",\"use\":\"enc\""), "its use is not \"sig\"" },
		{ token_jwk(arena, key, "k", ",\"key_ops\":[\"encrypt\"]"), "key_ops" },
		{ token_jwk(arena, key, "k", ",\"key_ops\":\"verify\""), "key_ops" },
		{ token_jwk(arena, key, "k", ",\"alg\":\"RS512\""),
			"is for RS512, the token says RS256" },
		{ "{\"kty\":\"oct\",\"kid\":\"k\",\"k\":\"AAAA\"}", "no RSA key" },
		{ "{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
			"shorter than 2048" },
		{ "{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"!\",\"e\":\"AQAB\"}",
			"no base64url number" },
		{ "{\"kty\":\"RSA\",\"kid\":\"k\"}", "no base64url number" },
		{ arena_printf(arena, "%s,%s", good, good), "two keys with kid 'k'" },
		{ "{\"kty\":\"RSA\",\"kid\":\"other\"},7", "no key with kid 'k'" },
		/* A broken key does not spoil the others. */
		{ arena_printf(arena, "{\"kty\":\"RSA\",\"kid\":\"b\"},7,%s", good), "" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct jwks *set = parse_set(arena_printf(arena, "{\"keys\":[%s]}", cases[i].keys));
		assert_verdict(set, token_make(arena, key, "k", CLAIMS), cases[i].words);
		jwks_destroy(set);
	}
	struct jwks *two = parse_set(
		arena_printf(arena, "{\"keys\":[%s,%s]}", good, token_jwk(arena, key, "l", "")));
	assert_verdict(two, token_raw(arena, key, "{\"alg\":\"RS256\"}", CLAIMS),
		"no kid and the key set has 2 keys");
	jwks_destroy(two);
}

static void malformed_sets_are_errors(void **state)
{
	(void)state;
	const char *const bad[] = { "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}x",
		"{\"keys\":[],\"keys\":[]}" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err err = ERR_INIT;
		assert_null(jwks_parse(span_of(bad[i]), &err));
		assert_non_null(strstr(err.msg, "key set"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_rules),
		cmocka_unit_test(payload_rules),
		cmocka_unit_test(shape_of_the_token),
		cmocka_unit_test(public_key_is_no_hmac_secret),
		cmocka_unit_test(keys_that_may_not_verify),
		cmocka_unit_test(malformed_sets_are_errors),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
