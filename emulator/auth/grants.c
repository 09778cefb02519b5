#include "emulator/auth/grants.h"

#include <stdlib.h>

#include "emulator/auth/request_keys.h"
#include "proxy/base/alloc.h"
#include "proxy/base/digest.h"

#define SESSION_POLICIES_MAX 64 /* compiled ones kept; guests share theirs */

struct grant {
	const char *role_arn;
	const struct policy **policies;
	size_t n;
	bool uses_keys;
	const char *broken; /* why the role cannot be evaluated; NULL if it can */
};

struct session_policy {
	unsigned char hash[SHA256_LEN]; /* of the text */
	struct arena *arena;
	const struct policy *policy; /* NULL if malformed */
	const char *broken;
};

struct grants {
	struct arena *arena;
	struct grant *list;
	size_t n;
	struct session_policy sessions[SESSION_POLICIES_MAX];
};

static void compile_role(struct grants *g, struct grant *grant, const struct model_role *role)
{
	grant->role_arn = role->arn;
	grant->policies = arena_alloc(g->arena, (role->n_policies + 1) * sizeof *grant->policies);
	for (size_t i = 0; i < role->n_policies && !grant->broken; i++) {
		struct err err = ERR_INIT;
		const char *name = arena_printf(g->arena, "%s#%zu", role->name, i + 1);
		const struct policy *p =
			policy_compile(g->arena, role->policies[i], POLICY_IDENTITY, name, &err);
		if (p) {
			grant->policies[grant->n++] = p;
			grant->uses_keys |= policy_uses_keys(p);
		} else {
			grant->broken = arena_strdup(g->arena, err.msg);
		}
	}
}

struct grants *grants_create(const struct model *model)
{
	struct grants *g = xalloc(sizeof *g);
	g->arena = arena_create();
	g->n = model->n_roles;
	g->list = arena_alloc(g->arena, (g->n + 1) * sizeof *g->list);
	for (size_t i = 0; i < g->n; i++) {
		compile_role(g, &g->list[i], &model->roles[i]);
	}
	return g;
}

void grants_destroy(struct grants *g)
{
	if (!g) {
		return;
	}
	for (size_t i = 0; i < SESSION_POLICIES_MAX; i++) {
		arena_destroy(g->sessions[i].arena);
	}
	arena_destroy(g->arena);
	free(g);
}

static const struct grant *find_grant(const struct grants *g, const char *role_arn)
{
	for (size_t i = 0; i < g->n; i++) {
		if (strcmp(g->list[i].role_arn, role_arn) == 0) {
			return &g->list[i];
		}
	}
	return NULL;
}

static const struct session_policy *find_session(struct grants *g, const char *text)
{
	unsigned char hash[SHA256_LEN];
	sha256(hash, span_of(text));
	struct session_policy *s = &g->sessions[hash[0] % SESSION_POLICIES_MAX];
	if (s->arena && memcmp(s->hash, hash, sizeof hash) == 0) {
		return s;
	}
	arena_destroy(s->arena);
	*s = (struct session_policy){ .arena = arena_create() };
	memcpy(s->hash, hash, sizeof hash);
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *doc = json_parse(span_of(text), &err);
	s->policy =
		doc ? policy_compile(s->arena, doc, POLICY_IDENTITY, "session policy", &err) : NULL;
	s->broken = s->policy ? NULL : arena_strdup(s->arena, err.msg);
	return s;
}

static const char *denial(
	const struct auth_caller *c, const struct policy_request *r, const char *because)
{
	return arena_printf(r->arena,
		"User: %s is not authorized to perform: %s on resource: %s\n%s", c->iam.user_arn,
		r->action, r->resource, because);
}

static bool decide(const struct policy *const *policies, size_t n, const char *whose,
	const struct auth_caller *c, const struct policy_request *r, const char **reason)
{
	const struct policy_statement *by;
	enum policy_effect effect = policy_evaluate(policies, n, r, &by);
	if (effect == POLICY_DENY) {
		*reason = denial(c, r,
			arena_printf(r->arena, "explicitly denied by %s",
				policy_statement_words(by, r->arena)));
	} else if (effect == POLICY_NO_STATEMENT) {
		*reason = denial(c, r,
			arena_printf(r->arena, "no statement of %s allows it:\n%s", whose,
				policy_explain(policies, n, r)));
	}
	return effect == POLICY_ALLOW;
}

/* Deny anywhere refuses; then each of the sets, the session's and the role's, must allow
 * (identity-and-auth.md 6.2). */
bool grants_allow(struct grants *g, const struct auth_caller *caller, const char *action,
	const char *resource, const struct http_request *http, int64_t now_ms, struct arena *arena,
	const char **reason)
{
	*reason = "";
	if (caller->is_static) {
		return true;
	}
	struct policy_request r = { .action = action, .resource = resource, .arena = arena };
	const struct grant *role = find_grant(g, caller->role_arn);
	if (!role || role->broken) {
		*reason = denial(caller, &r,
			role ? role->broken
			     : arena_printf(arena,
				       "role '%s' is not declared by the app (any more)",
				       caller->role_arn));
		return false;
	}
	const struct session_policy *session =
		*caller->session_policy ? find_session(g, caller->session_policy) : NULL;
	if (session && session->broken) {
		*reason = denial(caller, &r, arena_strdup(arena, session->broken));
		return false;
	}
	if (role->uses_keys || (session && policy_uses_keys(session->policy))) {
		r.keys = request_keys(http, caller, now_ms, arena);
	}
	if (session && !decide(&session->policy, 1, "the session policy", caller, &r, reason)) {
		return false;
	}
	return decide(role->policies, role->n, "its role", caller, &r, reason);
}

bool grants_trust(const struct model_role *role, const char *principal, const char *action,
	const struct model_pair *keys, size_t n, const char **reason, struct arena *arena)
{
	struct err err = ERR_INIT;
	const struct policy *p = policy_compile(arena, role->trust, POLICY_TRUST,
		arena_printf(arena, "%s trust", role->name), &err);
	if (!p) {
		*reason = arena_strdup(arena, err.msg);
		return false;
	}
	const struct policy_request r = { .action = action,
		.resource = role->arn,
		/* The other operations are for federated users only. */
		.principal_type = strcmp(action, "sts:AssumeRole") == 0 ? "AWS" : "Federated",
		.principal = principal,
		.keys = { keys, n },
		.arena = arena };
	const struct policy_statement *by;
	enum policy_effect effect = policy_evaluate(&p, 1, &r, &by);
	if (effect == POLICY_ALLOW) {
		*reason = arena_printf(arena, "%s allows it", policy_statement_words(by, arena));
	} else if (effect == POLICY_DENY) {
		*reason = arena_printf(arena, "%s denies it", policy_statement_words(by, arena));
	} else {
		*reason = arena_printf(arena, "role %s does not trust %s for %s:\n%s", role->arn,
			principal, action, policy_explain(&p, 1, &r));
	}
	return effect == POLICY_ALLOW;
}
