#include "emulator/auth/lambda_policy.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"

#define CONTEXT_MAX (6 * 1024 * 1024)

struct lambda_policy {
	struct arena *arena;
	bool is_authorized; /* simple form */
	const struct policy *policy; /* NULL for the simple form */
	const char *principal;
	struct buf context;
};

static int read_simple(struct lambda_policy *p, const cJSON *doc, struct err *err)
{
	const cJSON *verdict = json_get(doc, "isAuthorized");
	p->is_authorized = cJSON_IsTrue(verdict);
	return cJSON_IsBool(verdict)
		       ? 0
		       : err_set(err, ERR_INVALID,
				 "the authorizer's answer must hold isAuthorized: true or false");
}

static int read_policy(struct lambda_policy *p, const cJSON *doc, struct err *err)
{
	const cJSON *principal = json_get(doc, "principalId");
	if (principal && !json_value(principal)) {
		return err_set(err, ERR_INVALID, "the authorizer's principalId is not a string");
	}
	p->principal = principal ? arena_strdup(p->arena, json_value(principal)) : "";
	const cJSON *document = json_object(doc, "policyDocument");
	if (!document) {
		return err_set(err, ERR_INVALID,
			json_get(doc, "isAuthorized")
				? "the authorizer answered isAuthorized, but simple responses are "
				  "not enabled for it"
				: "the authorizer's answer must hold a policyDocument object");
	}
	p->policy =
		policy_compile(p->arena, document, POLICY_IDENTITY, "the authorizer's answer", err);
	return p->policy ? 0 : -ERR_INVALID;
}

struct lambda_policy *lambda_policy_parse(struct span text, bool simple, struct err *err)
{
	AUTO_JSON cJSON *doc = json_parse(text, err);
	if (!doc) {
		err_wrap(err, "the authorizer's answer");
		return NULL;
	}
	if (!cJSON_IsObject(doc)) {
		err_set(err, ERR_INVALID, "the authorizer's answer is not an object");
		return NULL;
	}
	struct lambda_policy *p = xalloc(sizeof *p);
	p->arena = arena_create();
	p->principal = "";
	buf_init(&p->context, CONTEXT_MAX);
	const cJSON *context = json_get(doc, "context");
	int rc = simple ? read_simple(p, doc, err) : read_policy(p, doc, err);
	if (!rc && context && !cJSON_IsObject(context) && !cJSON_IsNull(context)) {
		rc = err_set(err, ERR_INVALID, "the authorizer's context is not an object");
	}
	if (rc) {
		lambda_policy_destroy(p);
		return NULL;
	}
	if (cJSON_IsObject(context)) {
		json_add_tree(&p->context, context);
	} else {
		buf_add_str(&p->context, "null");
	}
	return p;
}

void lambda_policy_destroy(struct lambda_policy *p)
{
	if (p) {
		arena_destroy(p->arena);
		buf_fini(&p->context);
		free(p);
	}
}

bool lambda_policy_allows(
	const struct lambda_policy *p, const struct policy_request *r, const char **reason)
{
	*reason = "";
	if (!p->policy) {
		*reason = p->is_authorized ? "" : "the authorizer answered isAuthorized: false";
		return p->is_authorized;
	}
	const struct policy_statement *by;
	enum policy_effect effect = policy_evaluate(&p->policy, 1, r, &by);
	if (effect == POLICY_DENY) {
		*reason = arena_printf(r->arena, "%s denies %s on %s",
			policy_statement_words(by, r->arena), r->action, r->resource);
	} else if (effect == POLICY_NO_STATEMENT) {
		*reason = arena_printf(r->arena,
			"the authorizer's policy does not allow %s on %s:\n%s", r->action,
			r->resource, policy_explain(&p->policy, 1, r));
	}
	return effect == POLICY_ALLOW;
}

const char *lambda_policy_principal(const struct lambda_policy *p)
{
	return p->principal;
}

struct span lambda_policy_context(const struct lambda_policy *p)
{
	return buf_span(&p->context);
}
