/* lambda_policy: what a Lambda authorizer may answer, in both modes. */
#include <stddef.h>
#include <stdint.h>

#include "emulator/auth/lambda_policy.h"
#include "proxy/base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int simple = 0; simple < 2; simple++) {
		struct err err = ERR_INIT;
		struct lambda_policy *p =
			lambda_policy_parse(span_n((const char *)data, size), simple, &err);
		ENSURE(p || err.code != ERR_NONE);
		if (p) {
			struct arena *arena = arena_create();
			const struct policy_request r = { .action = "execute-api:Invoke",
				.resource = "arn:aws:execute-api:us-east-1:123456789012:abc/test/"
					    "GET/request",
				.arena = arena };
			const char *reason;
			bool allowed = lambda_policy_allows(p, &r, &reason);
			ENSURE(allowed == (*reason == '\0'));
			arena_destroy(arena);
			lambda_policy_destroy(p);
		}
	}
	return 0;
}
