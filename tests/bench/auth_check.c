/* What AWS_IAM costs a request: the signature and a role's policy, on one core. Prints nanoseconds.
 * cc -O2 with the rooms emulator_auth and proxy_base; see the commit that added it for numbers. */
#include <stdio.h>

#include "emulator/auth/grants.h"
#include "emulator/auth/sigv4.h"
#include "proxy/base/alloc.h"
#include "proxy/base/clock.h"

#define ROUNDS 200000
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static const struct http_header headers[] = {
	{ SPAN("Host"), SPAN("localhost:9000") },
	{ SPAN("User-Agent"),
		SPAN("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120") },
	{ SPAN("Accept"), SPAN("application/json, text/plain, */*") },
	{ SPAN("X-Amz-Date"), SPAN("20250102T030405Z") },
	{ SPAN("X-Amz-Security-Token"), SPAN("IQoJb3JpZ2luX2VjEXAMPLETOKEN") },
	{ SPAN("Authorization"),
		SPAN("AWS4-HMAC-SHA256 Credential=ASIAQWERTYUIOPASDFGH/20250102/us-east-1"
		     "/execute-api/aws4_request, "
		     "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
		     "049fa5e795cbf91ab08782ee332cd2a505b9ef4d854ae0812285c8d0d5d4d50b") },
};

static double since(uint64_t start)
{
	return (double)(clock_mono_ns(&clock_system) - start) / ROUNDS;
}

static void signatures(struct arena *arena)
{
	const struct http_request r = { .method = SPAN("GET"),
		.path = SPAN("/notes/a%20b"),
		.query = SPAN("b=2&a=x%20y&a=1&flag"),
		.headers = headers,
		.n_headers = COUNT_OF(headers) };
	struct sigv4_keys *keys = sigv4_keys_create();
	int64_t now = 0;
	ENSURE(time_parse_basic(SPAN("20250102T030405Z"), &now));
	uint64_t start = clock_mono_ns(&clock_system);
	for (int i = 0; i < ROUNDS; i++) {
		struct sigv4_claim claim;
		struct sigv4_fault fault;
		ENSURE(sigv4_read(&r, arena, &claim, &fault) &&
			sigv4_check_scope(
				&claim, "us-east-1", "execute-api", 300, now, arena, &fault) &&
			sigv4_verify(&r, &claim, SECRET, keys, arena, &fault));
		arena_reset(arena);
	}
	printf("sigv4    %8.0f ns\n", since(start));
	sigv4_keys_destroy(keys);
}

static void policies(struct arena *arena)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *doc = json_parse(SPAN("{\"Version\":\"2012-10-17\",\"Statement\":["
					       "{\"Effect\":\"Allow\",\"Action\":["
					       "\"mobileanalytics:PutEvents\",\"cognito-sync:*\"],"
					       "\"Resource\":\"*\"},{\"Effect\":\"Allow\","
					       "\"Action\":\"execute-api:*\",\"Resource\":"
					       "\"arn:aws:execute-api:us-east-1:*:abc123/*/GET/"
					       "${cognito-identity.amazonaws.com:sub}/*\"}]}"),
		&err);
	const cJSON *documents[] = { doc };
	struct model_role role = { .arn = "arn:aws:iam::123456789012:role/Auth",
		.name = "Auth",
		.policies = documents,
		.n_policies = 1 };
	const struct model model = { .roles = &role, .n_roles = 1 };
	static const char *const amr[] = { "authenticated", "x.auth0.com", NULL };
	const struct auth_caller caller = { .role_arn = role.arn,
		.session_name = "s",
		.session_policy = "",
		.iam = { .account_id = "123456789012",
			.user_id = "AROA:s",
			.user_arn = "arn:aws:sts::123456789012:assumed-role/Auth/s",
			.identity_id = "us-east-1:7f3a",
			.identity_pool_id = "us-east-1:pool",
			.amr = amr } };
	const struct http_request r = {
		.headers = headers, .n_headers = COUNT_OF(headers), .peer = "127.0.0.1"
	};
	struct grants *grants = grants_create(&model);
	uint64_t start = clock_mono_ns(&clock_system);
	for (int i = 0; i < ROUNDS; i++) {
		const char *reason;
		ENSURE(grants_allow(grants, &caller, "execute-api:Invoke",
			"arn:aws:execute-api:us-east-1:123456789012:abc123/$default/GET/"
			"us-east-1:7f3a/notes",
			&r, 1735787045000, arena, &reason));
		arena_reset(arena);
	}
	printf("policy   %8.0f ns\n", since(start));
	grants_destroy(grants);
}

int main(void)
{
	struct arena *arena = arena_create();
	signatures(arena);
	policies(arena);
	arena_destroy(arena);
	return 0;
}
