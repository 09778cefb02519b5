/* One line of a policy's Condition block: operator, key, values (identity-and-auth.md 6.4), and the
 * patterns with policy variables that statements and conditions share. */
#pragma once

#include "emulator/auth/glob.h"
#include "emulator/model/model.h"
#include "proxy/base/json.h"

/* The request's condition keys; a key with several values repeats its name. Names compare without
 * case. */
struct condition_keys {
	const struct model_pair *at;
	size_t n;
};

/* Text that may hold wildcards and "${variables}". */
struct pattern {
	struct span text;
	struct glob glob; /* without variables: ready */
	bool wildcards;
	bool variables;
};
void pattern_compile(
	struct pattern *p, struct arena *arena, struct span text, bool wildcards, bool variables);
/* The pattern with this request's values filled in (they never act as wildcards); false if a
 * variable has no single value. Memory in scratch. */
bool pattern_resolve(const struct pattern *p, const struct condition_keys *keys,
	struct arena *scratch, struct glob *out) MUST_CHECK;

struct condition;
/* Everything in the arena, values' text included. NULL with err for what IAM would not have saved:
 * unknown operators, values of the wrong form. */
const struct condition *condition_compile(struct arena *arena, const char *operator,
	const char * key, const cJSON *values, bool variables, struct err *err) MUST_CHECK;
bool condition_holds(
	const struct condition *c, const struct condition_keys *keys, struct arena *scratch);
/* "StringEquals cognito-identity.amazonaws.com:aud: expected 'a', the request has 'b'". */
const char *condition_words(
	const struct condition *c, const struct condition_keys *keys, struct arena *arena);
