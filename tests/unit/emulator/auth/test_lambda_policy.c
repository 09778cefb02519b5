#include "request.h"

#include "emulator/auth/lambda_policy.h"

#define ARN "arn:aws:execute-api:us-east-1:123456789012:abc/test/GET/request"
#define POLICY(effect, resource)                                                         \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Action\":\"execute-api:Invoke\"," \
	"\"Effect\":\"" effect "\",\"Resource\":\"" resource "\"}]}"

static void answers(void **state)
{
	(void)state;
	const struct {
		const char *text;
		bool simple, allowed;
		const char *principal, *context;
	} cases[] = {
		{ "{\"isAuthorized\":true}", true, true, "", "null" },
		{ "{\"isAuthorized\":true,\"context\":{\"any\":\"json\",\"n\":1,\"list\":[1,2]}}",
			true, true, "", "{\"any\":\"json\",\"n\":1,\"list\":[1,2]}" },
		{ "{\"isAuthorized\":false,\"context\":null}", true, false, "", "null" },
		{ "{\"principalId\":\"p\",\"policyDocument\":" POLICY(
			  "Allow", ARN) ",\"context\":{\"a\":1}}",
			false, true, "p", "{\"a\":1}" },
		{ "{\"policyDocument\":" POLICY("Allow", "*") "}", false, true, "", "null" },
		{ "{\"principalId\":\"p\",\"policyDocument\":" POLICY("Deny", "*") "}", false,
			false, "p", "null" },
		{ "{\"principalId\":\"p\",\"policyDocument\":" POLICY("Allow", ARN "/other") "}",
			false, false, "p", "null" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct arena *arena = arena_create();
		struct err err = ERR_INIT;
		struct lambda_policy *p =
			lambda_policy_parse(span_of(cases[i].text), cases[i].simple, &err);
		if (!p) {
			fail_msg("%s: %s", cases[i].text, err.msg);
		}
		const struct policy_request r = {
			.action = "execute-api:Invoke", .resource = ARN, .arena = arena
		};
		const char *reason;
		assert_int_equal(lambda_policy_allows(p, &r, &reason), cases[i].allowed);
		assert_int_equal(*reason == '\0', cases[i].allowed);
		assert_string_equal(lambda_policy_principal(p), cases[i].principal);
		assert_true(span_is(lambda_policy_context(p), cases[i].context));
		lambda_policy_destroy(p);
		arena_destroy(arena);
	}
}

static void wrong_shapes(void **state)
{
	(void)state;
	const struct {
		const char *text;
		bool simple;
	} cases[] = {
		{ "", true },
		{ "null", true },
		{ "true", true },
		{ "[]", false },
		{ "{}", true },
		{ "{}", false },
		{ "{\"isAuthorized\":\"true\"}", true },
		{ "{\"isAuthorized\":true}", false },
		{ "{\"isAuthorized\":true,\"context\":\"x\"}", true },
		{ "{\"principalId\":\"p\",\"policyDocument\":" POLICY("Allow", "*") "}", true },
		{ "{\"principalId\":1,\"policyDocument\":" POLICY("Allow", "*") "}", false },
		{ "{\"principalId\":\"p\",\"policyDocument\":\"x\"}", false },
		{ "{\"principalId\":\"p\",\"policyDocument\":{}}", false },
		{ "{\"principalId\":\"p\",\"policyDocument\":" POLICY("Maybe", "*") "}", false },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct err err = ERR_INIT;
		struct lambda_policy *p =
			lambda_policy_parse(span_of(cases[i].text), cases[i].simple, &err);
		if (p) {
			fail_msg("%s was accepted", cases[i].text);
		}
		assert_true(*err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(wrong_shapes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
