#include "emulator/auth/policy.h"

#define EXPLAIN_MAX 8192

struct patterns {
	struct pattern *at;
	size_t n;
	bool excluded; /* NotAction, NotResource, NotPrincipal */
};

struct principal {
	const char *type; /* "*" = every type */
	struct pattern value;
};

struct policy_statement {
	const struct policy *policy;
	size_t number; /* from 1 */
	const char *sid;
	bool allow;
	struct patterns actions, resources;
	struct principal *principals;
	size_t n_principals;
	bool not_principal;
	const struct condition **conditions;
	size_t n_conditions;
};

struct policy {
	const char *name;
	enum policy_kind kind;
	struct policy_statement *statements;
	size_t n_statements;
};

/* --- compiling --------------------------------------------------------------------------- */

static size_t list_size(const cJSON *list)
{
	return cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 1;
}

/* One value may stand for a list of one. */
static const cJSON *list_first(const cJSON *list)
{
	return cJSON_IsArray(list) ? list->child : list;
}

static int read_patterns(struct arena *arena, const cJSON *list, const char *element,
	bool variables, struct patterns *out, struct err *err)
{
	size_t n = list_size(list);
	if (n == 0) {
		return err_set(err, ERR_INVALID, "%s is empty", element);
	}
	out->at = arena_alloc(arena, n * sizeof *out->at);
	const cJSON *item = list_first(list);
	for (; item && out->n < n; item = item->next) {
		if (!cJSON_IsString(item)) {
			return err_set(err, ERR_INVALID, "%s must be a string or a list of strings",
				element);
		}
		pattern_compile(&out->at[out->n++], arena,
			span_of(arena_strdup(arena, item->valuestring)), true, variables);
	}
	return 0;
}

/* Exactly one of a pair: "Action" or "NotAction". */
static int read_pair(struct arena *arena, const cJSON *doc, const char *name, const char *not_name,
	bool variables, struct patterns *out, struct err *err)
{
	const cJSON *plain = json_get(doc, name);
	const cJSON *excluded = json_get(doc, not_name);
	if (!plain == !excluded) {
		return err_set(err, ERR_INVALID, "needs exactly one of %s and %s", name, not_name);
	}
	out->excluded = excluded != NULL;
	return read_patterns(
		arena, plain ? plain : excluded, plain ? name : not_name, variables, out, err);
}

static int add_principals(struct arena *arena, struct policy_statement *s, const char *type,
	const cJSON *list, struct err *err)
{
	struct patterns values = { 0 };
	if (read_patterns(arena, list, "Principal", false, &values, err)) {
		return -ERR_INVALID;
	}
	struct principal *all = arena_alloc(arena, (s->n_principals + values.n) * sizeof *all);
	if (s->n_principals) {
		memcpy(all, s->principals, s->n_principals * sizeof *all);
	}
	for (size_t i = 0; i < values.n; i++) {
		all[s->n_principals++] =
			(struct principal){ arena_strdup(arena, type), values.at[i] };
	}
	s->principals = all;
	return 0;
}

static int read_principals(
	struct arena *arena, const cJSON *doc, struct policy_statement *s, struct err *err)
{
	const cJSON *plain = json_get(doc, "Principal");
	const cJSON *excluded = json_get(doc, "NotPrincipal");
	if (!plain == !excluded) {
		return err_set(err, ERR_INVALID, "needs exactly one of Principal and NotPrincipal");
	}
	s->not_principal = excluded != NULL;
	const cJSON *value = plain ? plain : excluded;
	if (!cJSON_IsObject(value)) {
		return json_value(value) && strcmp(value->valuestring, "*") == 0
			       ? add_principals(arena, s, "*", value, err)
			       : err_set(err, ERR_INVALID, "Principal must be \"*\" or an object");
	}
	JSON_FOR (item, value) {
		if (add_principals(arena, s, item->string, item, err)) {
			return -ERR_INVALID;
		}
	}
	return 0;
}

static int read_conditions(struct arena *arena, const cJSON *block, bool variables,
	struct policy_statement *s, struct err *err)
{
	if (block && !cJSON_IsObject(block)) {
		return err_set(err, ERR_INVALID, "Condition must be an object");
	}
	size_t n = 0;
	JSON_FOR (operator, block) {
		n += (size_t)cJSON_GetArraySize(operator);
	}
	s->conditions = arena_alloc(arena, (n + 1) * sizeof *s->conditions);
	JSON_FOR (operator, block) {
		if (!cJSON_IsObject(operator)) {
			return err_set(err, ERR_INVALID,
				"condition '%.100s' must be an object", operator->string);
		}
		JSON_FOR (key, operator) {
			const struct condition *c = condition_compile(
				arena, operator->string, key->string, key, variables, err);
			if (!c) {
				return -ERR_INVALID;
			}
			s->conditions[s->n_conditions++] = c;
		}
	}
	return 0;
}

static int known_elements(const cJSON *doc, const char *const *names, struct err *err)
{
	JSON_FOR (item, doc) {
		size_t i = 0;
		while (names[i] && strcmp(names[i], item->string) != 0) {
			i++;
		}
		if (!names[i]) {
			return err_set(err, ERR_INVALID, "unknown element '%.100s'", item->string);
		}
	}
	return 0;
}

static int read_statement(struct arena *arena, const cJSON *doc, bool variables,
	struct policy_statement *s, struct err *err)
{
	static const char *const names[] = { "Sid", "Effect", "Action", "NotAction", "Resource",
		"NotResource", "Principal", "NotPrincipal", "Condition", NULL };
	if (!cJSON_IsObject(doc)) {
		return err_set(err, ERR_INVALID, "is not an object");
	}
	const char *effect = json_str(doc, "Effect");
	s->sid = arena_strdup(arena, json_str(doc, "Sid") ? json_str(doc, "Sid") : "");
	s->allow = effect && strcmp(effect, "Allow") == 0;
	if (!s->allow && !(effect && strcmp(effect, "Deny") == 0)) {
		return err_set(err, ERR_INVALID, "Effect must be \"Allow\" or \"Deny\"");
	}
	int rc = known_elements(doc, names, err);
	if (!rc) {
		rc = read_pair(arena, doc, "Action", "NotAction", false, &s->actions, err);
	}
	if (!rc && s->policy->kind == POLICY_IDENTITY) {
		/* Variables stand after the fifth colon in what IAM saves; elsewhere they are
		 * filled in all the same, which is what whoever wrote them there meant. */
		rc = read_pair(
			arena, doc, "Resource", "NotResource", variables, &s->resources, err);
	} else if (!rc) {
		rc = read_principals(arena, doc, s, err);
	}
	return rc ? rc : read_conditions(arena, json_get(doc, "Condition"), variables, s, err);
}

const struct policy *policy_compile(struct arena *arena, const cJSON *doc, enum policy_kind kind,
	const char *name, struct err *err)
{
	static const char *const names[] = { "Version", "Id", "Statement", NULL };
	struct policy *p = arena_alloc(arena, sizeof *p);
	p->name = arena_strdup(arena, name);
	p->kind = kind;
	const char *version = json_str(doc, "Version");
	const cJSON *list = json_get(doc, "Statement");
	if (!cJSON_IsObject(doc) || !list) {
		err_set(err, ERR_INVALID, "policy '%.100s' has no Statement", name);
		return NULL;
	}
	if (json_get(doc, "Version") && !(version && (strcmp(version, "2012-10-17") == 0 ||
							     strcmp(version, "2008-10-17") == 0))) {
		err_set(err, ERR_INVALID, "policy '%.100s': Version must be 2012-10-17", name);
		return NULL;
	}
	bool variables = version && strcmp(version, "2012-10-17") == 0;
	if (known_elements(doc, names, err)) {
		err_wrap(err, "policy '%.100s'", name);
		return NULL;
	}
	size_t n = list_size(list);
	p->statements = arena_alloc(arena, (n + 1) * sizeof *p->statements);
	const cJSON *item = list_first(list);
	for (; item && p->n_statements < n; item = item->next) {
		struct policy_statement *s = &p->statements[p->n_statements++];
		s->policy = p;
		s->number = p->n_statements;
		if (read_statement(arena, item, variables, s, err)) {
			err_wrap(err, "policy '%.100s', statement %zu", name, s->number);
			return NULL;
		}
	}
	return p;
}

bool policy_uses_keys(const struct policy *p)
{
	for (size_t i = 0; i < p->n_statements; i++) {
		const struct policy_statement *s = &p->statements[i];
		for (size_t k = 0; k < s->resources.n; k++) {
			if (s->resources.at[k].variables) {
				return true;
			}
		}
		if (s->n_conditions) {
			return true;
		}
	}
	return false;
}

/* --- deciding ---------------------------------------------------------------------------- */

static bool patterns_match(const struct patterns *p, const char *text, bool ignore_case,
	const struct policy_request *r, bool *undefined)
{
	bool any = false;
	for (size_t i = 0; i < p->n && !any; i++) {
		struct glob glob;
		if (pattern_resolve(&p->at[i], &r->keys, r->arena, &glob)) {
			any = glob_match(glob, span_of(text), ignore_case);
		} else {
			*undefined = true;
		}
	}
	return p->excluded ? !any && !*undefined : any;
}

static bool principal_matches(const struct policy_statement *s, const struct policy_request *r)
{
	bool any = false;
	for (size_t i = 0; i < s->n_principals && !any; i++) {
		const struct principal *p = &s->principals[i];
		/* {"AWS":"*"} is everyone, as "*" is; elsewhere only whole names count. */
		bool everyone =
			span_is(p->value.text, "*") &&
			(strcmp(p->type, "*") == 0 || strcmp(p->type, r->principal_type) == 0);
		any = everyone || (strcmp(p->type, r->principal_type) == 0 &&
					  span_is(p->value.text, r->principal));
	}
	return s->not_principal ? !any : any;
}

/* What of a statement does not match; NULL if it applies. */
static const char *mismatch(const struct policy_statement *s, const struct policy_request *r,
	const struct condition **failed)
{
	bool undefined = false;
	*failed = NULL;
	if (!patterns_match(&s->actions, r->action, true, r, &undefined)) {
		return s->actions.excluded ? "its NotAction holds the action"
					   : "its Action does not match";
	}
	if (s->policy->kind == POLICY_TRUST) {
		if (!principal_matches(s, r)) {
			return "its Principal does not match";
		}
	} else if (!patterns_match(&s->resources, r->resource, false, r, &undefined)) {
		return undefined ? "its Resource holds a policy variable without a value"
		       : s->resources.excluded ? "its NotResource holds the resource"
					       : "its Resource does not match";
	}
	for (size_t i = 0; i < s->n_conditions; i++) {
		if (!condition_holds(s->conditions[i], &r->keys, r->arena)) {
			*failed = s->conditions[i];
			return "its Condition does not hold";
		}
	}
	return NULL;
}

enum policy_effect policy_evaluate(const struct policy *const *policies, size_t n,
	const struct policy_request *r, const struct policy_statement **decided)
{
	const struct policy_statement *allowed = NULL;
	const struct policy_statement *denied = NULL;
	for (size_t i = 0; i < n && !denied; i++) {
		for (size_t k = 0; k < policies[i]->n_statements && !denied; k++) {
			const struct policy_statement *s = &policies[i]->statements[k];
			const struct condition *failed;
			if ((s->allow && allowed) || mismatch(s, r, &failed)) {
				continue;
			}
			*(s->allow ? &allowed : &denied) = s;
		}
	}
	if (decided) {
		*decided = denied ? denied : allowed;
	}
	return denied ? POLICY_DENY : allowed ? POLICY_ALLOW : POLICY_NO_STATEMENT;
}

/* --- words ------------------------------------------------------------------------------- */

const char *policy_statement_words(const struct policy_statement *s, struct arena *arena)
{
	return arena_printf(arena, "statement %zu%s%s%s of policy '%s'", s->number,
		*s->sid ? " (" : "", s->sid, *s->sid ? ")" : "", s->policy->name);
}

static void add_patterns(struct buf *out, const struct patterns *p)
{
	for (size_t i = 0; i < p->n; i++) {
		buf_addf(out, "%s%.*s", i ? ", " : "", SPAN_ARG(p->at[i].text));
	}
}

static void add_principals_text(struct buf *out, const struct policy_statement *s)
{
	for (size_t i = 0; i < s->n_principals; i++) {
		buf_addf(out, "%s%s %.*s", i ? ", " : "", s->principals[i].type,
			SPAN_ARG(s->principals[i].value.text));
	}
}

const char *policy_explain(
	const struct policy *const *policies, size_t n, const struct policy_request *r)
{
	struct buf out = BUF_INIT(EXPLAIN_MAX);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < policies[i]->n_statements; k++) {
			const struct policy_statement *s = &policies[i]->statements[k];
			const struct condition *failed;
			const char *why = s->allow ? mismatch(s, r, &failed) : NULL;
			if (!why) {
				continue;
			}
			buf_addf(&out, "%s%s: %s (", out.len ? "\n" : "",
				policy_statement_words(s, r->arena), why);
			if (failed) {
				buf_add_str(&out, condition_words(failed, &r->keys, r->arena));
			} else if (strstr(why, "Action")) {
				add_patterns(&out, &s->actions);
			} else if (s->policy->kind == POLICY_IDENTITY) {
				add_patterns(&out, &s->resources);
			} else {
				add_principals_text(&out, s);
			}
			buf_add_str(&out, ")");
		}
	}
	if (out.len == 0) {
		buf_add_str(
			&out, n ? "no policy has an Allow statement" : "there is no policy at all");
	}
	const char *words = arena_strndup(r->arena, out.ptr, out.len);
	buf_fini(&out);
	return words;
}
