/* The JOSE vectors of C2SP/wycheproof. We accept RS256, RS384 and RS512 only, so every valid
 * vector of another algorithm must be refused; all else must come out as the vectors say. */
#include <stdio.h>

#include "request.h"

#include "emulator/auth/jwt.h"
#include "proxy/base/file.h"

#define VECTORS OFFSTAGE_SOURCE_DIR "/fixtures/vectors/wycheproof/"

struct tally {
	unsigned tests, accepted, unsupported_valid;
};

static cJSON *load(const char *name)
{
	struct buf text = BUF_INIT(8 * 1024 * 1024);
	struct err err = ERR_INIT;
	char path[512];
	(void)snprintf(path, sizeof path, VECTORS "%s", name);
	assert_int_equal(file_read(path, &text, &err), 0);
	cJSON *doc = cJSON_ParseWithLength(text.ptr, text.len);
	assert_non_null(doc);
	buf_fini(&text);
	return doc;
}

/* The public key, or for symmetric keys the secret, as a set. */
static struct jwks *key_set(const cJSON *group)
{
	const cJSON *key =
		json_get(group, "public") ? json_get(group, "public") : json_get(group, "private");
	struct buf text = BUF_INIT(1024 * 1024);
	bool is_set = json_get(key, "keys") != NULL;
	buf_add_str(&text, is_set ? "" : "{\"keys\":[");
	json_add_tree(&text, key);
	buf_add_str(&text, is_set ? "" : "]}");
	struct err err = ERR_INIT;
	struct jwks *set = jwks_parse(buf_span(&text), &err);
	if (!set) {
		fail_msg("%s", err.msg);
	}
	buf_fini(&text);
	return set;
}

static bool verifies(const struct jwks *set, const char *jws)
{
	struct jwt t;
	struct err err = ERR_INIT;
	bool ok = false;
	if (jwt_decode(&t, span_of(jws), &err) == 0) {
		const struct jwk *key = jwks_find(set, t.kid, t.alg, &err);
		ok = key && jwt_verify(&t, key);
	}
	jwt_fini(&t);
	return ok;
}

static bool is_rs(const char *jws)
{
	struct jwt t;
	struct err err = ERR_INIT;
	bool rs = jwt_decode(&t, span_of(jws), &err) == 0;
	jwt_fini(&t);
	return rs;
}

static void run_group(const cJSON *group, struct tally *tally)
{
	struct jwks *set = key_set(group);
	JSON_FOR (test, json_array(group, "tests")) {
		const cJSON *item = json_get(test, "jws");
		if (!item) {
			continue; /* a JWE of the union file */
		}
		tally->tests++;
		/* One case is in JSON serialization: it comes as its text. */
		AUTO_FREE char *text = cJSON_IsString(item) ? NULL : cJSON_PrintUnformatted(item);
		const char *jws = text ? text : item->valuestring;
		bool valid = strcmp(json_str(test, "result"), "valid") == 0;
		bool ok = verifies(set, jws);
		tally->accepted += ok;
		int id = (int)json_num(test, "tcId", 0);
		if (valid && !is_rs(jws)) {
			tally->unsupported_valid++;
			assert_false(ok);
		} else if (ok != valid) {
			fail_msg("test %d (%s): %s", id, json_str(test, "comment"),
				ok ? "accepted" : "refused");
		}
	}
	jwks_destroy(set);
}

static void run(const char *file, struct tally *tally)
{
	AUTO_JSON cJSON *doc = load(file);
	JSON_FOR (group, json_array(doc, "testGroups")) {
		run_group(group, tally);
	}
}

static void signatures(void **state)
{
	(void)state;
	struct tally t = { 0 };
	run("json_web_signature_test.json", &t);
	assert_int_equal(t.tests, 401);
	assert_int_equal(t.accepted, 16);
	assert_int_equal(t.unsupported_valid, 30);
}

static void keys(void **state)
{
	(void)state;
	struct tally t = { 0 };
	run("json_web_key_test.json", &t);
	assert_int_equal(t.tests, 26);
	assert_int_equal(t.accepted, 1);
	assert_int_equal(t.unsupported_valid, 4);
}

static void older_union(void **state)
{
	(void)state;
	struct tally t = { 0 };
	run("json_web_crypto_test.json", &t);
	assert_int_equal(t.tests, 49);
	assert_int_equal(t.accepted, 1);
	assert_int_equal(t.unsupported_valid, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures),
		cmocka_unit_test(keys),
		cmocka_unit_test(older_union),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
