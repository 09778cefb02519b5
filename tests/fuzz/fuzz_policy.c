/* policy: a document as role policy and as trust policy; an explanation comes with every
 * refusal. */
#include <stddef.h>
#include <stdint.h>

#include "emulator/auth/policy.h"
#include "proxy/base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct model_pair keys[] = {
	{ "aws:SourceIp", "127.0.0.1" },
	{ "aws:CurrentTime", "2025-01-02T03:04:05Z" },
	{ "aws:EpochTime", "1735787045" },
	{ "cognito-identity.amazonaws.com:sub", "us-east-1:7f3a" },
	{ "cognito-identity.amazonaws.com:amr", "authenticated" },
	{ "cognito-identity.amazonaws.com:amr", "x.auth0.com" },
};

static void evaluate(const cJSON *doc, enum policy_kind kind)
{
	struct arena *arena = arena_create();
	struct err err = ERR_INIT;
	const struct policy *p = policy_compile(arena, doc, kind, "fuzz", &err);
	ENSURE(p || err.code != ERR_NONE);
	if (p) {
		const struct policy_request r = { .action = "execute-api:Invoke",
			.resource = "arn:aws:execute-api:us-east-1:123456789012:abc/$default/GET/a",
			.principal_type = "Federated",
			.principal = "cognito-identity.amazonaws.com",
			.keys = { keys, COUNT_OF(keys) },
			.arena = arena };
		const struct policy_statement *by;
		enum policy_effect effect = policy_evaluate(&p, 1, &r, &by);
		ENSURE((effect == POLICY_NO_STATEMENT) == !by);
		ENSURE(*(by ? policy_statement_words(by, arena) : policy_explain(&p, 1, &r)));
	}
	arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *doc = json_parse(span_n((const char *)data, size), &err);
	if (doc) {
		evaluate(doc, POLICY_IDENTITY);
		evaluate(doc, POLICY_TRUST);
	}
	return 0;
}
