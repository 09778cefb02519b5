/* Reference api-gateway.md section 10: the offered formats and each variable of HTTP APIs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "emulator/gateway/access_log.h"
#include "gateway_request.h"
#include "proxy/base/alloc.h"

#define JSON(text)                        \
	{                                 \
		"" text, sizeof(text) - 1 \
	}

static const char *const amr[] = { "authenticated", "login.example.com", "x:OIDC:1", NULL };
static const struct auth_verdict iam = { .kind = MODEL_AUTH_IAM,
	.iam = { "ASIA", "123456789012", "AROA:s", "arn:aws:sts::1:r", "AROA:s", NULL,
		"us-east-1:i", "us-east-1:p", amr } };
static const struct auth_verdict jwt = { .kind = MODEL_AUTH_JWT,
	.claims = JSON("{\"sub\":\"jane\",\"cognito:groups\":\"[A B]\",\"q\":\"\\\"\\n\"}"),
	.log_error = "invalid_token: x" };
static const struct auth_verdict custom = {
	.kind = MODEL_AUTH_CUSTOM, .principal_id = "me", .context = JSON("{\"key\":\"v\",\"n\":1}")
};

static void check(
	const struct auth_verdict *verdict, bool answered, const char *format, const char *want)
{
	struct arena *a = arena_create();
	struct event_input in = { .http = make_request(a, "GET", "/dev/a%20b?q=1",
					  "Host: api.example.com\nUser-Agent: curl/8\n", "abc"),
		.account = "123456789012",
		.api_id = "aaaaaaaaaa",
		.route_key = "GET /{x}",
		.stage = "dev",
		.request_id = "LV7fzho-PHcEJPw=",
		.now_ms = 1587481701067,
		.verdict = verdict };
	struct context c = { .event = &in };
	if (answered) {
		c.status = 500;
		c.response_length = 35;
		c.response_latency_ms = 12.7;
		c.integration_latency_ms = 10.2;
		c.integration_status = 201;
		c.endpoint_status = 200;
		c.integration_error = "boom";
		c.integration_request_id = "uuid";
		c.integration_request_id2 = "second";
		c.error_message = SPAN("Internal \"Server\" Error");
		c.refused_by = "permission";
	}
	struct buf out = BUF_INIT(4096);
	access_log_write(&out, format, &c);
	if (strcmp(buf_cstr(&out), want) != 0) {
		fail_msg("%s\nwant %s\ngot  %s", format, want, buf_cstr(&out));
	}
	buf_fini(&out);
	arena_destroy(a);
}

static void writes_the_offered_formats(void **state)
{
	(void)state;
	check(NULL, true,
		"$context.identity.sourceIp - - [$context.requestTime] \"$context.httpMethod "
		"$context.routeKey $context.protocol\" $context.status $context.responseLength "
		"$context.requestId",
		"203.0.113.9 - - [21/Apr/2020:15:08:21 +0000] \"GET GET /{x} HTTP/1.1\" 500 35 "
		"LV7fzho-PHcEJPw=");
	check(NULL, true,
		"{ \"requestId\":\"$context.requestId\", \"status\":\"$context.status\" }",
		"{ \"requestId\":\"LV7fzho-PHcEJPw=\", \"status\":\"500\" }");
	check(NULL, true, "<ip>$context.identity.sourceIp</ip>", "<ip>203.0.113.9</ip>");
	check(NULL, true, "$context.identity.sourceIp,$context.requestTime.",
		"203.0.113.9,21/Apr/2020:15:08:21 +0000.");
}

static void knows_each_variable(void **state)
{
	(void)state;
	static const struct {
		const struct auth_verdict *verdict;
		const char *name, *want;
	} rows[] = {
		{ NULL, "accountId", "123456789012" },
		{ NULL, "apiId", "aaaaaaaaaa" },
		{ NULL, "extendedRequestId", "LV7fzho-PHcEJPw=" },
		{ NULL, "domainName", "api.example.com" },
		{ NULL, "domainPrefix", "api" },
		{ NULL, "path", "/dev/a%20b" },
		{ NULL, "stage", "dev" },
		{ NULL, "requestTimeEpoch", "1587481701067" },
		{ NULL, "responseLatency", "12" },
		{ NULL, "dataProcessed", "38" },
		{ NULL, "error.message", "Internal \"Server\" Error" },
		{ NULL, "error.messageString", "\"Internal \\\"Server\\\" Error\"" },
		{ NULL, "error.responseType", "API_CONFIGURATION_ERROR" },
		{ NULL, "integration.status", "201" },
		{ NULL, "integrationStatus", "200" },
		{ NULL, "integration.integrationStatus", "200" },
		{ NULL, "integrationLatency", "10" },
		{ NULL, "integration.latency", "10" },
		{ NULL, "integration.error", "boom" },
		{ NULL, "integrationErrorMessage", "boom" },
		{ NULL, "integration.requestId", "uuid" },
		{ NULL, "awsEndpointRequestId", "uuid" },
		{ NULL, "awsEndpointRequestId2", "second" },
		{ NULL, "identity.userAgent", "curl/8" },
		{ NULL, "identity.userArn", "-" },
		{ NULL, "identity.cognitoIdentityId", "-" },
		{ NULL, "authorizer.error", "-" },
		{ NULL, "authorizer.claims.sub", "-" },
		{ NULL, "identity.clientCert.subjectDN", "-" },
		{ &jwt, "authorizer.claims", "-" },
		{ NULL, "customDomain.basePathMatched", "-" },
		{ NULL, "nonsense", "-" },
		{ &jwt, "authorizer.claims.sub", "jane" },
		{ &jwt, "authorizer.claims.cognito:groups", "[A B]" },
		{ &jwt, "authorizer.claims.q", "\" " },
		{ &jwt, "authorizer.claims.none", "-" },
		{ &jwt, "authorizer.error", "invalid_token: x" },
		{ &custom, "authorizer.principalId", "me" },
		{ &custom, "authorizer.key", "v" },
		{ &custom, "authorizer.n", "1" },
		{ &iam, "identity.accountId", "123456789012" },
		{ &iam, "identity.caller", "AROA:s" },
		{ &iam, "identity.user", "AROA:s" },
		{ &iam, "identity.userArn", "arn:aws:sts::1:r" },
		{ &iam, "identity.principalOrgId", "-" },
		{ &iam, "identity.cognitoIdentityId", "us-east-1:i" },
		{ &iam, "identity.cognitoIdentityPoolId", "us-east-1:p" },
		{ &iam, "identity.cognitoAuthenticationType", "authenticated" },
		{ &iam, "identity.cognitoAuthenticationProvider", "login.example.com,x:OIDC:1" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *format = xasprintf("$context.%s", rows[i].name);
		check(rows[i].verdict, true, format, rows[i].want);
		free(format);
	}
	check(NULL, false, "$context.status $context.responseLength $context.error.message",
		"- - -");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_offered_formats),
		cmocka_unit_test(knows_each_variable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
