#include "request.h"

#include "emulator/auth/policy.h"

/* identity-and-auth.md 6, row for row. */
#define API "arn:aws:execute-api:us-east-1:123456789012:abc123"
#define SUB "us-east-1:7f3a0c1e-5b7d-4c5e-9a5e-2d1f3b6c8e90"
#define COGNITO "cognito-identity.amazonaws.com"

static const struct model_pair keys[] = {
	{ "aws:SourceIp", "127.0.0.1" },
	{ "aws:UserAgent", "curl/8.0" },
	{ "aws:SecureTransport", "false" },
	{ "aws:CurrentTime", "2025-01-02T03:04:05.678Z" },
	{ "aws:EpochTime", "1735787045" },
	{ "aws:username", "ann*" },
	{ "aws:PrincipalArn", "arn:aws:iam::123456789012:role/app/Auth" },
	{ COGNITO ":sub", SUB },
	{ COGNITO ":aud", "us-east-1:pool" },
	{ COGNITO ":amr", "authenticated" },
	{ COGNITO ":amr", "x.auth0.com" },
	{ COGNITO ":amr", "arn:aws:iam::123456789012:oidc-provider/x.auth0.com:OIDC:auth0|1" },
	{ "n", "42" },
	{ "bytes", "aGVsbG8=" },
};

static enum policy_effect evaluate(
	struct arena *arena, const char *statements, const char *resource, const char *action)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *doc =
		json_parse(span_of(arena_printf(arena,
				   "{\"Version\":\"2012-10-17\",\"Statement\":%s}", statements)),
			&err);
	if (!doc) {
		fail_msg("%s: %s", statements, err.msg);
	}
	const struct policy *p = policy_compile(arena, doc, POLICY_IDENTITY, "test", &err);
	if (!p) {
		fail_msg("%s: %s", statements, err.msg);
	}
	const struct policy_request r = { .action = action,
		.resource = resource,
		.keys = { keys, COUNT_OF(keys) },
		.arena = arena };
	return policy_evaluate(&p, 1, &r, NULL);
}

static void assert_effect(enum policy_effect want, const char *statements, const char *resource)
{
	struct arena *arena = arena_create();
	enum policy_effect got = evaluate(arena, statements, resource, "execute-api:Invoke");
	if (got != want) {
		fail_msg("%s on %s: got %d, want %d", statements, resource, (int)got, (int)want);
	}
	arena_destroy(arena);
}

#define ALLOW_ON(resource) \
	"{\"Effect\":\"Allow\",\"Action\":\"execute-api:Invoke\",\"Resource\":" resource "}"

static void resources(void **state)
{
	(void)state;
	const struct {
		const char *resource, *arn;
		bool match;
	} cases[] = {
		{ "\"*\"", API "/$default/GET/", true },
		{ "\"arn:aws:execute-api:*\"", API "/$default/GET/a/b", true },
		{ "\"arn:aws:execute-api:us-east-1:*:abc123/*/GET/*\"", API "/dev/GET/pets/1",
			true },
		{ "\"arn:aws:execute-api:us-east-1:*:abc123/*/GET/*\"", API "/dev/GET/", true },
		{ "\"arn:aws:execute-api:us-east-1:*:abc123/*/GET/*\"", API "/dev/POST/pets",
			false },
		{ "\"" API "/prod/GET/pets\"", API "/prod/GET/pets/1", false },
		{ "\"" API "/prod/GET/pets\"", API "/prod/GET/pets", true },
		{ "\"" API "/prod/GET/PETS\"", API "/prod/GET/pets", false },
		{ "\"" API "/prod/GET/pet?\"", API "/prod/GET/pets", true },
		{ "\"" API "/prod/GET/pet?\"", API "/prod/GET/pet", false },
		{ "\"" API "/$default/GET/x\"", API "/$default/GET/x", true },
		{ "[\"arn:aws:s3:::b\",\"" API "/*\"]", API "/$default/GET/x", true },
		{ "\"" API "/*/*/users/${" COGNITO ":sub}/*\"", API "/$default/GET/users/" SUB "/a",
			true },
		{ "\"" API "/*/*/users/${" COGNITO ":sub}/*\"", API "/$default/GET/users/other/a",
			false },
		{ "\"" API "/*/*/users/${aws:nothing}/*\"", API "/$default/GET/users//a", false },
		{ "\"" API "/*/*/${aws:nothing, 'guest'}\"", API "/$default/GET/guest", true },
		{ "\"" API "/*/*/${aws:USERNAME}\"", API "/$default/GET/ann*", true },
		/* A value's own wildcards are text. */
		{ "\"" API "/*/*/${aws:username}\"", API "/$default/GET/anna", false },
		{ "\"" API "/*/*/a${*}b\"", API "/$default/GET/a*b", true },
		{ "\"" API "/*/*/a${*}b\"", API "/$default/GET/axb", false },
		{ "\"" API "/*/*/${$}${?}\"", API "/$default/GET/$?", true },
		{ "\"" API "/*/*/${unended\"", API "/$default/GET/${unended", true },
		/* A key with several values cannot stand in a pattern. */
		{ "\"" API "/*/*/${" COGNITO ":amr}\"", API "/$default/GET/authenticated", false },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct arena *arena = arena_create();
		assert_effect(cases[i].match ? POLICY_ALLOW : POLICY_NO_STATEMENT,
			arena_printf(arena,
				"{\"Effect\":\"Allow\",\"Action\":\"execute-api:Invoke\","
				"\"Resource\":%s}",
				cases[i].resource),
			cases[i].arn);
		arena_destroy(arena);
	}
}

static void variables_are_text_before_2012(void **state)
{
	(void)state;
	struct arena *arena = arena_create();
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *doc = json_parse(
		SPAN("{\"Version\":\"2008-10-17\",\"Statement\":"
		     "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"a/${aws:username}\"}}"),
		&err);
	const struct policy *p = policy_compile(arena, doc, POLICY_IDENTITY, "old", &err);
	assert_non_null(p);
	struct policy_request r = { .action = "x:Y",
		.resource = "a/ann*",
		.keys = { keys, COUNT_OF(keys) },
		.arena = arena };
	assert_int_equal(policy_evaluate(&p, 1, &r, NULL), POLICY_NO_STATEMENT);
	r.resource = "a/${aws:username}";
	assert_int_equal(policy_evaluate(&p, 1, &r, NULL), POLICY_ALLOW);
	arena_destroy(arena);
}

static void actions(void **state)
{
	(void)state;
	const struct {
		const char *element;
		bool match;
	} cases[] = {
		{ "\"Action\":\"execute-api:Invoke\"", true },
		{ "\"Action\":\"EXECUTE-API:invoke\"", true },
		{ "\"Action\":\"execute-api:*\"", true },
		{ "\"Action\":\"execute-api:In?oke\"", true },
		{ "\"Action\":\"*\"", true },
		{ "\"Action\":[\"s3:GetObject\",\"execute-api:Inv*\"]", true },
		{ "\"Action\":\"execute-api:ManageConnections\"", false },
		{ "\"Action\":\"lambda:*\"", false },
		{ "\"NotAction\":\"s3:*\"", true },
		{ "\"NotAction\":[\"s3:*\",\"execute-api:*\"]", false },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct arena *arena = arena_create();
		assert_effect(cases[i].match ? POLICY_ALLOW : POLICY_NO_STATEMENT,
			arena_printf(arena, "[{\"Effect\":\"Allow\",%s,\"Resource\":\"*\"}]",
				cases[i].element),
			API "/dev/GET/");
		arena_destroy(arena);
	}
}

static void deny_wins_in_any_order(void **state)
{
	(void)state;
	const char *deny = "{\"Effect\":\"Deny\",\"Action\":\"execute-api:*\",\"Resource\":\"" API
			   "/*/DELETE/*\"}";
	struct arena *arena = arena_create();
	const char *orders[] = {
		arena_printf(arena, "[%s,%s]", deny, ALLOW_ON("\"*\"")),
		arena_printf(arena, "[%s,%s]", ALLOW_ON("\"*\""), deny),
	};
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		assert_effect(POLICY_DENY, orders[i], API "/dev/DELETE/a");
		assert_effect(POLICY_ALLOW, orders[i], API "/dev/GET/a");
	}
	assert_effect(POLICY_NO_STATEMENT, "[]", API "/dev/GET/a");
	assert_effect(POLICY_NO_STATEMENT,
		"{\"Effect\":\"Allow\",\"Action\":\"*\",\"NotResource\":\"" API "/dev/*\"}",
		API "/dev/GET/a");
	assert_effect(POLICY_ALLOW,
		"{\"Effect\":\"Allow\",\"Action\":\"*\",\"NotResource\":\"" API "/dev/*\"}",
		API "/prod/GET/a");
	arena_destroy(arena);
}

static void conditions(void **state)
{
	(void)state;
	const struct {
		const char *condition;
		bool holds;
	} cases[] = {
		{ "\"StringEquals\":{\"" COGNITO ":aud\":\"us-east-1:pool\"}", true },
		{ "\"StringEquals\":{\"COGNITO-identity.amazonaws.com:AUD\":\"us-east-1:pool\"}",
			true },
		{ "\"StringEquals\":{\"" COGNITO ":aud\":\"us-east-1:p*\"}", false },
		{ "\"StringEquals\":{\"" COGNITO ":aud\":[\"a\",\"us-east-1:pool\"]}", true },
		{ "\"StringEquals\":{\"" COGNITO ":aud\":\"US-east-1:pool\"}", false },
		{ "\"StringEqualsIgnoreCase\":{\"" COGNITO ":aud\":\"US-east-1:POOL\"}", true },
		{ "\"StringNotEquals\":{\"" COGNITO ":aud\":[\"a\",\"b\"]}", true },
		{ "\"StringNotEquals\":{\"" COGNITO ":aud\":[\"a\",\"us-east-1:pool\"]}", false },
		{ "\"StringNotEqualsIgnoreCase\":{\"" COGNITO ":aud\":\"US-EAST-1:POOL\"}", false },
		{ "\"StringLike\":{\"aws:UserAgent\":\"curl/*\"}", true },
		{ "\"StringLike\":{\"aws:UserAgent\":\"Curl/*\"}", false },
		{ "\"StringNotLike\":{\"aws:UserAgent\":\"curl/*\"}", false },
		{ "\"StringEquals\":{\"aws:username\":\"${aws:username}\"}", true },
		{ "\"StringEquals\":{\"aws:UserAgent\":\"${aws:nothing}\"}", false },
		{ "\"StringNotEquals\":{\"aws:UserAgent\":\"${aws:nothing}\"}", false },
		{ "\"NumericEquals\":{\"n\":\"42\"}", true },
		{ "\"NumericEquals\":{\"n\":42}", true },
		{ "\"NumericNotEquals\":{\"n\":\"42\"}", false },
		{ "\"NumericLessThan\":{\"n\":\"42\"}", false },
		{ "\"NumericLessThanEquals\":{\"n\":\"42\"}", true },
		{ "\"NumericGreaterThan\":{\"n\":\"41.5\"}", true },
		{ "\"NumericGreaterThanEquals\":{\"n\":\"43\"}", false },
		{ "\"NumericEquals\":{\"aws:UserAgent\":\"42\"}", false },
		{ "\"DateLessThan\":{\"aws:CurrentTime\":\"2025-01-03T00:00:00Z\"}", true },
		{ "\"DateGreaterThan\":{\"aws:CurrentTime\":\"2025-01-02\"}", true },
		{ "\"DateGreaterThan\":{\"aws:CurrentTime\":\"2025-01-02T04:00:00+02:00\"}", true },
		{ "\"DateLessThanEquals\":{\"aws:EpochTime\":\"1735787045\"}", true },
		{ "\"DateEquals\":{\"aws:EpochTime\":\"2025-01-02T03:04:05Z\"}", true },
		{ "\"DateNotEquals\":{\"aws:EpochTime\":\"1735787045\"}", false },
		{ "\"DateGreaterThanEquals\":{\"aws:CurrentTime\":\"2026-01-01T00:00Z\"}", false },
		{ "\"Bool\":{\"aws:SecureTransport\":\"false\"}", true },
		{ "\"Bool\":{\"aws:SecureTransport\":false}", true },
		{ "\"Bool\":{\"aws:SecureTransport\":\"true\"}", false },
		{ "\"IpAddress\":{\"aws:SourceIp\":\"127.0.0.0/8\"}", true },
		{ "\"IpAddress\":{\"aws:SourceIp\":\"127.0.0.1\"}", true },
		{ "\"IpAddress\":{\"aws:SourceIp\":[\"10.0.0.0/8\",\"127.0.0.0/31\"]}", true },
		{ "\"IpAddress\":{\"aws:SourceIp\":\"128.0.0.0/1\"}", false },
		{ "\"IpAddress\":{\"aws:SourceIp\":\"::1\"}", false },
		{ "\"NotIpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}", true },
		{ "\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::123456789012:role/*\"}",
			true },
		{ "\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::*:role/app/Auth\"}", true },
		{ "\"ArnLike\":{\"aws:PrincipalArn\":\"arn:*:role/app/Auth\"}", false },
		{ "\"ArnNotLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::*:user/*\"}", true },
		{ "\"ArnNotEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::*:role/*\"}", false },
		{ "\"BinaryEquals\":{\"bytes\":\"aGVsbG8=\"}", true },
		{ "\"BinaryEquals\":{\"bytes\":\"aGVsbG9=\"}", false },
		{ "\"Null\":{\"aws:username\":\"false\"}", true },
		{ "\"Null\":{\"aws:username\":\"true\"}", false },
		{ "\"Null\":{\"aws:nothing\":true}", true },
		/* missing keys */
		{ "\"StringEquals\":{\"aws:nothing\":\"a\"}", false },
		{ "\"StringNotEquals\":{\"aws:nothing\":\"a\"}", true },
		{ "\"StringEqualsIfExists\":{\"aws:nothing\":\"a\"}", true },
		{ "\"StringEqualsIfExists\":{\"aws:UserAgent\":\"a\"}", false },
		{ "\"NotIpAddress\":{\"aws:nothing\":\"10.0.0.0/8\"}", true },
		{ "\"BoolIfExists\":{\"aws:nothing\":\"true\"}", true },
		/* sets */
		{ "\"ForAnyValue:StringLike\":{\"" COGNITO ":amr\":\"authenticated\"}", true },
		{ "\"ForAnyValue:StringLike\":{\"" COGNITO ":amr\":\"*:OIDC:auth0|1\"}", true },
		{ "\"ForAnyValue:StringLike\":{\"" COGNITO ":amr\":\"unauthenticated\"}", false },
		{ "\"ForAnyValue:StringEquals\":{\"aws:nothing\":\"a\"}", false },
		{ "\"ForAnyValue:StringNotEquals\":{\"aws:nothing\":\"a\"}", false },
		{ "\"ForAllValues:StringLike\":{\"" COGNITO ":amr\":[\"a*\",\"x.*\"]}", true },
		{ "\"ForAllValues:StringLike\":{\"" COGNITO ":amr\":\"a*\"}", false },
		{ "\"ForAllValues:StringEquals\":{\"aws:nothing\":\"a\"}", true },
		{ "\"ForAnyValue:StringNotEquals\":{\"" COGNITO ":amr\":\"authenticated\"}", true },
		{ "\"ForAllValues:StringNotEquals\":{\"" COGNITO ":amr\":\"authenticated\"}",
			false },
		/* operators and keys are ANDed */
		{ "\"StringEquals\":{\"" COGNITO
		  ":aud\":\"us-east-1:pool\",\"aws:UserAgent\":\"x\"}",
			false },
		{ "\"Bool\":{\"aws:SecureTransport\":false},\"NumericEquals\":{\"n\":1}", false },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct arena *arena = arena_create();
		assert_effect(cases[i].holds ? POLICY_ALLOW : POLICY_NO_STATEMENT,
			arena_printf(arena,
				"{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\","
				"\"Condition\":{%s}}",
				cases[i].condition),
			API "/dev/GET/");
		arena_destroy(arena);
	}
}

static void refuses_malformed_documents(void **state)
{
	(void)state;
	const struct {
		const char *text, *words;
	} cases[] = {
		{ "[]", "has no Statement" },
		{ "{\"Version\":\"2012-10-17\"}", "has no Statement" },
		{ "{\"Version\":\"2020\",\"Statement\":[]}", "Version" },
		{ "{\"Statement\":[],\"Extra\":1}", "unknown element 'Extra'" },
		{ "{\"Statement\":[1]}", "statement 1: is not an object" },
		{ "{\"Statement\":{\"Effect\":\"allow\",\"Action\":\"*\",\"Resource\":\"*\"}}",
			"Effect" },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Resource\":\"*\"}}",
			"exactly one of Action" },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\"}}",
			"exactly one of Resource" },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":[],\"Resource\":\"*\"}}",
			"empty" },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":[1],\"Resource\":\"*\"}}",
			"string" },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"NotAction\":\"*\","
		  "\"Resource\":\"*\"}}",
			"exactly one" },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\","
		  "\"Conditions\":{}}}",
			"unknown element 'Conditions'" },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\","
		  "\"Condition\":{\"StringIs\":{\"a\":\"b\"}}}}",
			"unknown condition operator 'StringIs'" },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\","
		  "\"Condition\":{\"NullIfExists\":{\"a\":\"true\"}}}}",
			"unknown condition operator" },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\","
		  "\"Condition\":{\"IpAddress\":{\"a\":\"10.0.0.0/33\"}}}}",
			"bad value '10.0.0.0/33'" },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\","
		  "\"Condition\":{\"DateEquals\":{\"a\":\"soon\"}}}}",
			"bad value 'soon'" },
		{ "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\","
		  "\"Condition\":[]}}",
			"Condition must be an object" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct arena *arena = arena_create();
		struct err err = ERR_INIT;
		AUTO_JSON cJSON *doc = json_parse(span_of(cases[i].text), &err);
		assert_non_null(doc);
		assert_null(policy_compile(arena, doc, POLICY_IDENTITY, "bad", &err));
		if (!strstr(err.msg, cases[i].words) || !strstr(err.msg, "'bad'")) {
			fail_msg("'%s' not in '%s'", cases[i].words, err.msg);
		}
		arena_destroy(arena);
	}
}

static enum policy_effect trusts(
	const char *principal_element, const char *type, const char *principal)
{
	struct arena *arena = arena_create();
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *doc =
		json_parse(span_of(arena_printf(arena,
				   "{\"Statement\":[{\"Effect\":"
				   "\"Allow\",%s,\"Action\":\"sts:AssumeRoleWithWebIdentity\"}]}",
				   principal_element)),
			&err);
	const struct policy *p = policy_compile(arena, doc, POLICY_TRUST, "trust", &err);
	assert_non_null(p);
	const struct policy_request r = { .action = "sts:AssumeRoleWithWebIdentity",
		.principal_type = type,
		.principal = principal,
		.arena = arena };
	enum policy_effect effect = policy_evaluate(&p, 1, &r, NULL);
	arena_destroy(arena);
	return effect;
}

static void principals_of_trust_policies(void **state)
{
	(void)state;
	assert_int_equal(
		trusts("\"Principal\":{\"Federated\":\"" COGNITO "\"}", "Federated", COGNITO),
		POLICY_ALLOW);
	assert_int_equal(trusts("\"Principal\":{\"Federated\":[\"a\",\"b\"]}", "Federated", "b"),
		POLICY_ALLOW);
	assert_int_equal(
		trusts("\"Principal\":{\"Federated\":\"" COGNITO "\"}", "Federated", "other"),
		POLICY_NO_STATEMENT);
	assert_int_equal(trusts("\"Principal\":{\"Service\":\"lambda.amazonaws.com\"}", "Federated",
				 "lambda.amazonaws.com"),
		POLICY_NO_STATEMENT);
	assert_int_equal(trusts("\"Principal\":\"*\"", "Federated", COGNITO), POLICY_ALLOW);
	assert_int_equal(
		trusts("\"Principal\":{\"AWS\":\"*\"}", "Federated", COGNITO), POLICY_NO_STATEMENT);
	assert_int_equal(
		trusts("\"NotPrincipal\":{\"Federated\":\"a\"}", "Federated", "b"), POLICY_ALLOW);
}

static void explanations_name_statement_and_value(void **state)
{
	(void)state;
	struct arena *arena = arena_create();
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *doc = json_parse(
		SPAN("{\"Version\":\"2012-10-17\",\"Statement\":["
		     "{\"Sid\":\"Pets\",\"Effect\":\"Allow\",\"Action\":\"execute-api:Invoke\","
		     "\"Resource\":\"" API "/*/GET/"
		     "pets\"},{\"Effect\":\"Allow\",\"Action\":\"*\","
		     "\"Resource\":\"*\",\"Condition\":{"
		     "\"StringEquals\":{\"aws:UserAgent\":\"x\"}}}]}"),
		&err);
	const struct policy *p = policy_compile(arena, doc, POLICY_IDENTITY, "Role#1", &err);
	struct policy_request r = { .action = "execute-api:Invoke",
		.resource = API "/dev/GET/cats",
		.keys = { keys, COUNT_OF(keys) },
		.arena = arena };
	assert_string_equal(policy_explain(&p, 1, &r),
		"statement 1 (Pets) of policy 'Role#1': its Resource does not match (" API
		"/*/GET/pets)\n"
		"statement 2 of policy 'Role#1': its Condition does not hold (StringEquals "
		"aws:UserAgent: "
		"expected 'x', the request has 'curl/8.0')");
	const struct policy_statement *by;
	r.resource = API "/dev/GET/pets";
	assert_int_equal(policy_evaluate(&p, 1, &r, &by), POLICY_ALLOW);
	assert_string_equal(
		policy_statement_words(by, arena), "statement 1 (Pets) of policy 'Role#1'");
	arena_destroy(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resources),
		cmocka_unit_test(variables_are_text_before_2012),
		cmocka_unit_test(actions),
		cmocka_unit_test(deny_wins_in_any_order),
		cmocka_unit_test(conditions),
		cmocka_unit_test(refuses_malformed_documents),
		cmocka_unit_test(principals_of_trust_policies),
		cmocka_unit_test(explanations_name_statement_and_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
