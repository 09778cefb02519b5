#include "tokens.h"

#include "emulator/auth/keyset.h"

/* The HTTP client is ours here: it notes what is asked for and answers when told to. */
struct http_call {
	struct http_client_request request;
	char url[256];
	bool open;
};

static struct http_call calls[32];
static size_t n_calls;

struct http_call *http_client_send(struct http_client *c, const struct http_client_request *r)
{
	(void)c;
	assert_true(n_calls < COUNT_OF(calls));
	struct http_call *call = &calls[n_calls++];
	call->request = *r;
	(void)snprintf(call->url, sizeof call->url, "%s", r->url);
	call->open = true;
	assert_int_equal(r->timeout_ms, 1500);
	assert_int_equal(r->max_body, 150000);
	return call;
}

void http_call_cancel(struct http_call *call)
{
	call->open = false;
}

static void reply(size_t i, enum err_code code, int status, const char *body)
{
	struct err err = { code, "" };
	(void)snprintf(err.msg, sizeof err.msg, "%s", code ? "connection refused" : "");
	assert_true(i < n_calls && calls[i].open);
	calls[i].open = false;
	calls[i].request.done(calls[i].request.ctx, &err, status, span_of(body));
}

static int64_t now_ms;

static int64_t read_now(void *ctx)
{
	(void)ctx;
	return now_ms;
}

static const struct clock test_clock = { .now_ms = read_now };
static struct signing_key *real_key, *stand_in_key;
static struct arena *arena;
static struct keyset *keys;

struct seen {
	int calls;
	bool found;
	char description[128];
	char reason[512];
};

static void on_answer(void *ctx, const struct keyset_answer *a)
{
	struct seen *s = ctx;
	s->calls++;
	s->found = a->key != NULL;
	(void)snprintf(s->description, sizeof s->description, "%s", a->description);
	(void)snprintf(s->reason, sizeof s->reason, "%s", a->reason);
}

static int set_up_all(void **state)
{
	(void)state;
	real_key = token_key();
	stand_in_key = token_key();
	return 0;
}

static int tear_down_all(void **state)
{
	(void)state;
	signing_key_destroy(real_key);
	signing_key_destroy(stand_in_key);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	now_ms = 1700000000000;
	n_calls = 0;
	arena = arena_create();
	keys = keyset_create(&test_clock, (struct http_client *)(void *)&n_calls);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	keyset_destroy(keys);
	arena_destroy(arena);
	return 0;
}

static struct seen find(const char *issuer, const char *kid)
{
	struct seen s = { 0 };
	assert_null(keyset_find(keys, issuer, kid, "RS256", on_answer, &s));
	assert_int_equal(s.calls, 1);
	return s;
}

static void add_stand_in(const char *issuer)
{
	struct err err = ERR_INIT;
	assert_int_equal(
		keyset_add_local(keys, issuer, token_jwks(arena, stand_in_key, "local"), &err), 0);
}

#define ISSUER "https://x.auth0.com/"
#define DISCOVERY "{\"jwks_uri\":\"https://x.auth0.com/.well-known/jwks.json\"}"

static void fetches_discovery_then_keys_once_for_all(void **state)
{
	(void)state;
	struct seen a = { 0 };
	struct seen b = { 0 };
	assert_non_null(keyset_find(keys, ISSUER, "real", "RS256", on_answer, &a));
	assert_non_null(keyset_find(keys, "https://x.auth0.com", "real", "RS256", on_answer, &b));
	assert_int_equal(n_calls, 1);
	assert_string_equal(calls[0].url, "https://x.auth0.com/.well-known/openid-configuration");
	reply(0, ERR_NONE, 200, DISCOVERY);
	assert_int_equal(n_calls, 2);
	assert_string_equal(calls[1].url, "https://x.auth0.com/.well-known/jwks.json");
	assert_int_equal(a.calls + b.calls, 0);
	reply(1, ERR_NONE, 200, token_jwks(arena, real_key, "real").ptr);
	assert_true(a.found && b.found && a.calls == 1 && b.calls == 1);
	assert_true(find(ISSUER, "real").found);
	assert_int_equal(n_calls, 2);
}

static void fetch_all(const char *issuer, struct seen *s, const char *kid)
{
	size_t first = n_calls;
	assert_non_null(keyset_find(keys, issuer, kid, "RS256", on_answer, s));
	reply(first, ERR_NONE, 200, DISCOVERY);
	reply(first + 1, ERR_NONE, 200, token_jwks(arena, real_key, "real").ptr);
}

static void an_unknown_kid_refetches_not_too_often(void **state)
{
	(void)state;
	struct seen s = { 0 };
	fetch_all(ISSUER, &s, "real");
	struct seen unknown = find(ISSUER, "rotated");
	assert_false(unknown.found);
	assert_string_equal(unknown.reason,
		"issuer https://x.auth0.com: no key with kid 'rotated' in the key set");
	now_ms += 10000;
	struct seen again = { 0 };
	fetch_all(ISSUER, &again, "rotated");
	assert_int_equal(again.calls, 1);
	assert_false(again.found);
	assert_int_equal(n_calls, 4);
}

static void keys_are_good_for_two_hours(void **state)
{
	(void)state;
	struct seen s = { 0 };
	fetch_all(ISSUER, &s, "real");
	now_ms += 2 * 60 * 60 * 1000 - 1;
	assert_true(find(ISSUER, "real").found);
	now_ms += 1;
	assert_non_null(keyset_find(keys, ISSUER, "real", "RS256", on_answer, &s));
	reply(2, ERR_UNAVAILABLE, 0, "");
	assert_int_equal(s.calls, 2);
	assert_false(s.found);
}

static void failures_are_told_and_not_repeated_at_once(void **state)
{
	(void)state;
	const struct {
		enum err_code code;
		int status;
		const char *body, *words;
	} cases[] = {
		{ ERR_UNAVAILABLE, 0, "", "connection refused" },
		{ ERR_NONE, 503, "", "answered 503" },
		{ ERR_NONE, 302, "", "answered 302" },
		{ ERR_NONE, 200, "nonsense", "no https jwks_uri" },
		{ ERR_NONE, 200, "{\"jwks_uri\":\"http://elsewhere/\"}", "no https jwks_uri" },
		{ ERR_NONE, 200, "{\"jwks_uri\":\"file:///etc/passwd\"}", "no https jwks_uri" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct seen s = { 0 };
		assert_non_null(keyset_find(keys, ISSUER, "real", "RS256", on_answer, &s));
		reply(n_calls - 1, cases[i].code, cases[i].status, cases[i].body);
		assert_int_equal(s.calls, 1);
		assert_string_equal(s.description, "OIDC discovery endpoint communication error");
		assert_non_null(strstr(s.reason, cases[i].words));
		size_t before = n_calls;
		now_ms += 4999;
		assert_false(find(ISSUER, "real").found);
		assert_int_equal(n_calls, before);
		now_ms += 1;
	}
	const struct {
		enum err_code code;
		int status;
		const char *body, *words;
	} sets[] = {
		{ ERR_LIMIT, 200, "", "cannot fetch the key set of issuer https://x.auth0.com: " },
		{ ERR_TIMEOUT, 0, "", "connection refused" },
		{ ERR_NONE, 404, "", "key set of issuer https://x.auth0.com: it answered 404" },
		{ ERR_NONE, 200, "{}", "no \"keys\" array" },
	};
	for (size_t i = 0; i < COUNT_OF(sets); i++) {
		struct seen s = { 0 };
		assert_non_null(keyset_find(keys, ISSUER, "real", "RS256", on_answer, &s));
		reply(n_calls - 1, ERR_NONE, 200, DISCOVERY);
		reply(n_calls - 1, sets[i].code, sets[i].status, sets[i].body);
		assert_string_equal(s.description, "JWKS communication error");
		assert_non_null(strstr(s.reason, sets[i].words));
		size_t before = n_calls;
		assert_false(find(ISSUER, "real").found);
		assert_int_equal(n_calls, before);
		now_ms += 5000;
	}
}

static void stand_ins_keys_are_at_hand_beside_the_real_ones(void **state)
{
	(void)state;
	add_stand_in(ISSUER);
	assert_true(find(ISSUER, "local").found);
	assert_int_equal(n_calls, 0);
	struct seen s = { 0 };
	fetch_all(ISSUER, &s, "real");
	assert_true(s.found);
	assert_true(find(ISSUER, "local").found);
}

static void a_loopback_issuer_is_asked_before_its_stand_in(void **state)
{
	(void)state;
	const char *issuer = "http://localhost:8080/realm";
	add_stand_in(issuer);
	struct seen s = { 0 };
	assert_non_null(keyset_find(keys, issuer, "local", "RS256", on_answer, &s));
	assert_string_equal(
		calls[0].url, "http://localhost:8080/realm/.well-known/openid-configuration");
	reply(0, ERR_UNAVAILABLE, 0, "");
	assert_true(s.found); /* nothing runs there: the stand-in answers */
	now_ms += 4999;
	assert_true(find(issuer, "local").found);
	now_ms += 1;
	struct seen up = { 0 };
	assert_non_null(keyset_find(keys, issuer, "real", "RS256", on_answer, &up));
	reply(1, ERR_NONE, 200, "{\"jwks_uri\":\"http://127.0.0.1:8080/keys\"}");
	reply(2, ERR_NONE, 200, token_jwks(arena, real_key, "real").ptr);
	assert_true(up.found);
	assert_false(find(issuer, "local").found); /* now something does */
}

static void other_plain_http_issuers_are_refused(void **state)
{
	(void)state;
	const char *const issuers[] = { "http://idp.example.com", "http://localhost.example.com",
		"http://127.0.0.1.example.com", "http://localhost@example.com/",
		"http://localhost:80@example.com/", "http://127.0.0.256x",
		"http://[::1].example.com", "ftp://localhost", "" };
	for (size_t i = 0; i < COUNT_OF(issuers); i++) {
		struct seen s = find(issuers[i], "k");
		assert_false(s.found);
		assert_non_null(strstr(s.reason, "plain http is for loopback only"));
	}
	assert_int_equal(n_calls, 0);
	add_stand_in("http://idp.example.com");
	assert_true(find("http://idp.example.com", "local").found);
}

static void cancelled_look_ups_are_not_told(void **state)
{
	(void)state;
	struct seen a = { 0 };
	struct seen b = { 0 };
	struct keyset_wait *w = keyset_find(keys, ISSUER, "real", "RS256", on_answer, &a);
	assert_non_null(keyset_find(keys, ISSUER, "real", "RS256", on_answer, &b));
	keyset_cancel(w);
	reply(0, ERR_UNAVAILABLE, 0, "");
	assert_int_equal(a.calls, 0);
	assert_int_equal(b.calls, 1);
	now_ms += 5000;
	assert_non_null(keyset_find(keys, ISSUER, "real", "RS256", on_answer, &a));
	/* tear_down destroys with one waiting */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fetches_discovery_then_keys_once_for_all),
		TEST(an_unknown_kid_refetches_not_too_often),
		TEST(keys_are_good_for_two_hours),
		TEST(failures_are_told_and_not_repeated_at_once),
		TEST(stand_ins_keys_are_at_hand_beside_the_real_ones),
		TEST(a_loopback_issuer_is_asked_before_its_stand_in),
		TEST(other_plain_http_issuers_are_refused),
		TEST(cancelled_look_ups_are_not_told),
	};
	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
