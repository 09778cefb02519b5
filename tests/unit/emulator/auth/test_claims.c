#include "request.h"

#include <stdio.h>

#include "emulator/auth/claims.h"

#define NOW 1700000000
#define ISS "https://x.auth0.com/"
#define GOOD_TIMES "\"exp\":1700000001,\"iat\":1700000000"

static const char *audience[] = { "api", "client" };
static const struct model_authorizer authorizer = { .issuer = ISS, .audience = { audience, 2 } };
static const struct model_oidc_provider provider = {
	.host = "x.auth0.com", .url = "https://x.auth0.com", .client_ids = { audience, 2 }
};

static cJSON *parse(const char *text)
{
	struct err err = ERR_INIT;
	cJSON *doc = json_parse(span_of(text), &err);
	if (!doc) {
		fail_msg("%s: %s", text, err.msg);
	}
	return doc;
}

static void authorizer_rules(void **state)
{
	(void)state;
	const struct {
		const char *claims, *check, *description; /* check "" = fits */
	} cases[] = {
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\"," GOOD_TIMES "}", "", "" },
		{ "{\"iss\":\"" ISS "\",\"aud\":[1,\"client\"]," GOOD_TIMES "}", "", "" },
		{ "{\"iss\":\"" ISS "\",\"client_id\":\"client\"," GOOD_TIMES "}", "", "" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\",\"exp\":1700000000.5}", "", "" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\",\"exp\":9223372036854775808}", "", "" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\",\"exp\":1e300}", "", "" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\",\"exp\":true}", "expired token",
			"the token has no valid expiry" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"other\",\"client_id\":\"api\"," GOOD_TIMES "}",
			"audience", "the token does not have a valid audience" },
		{ "{\"iss\":\"" ISS "\",\"aud\":[]," GOOD_TIMES "}", "audience",
			"the token does not have a valid audience" },
		{ "{\"iss\":\"" ISS "\"," GOOD_TIMES "}", "audience",
			"the token does not have a valid audience" },
		{ "{\"iss\":\"https://x.auth0.com\",\"aud\":\"api\"," GOOD_TIMES "}", "issuer",
			"issuer does not match" },
		{ "{\"iss\":1,\"aud\":\"api\"," GOOD_TIMES "}", "issuer", "issuer does not match" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\"}", "expired token",
			"the token has no valid expiry" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\",\"exp\":\"1800000000\"}", "expired token",
			"the token has no valid expiry" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\",\"exp\":1e400}", "expired token",
			"the token has no valid expiry" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\",\"exp\":1700000000}", "expired token",
			"the token has expired" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\",\"exp\":-1}", "expired token",
			"the token has expired" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\"," GOOD_TIMES ",\"nbf\":1700000001}",
			"token not yet valid", "the token is not valid yet" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\"," GOOD_TIMES ",\"nbf\":null}",
			"token not yet valid", "the token is not valid yet" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\",\"exp\":1800000000,\"iat\":1700000001}",
			"token not yet valid", "the token was issued in the future" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO_JSON cJSON *claims = parse(cases[i].claims);
		struct claims_fault fault = { "", "", "" };
		bool ok = claims_fit_authorizer(claims, &authorizer, NOW, &fault);
		if (ok != !*cases[i].check || strcmp(fault.check, cases[i].check) != 0 ||
			strcmp(fault.description, cases[i].description) != 0) {
			fail_msg("%s: %s, %s", cases[i].claims, fault.check, fault.description);
		}
	}
}

static void reasons_name_claim_and_value(void **state)
{
	(void)state;
	struct claims_fault fault;
	AUTO_JSON cJSON *slash = parse("{\"iss\":\"https://x.auth0.com\"}");
	assert_false(claims_fit_authorizer(slash, &authorizer, NOW, &fault));
	assert_string_equal(fault.reason,
		"claim iss is \"https://x.auth0.com\", the authorizer's issuer "
		"is \"https://x.auth0.com/\": they differ only in scheme or final slash, which "
		"count");
	AUTO_JSON cJSON *aud = parse("{\"iss\":\"" ISS "\",\"aud\":[\"a\",\"b\"]}");
	assert_false(claims_fit_authorizer(aud, &authorizer, NOW, &fault));
	assert_string_equal(fault.reason,
		"claim aud is [\"a\",\"b\"], the authorizer accepts \"api\", \"client\"");
	AUTO_JSON cJSON *old = parse("{\"iss\":\"" ISS "\",\"aud\":\"api\",\"exp\":1699999990}");
	assert_false(claims_fit_authorizer(old, &authorizer, NOW, &fault));
	assert_string_equal(fault.reason,
		"claim exp is 1699999990, now is 1700000000: the token expired "
		"10 s ago");
}

static void login_rules(void **state)
{
	(void)state;
	const struct {
		const char *claims, *text; /* NULL = fits */
	} cases[] = {
		{ "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"aud\":\"api\"," GOOD_TIMES "}", NULL },
		{ "{\"iss\":\"https://x.auth0.com\",\"sub\":\"a\",\"aud\":[\"api\"]," GOOD_TIMES
		  "}",
			NULL },
		{ "{\"iss\":\"" ISS
		  "\",\"sub\":\"a\",\"aud\":\"other\",\"azp\":\"client\"," GOOD_TIMES "}",
			NULL },
		{ "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"aud\":\"api\",\"azp\":\"other\"," GOOD_TIMES
		  "}",
			"Incorrect token audience" },
		{ "{\"iss\":\"https://evil/x.auth0.com\",\"sub\":\"a\",\"aud\":\"api\"," GOOD_TIMES
		  "}",
			"Issuer doesn't match providerName" },
		{ "{\"iss\":\"" ISS "\",\"sub\":\"a\"," GOOD_TIMES "}",
			"Missing a required claim: aud" },
		{ "{\"iss\":\"" ISS "\",\"aud\":\"api\"," GOOD_TIMES "}",
			"Missing a required claim: sub" },
		{ "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"aud\":\"api\"}",
			"Missing a required claim: exp" },
		{ "{\"iss\":\"" ISS "\",\"sub\":\"\",\"aud\":\"api\"," GOOD_TIMES "}",
			"Not a valid OpenId Connect identity token." },
		{ "{\"iss\":\"" ISS "\",\"sub\":7,\"aud\":\"api\"," GOOD_TIMES "}",
			"Not a valid OpenId Connect identity token." },
		{ "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"aud\":\"api\",\"exp\":1699999729}",
			"Token expired: 1700000000 >= 1699999729" },
	};
	for (int len = 255; len < 257; len++) {
		AUTO_FREE char *text = xasprintf("{\"iss\":\"" ISS "\",\"sub\":\"%0*d\",\"aud\":"
						 "\"api\"," GOOD_TIMES "}",
			len, 0);
		AUTO_JSON cJSON *claims = parse(text);
		struct err err = ERR_INIT;
		assert_int_equal(claims_fit_login(claims, &provider, NOW, &err) == 0, len == 255);
	}
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO_JSON cJSON *claims = parse(cases[i].claims);
		struct err err = ERR_INIT;
		int rc = claims_fit_login(claims, &provider, NOW, &err);
		if ((rc == 0) != !cases[i].text ||
			strcmp(err.msg, cases[i].text ? cases[i].text : "") != 0) {
			fail_msg("%s: %s", cases[i].claims, err.msg);
		}
	}
}

/* api-gateway.md 2.4. */
static void claims_become_strings(void **state)
{
	(void)state;
	const struct {
		const char *value, *text; /* text NULL = left out */
	} cases[] = {
		{ "\"abc\"", "\"abc\"" },
		{ "\"\"", "\"\"" },
		{ "1635018939", "\"1635018939\"" },
		{ "16350189390000", "\"16350189390000\"" },
		{ "1.5", "\"1.5\"" },
		{ "0.1", "\"0.1\"" },
		{ "true", "\"true\"" },
		{ "false", "\"false\"" },
		{ "[\"USERS\",\"ADMINS\"]", "\"[USERS ADMINS]\"" },
		{ "[]", "\"[]\"" },
		{ "[1,[true,null]]", "\"[1 [true <nil>]]\"" },
		{ "{\"sign_in_provider\":\"password\",\"identities\":{\"email\":[\"x@y\"]}}",
			"\"map[identities:map[email:[x@y]] sign_in_provider:password]\"" },
		{ "null", NULL },
		{ "\"a\\\"b\"", "\"a\\\"b\"" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[256];
		char want[256];
		(void)snprintf(text, sizeof text, "{\"c\":%s}", cases[i].value);
		(void)snprintf(want, sizeof want, "{%s%s}", cases[i].text ? "\"c\":" : "",
			cases[i].text ? cases[i].text : "");
		AUTO_JSON cJSON *claims = parse(text);
		struct buf out = BUF_INIT(4096);
		claims_text(claims, &out);
		assert_string_equal(buf_cstr(&out), want);
		buf_fini(&out);
	}
}

static void scopes_come_from_scp_then_scope(void **state)
{
	(void)state;
	const struct {
		const char *claims, *first, *second;
	} cases[] = {
		{ "{\"scope\":\"a  b\"}", "a", "b" },
		{ "{\"scope\":\"x\",\"scp\":[\"a\",1,\"b\"]}", "a", "b" },
		{ "{\"scp\":\"a b\"}", "a", "b" },
		{ "{\"scope\":\"a\"}", "a", NULL },
		{ "{\"scope\":\"\"}", NULL, NULL },
		{ "{}", NULL, NULL },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct arena *arena = arena_create();
		AUTO_JSON cJSON *claims = parse(cases[i].claims);
		const char *const *scopes = claims_scopes(claims, arena);
		const char *want[] = { cases[i].first, cases[i].second };
		for (size_t k = 0; k < 2; k++) {
			if (!want[k]) {
				assert_null(scopes[k]);
				break;
			}
			assert_string_equal(scopes[k], want[k]);
		}
		arena_destroy(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authorizer_rules),
		cmocka_unit_test(reasons_name_claim_and_value),
		cmocka_unit_test(login_rules),
		cmocka_unit_test(claims_become_strings),
		cmocka_unit_test(scopes_come_from_scp_then_scope),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
