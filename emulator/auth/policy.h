/* IAM policy documents: compiled once, evaluated per request (identity-and-auth.md 6). Pure: no
 * clock, no store; the caller gives the condition keys. */
#pragma once

#include "emulator/auth/condition.h"

enum policy_kind {
	POLICY_IDENTITY, /* Resource, no Principal: role, session and Lambda authorizer policies */
	POLICY_TRUST, /* Principal, no Resource: AssumeRolePolicyDocument */
};

enum policy_effect {
	POLICY_NO_STATEMENT,
	POLICY_ALLOW,
	POLICY_DENY
};

struct policy;
struct policy_statement;

struct policy_request {
	const char *action; /* "execute-api:Invoke" */
	const char *resource; /* ARN; ignored by trust policies */
	const char *principal_type; /* "Federated", "AWS"; trust policies only */
	const char *principal;
	struct condition_keys keys;
	struct arena *arena; /* for values of policy variables */
};

/* Everything in the arena; doc is not kept. name is for explanations. NULL with err for what IAM
 * would not have saved (MalformedPolicyDocument). */
const struct policy *policy_compile(struct arena *arena, const cJSON *doc, enum policy_kind kind,
	const char *name, struct err *err) MUST_CHECK;

/* Whether the outcome can depend on condition keys: if not, none need be given. */
bool policy_uses_keys(const struct policy *p);

/* Any Deny wins, else any Allow, else POLICY_NO_STATEMENT (which denies). *decided, if not NULL,
 * gets the statement, or NULL. */
enum policy_effect policy_evaluate(const struct policy *const *policies, size_t n,
	const struct policy_request *r, const struct policy_statement **decided);

/* "statement 'Sid' (2nd of policy 'x')". In the arena. */
const char *policy_statement_words(const struct policy_statement *s, struct arena *arena);
/* Why nothing allowed it: each Allow statement and what in it did not match. In r->arena. */
const char *policy_explain(
	const struct policy *const *policies, size_t n, const struct policy_request *r);
