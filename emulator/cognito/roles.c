#include "emulator/cognito/roles.h"

#include "proxy/base/alloc.h"

/* Auth entries of amr: one per login and its user, and the first word. */
#define MAX_KEYS (2 * CALL_MAX_LOGINS + 3)

static void fail_configuration(struct call *call, const char *reason)
{
	call_refuse(call, "InvalidIdentityPoolConfigurationException",
		"Invalid identity pool configuration. Check assigned IAM roles for this pool.",
		reason);
}

static bool is_trusted(struct call *call, const struct model_role *role)
{
	struct model_pair keys[MAX_KEYS];
	size_t n = 0;
	keys[n++] = (struct model_pair){ COGNITO_PROVIDER ":aud", call->pool_id };
	keys[n++] = (struct model_pair){ COGNITO_PROVIDER ":sub", call->identity.id };
	keys[n++] = (struct model_pair){ COGNITO_PROVIDER ":amr",
		call->n_logins ? "authenticated" : "unauthenticated" };
	for (size_t i = 0; i < call->n_logins; i++) {
		keys[n++] =
			(struct model_pair){ COGNITO_PROVIDER ":amr", call->logins[i].provider };
		keys[n++] = (struct model_pair){ COGNITO_PROVIDER ":amr", call->logins[i].amr };
	}
	const char *reason = "";
	bool trusted = auth_trusts(role, COGNITO_PROVIDER, "sts:AssumeRoleWithWebIdentity", keys, n,
		&reason, call->arena);
	if (!trusted) {
		fail_configuration(
			call, arena_printf(call->arena, "the trust policy of role '%s' refuses: %s",
				      role->name, reason));
	}
	return trusted;
}

static bool claim_is(const cJSON *claim, const char *how, const char *value)
{
	JSON_FOR (item, cJSON_IsArray(claim) ? claim : NULL) {
		if (claim_is(item, how, value)) {
			return true;
		}
	}
	const char *text = json_value(claim);
	if (!text) {
		return false;
	}
	if (strcmp(how, "Equals") == 0) {
		return strcmp(text, value) == 0;
	}
	if (strcmp(how, "NotEqual") == 0) {
		return strcmp(text, value) != 0;
	}
	if (strcmp(how, "StartsWith") == 0) {
		return strncmp(text, value, strlen(value)) == 0;
	}
	return strcmp(how, "Contains") == 0 && strstr(text, value);
}

static const char *role_by_rules(const cJSON *mapping, const cJSON *claims)
{
	const cJSON *rules = json_array(json_object(mapping, "RulesConfiguration"), "Rules");
	JSON_FOR (rule, rules) {
		const char *claim = json_str(rule, "Claim");
		const char *how = json_str(rule, "MatchType");
		const char *value = json_str(rule, "Value");
		if (claim && how && value && claim_is(json_get(claims, claim), how, value)) {
			return json_str(rule, "RoleARN");
		}
	}
	return NULL;
}

/* Only user pools put these claims into a token. */
static const char *role_by_token(const cJSON *claims)
{
	const char *preferred = json_str(claims, "cognito:preferred_role");
	const cJSON *roles = json_array(claims, "cognito:roles");
	if (preferred) {
		return preferred;
	}
	return cJSON_GetArraySize(roles) == 1 ? json_value(roles->child) : NULL;
}

/* CloudFormation lets the mapping's name be anything when IdentityProvider names the provider;
 * for a user pool the name is "<provider>:<client id>". */
static bool mapping_is_for(const cJSON *mapping, const char *provider)
{
	const char *named = json_str(mapping, "IdentityProvider");
	struct span name = span_of(named ? named : mapping->string);
	struct span p = span_of(provider);
	return span_eq(name, p) ||
	       (span_starts(name, p) && name.len > p.len && name.ptr[p.len] == ':');
}

/* False if the call has failed; *arn stays NULL if no mapping speaks. */
static bool map_role(struct call *call, const struct model_pool *pool, const char **arn)
{
	*arn = NULL;
	for (size_t i = 0; i < call->n_logins && !*arn; i++) {
		JSON_FOR (mapping, pool->role_mappings) {
			if (!mapping_is_for(mapping, call->logins[i].provider)) {
				continue;
			}
			const char *type = json_str(mapping, "Type");
			const cJSON *claims = call->logins[i].claims;
			*arn = type && strcmp(type, "Rules") == 0 ? role_by_rules(mapping, claims)
								  : role_by_token(claims);
			const char *otherwise = json_str(mapping, "AmbiguousRoleResolution");
			if (!*arn && otherwise && strcmp(otherwise, "Deny") == 0) {
				call_fail(call, "NotAuthorizedException",
					"The ambiguous role mapping rules denied this request");
				return false;
			}
			break;
		}
	}
	return true;
}

static bool may_choose(const struct call *call, const char *custom)
{
	for (size_t i = 0; i < call->n_logins; i++) {
		const cJSON *roles = json_array(call->logins[i].claims, "cognito:roles");
		JSON_FOR (item, roles) {
			if (json_value(item) && strcmp(json_value(item), custom) == 0) {
				return true;
			}
		}
	}
	return false;
}

static bool choose_arn(struct call *call, const struct model_pool *pool, const char **arn)
{
	if (!map_role(call, pool, arn)) {
		return false;
	}
	if (!*arn) {
		*arn = call->n_logins ? pool->authenticated_role : pool->unauthenticated_role;
	}
	const char *custom = json_str(call->body, "CustomRoleArn");
	if (custom && strcmp(custom, *arn) != 0) {
		if (!may_choose(call, custom)) {
			call_fail(call, "NotAuthorizedException",
				"Access to Role '%s' is forbidden.", custom);
			return false;
		}
		*arn = custom;
	}
	return true;
}

const struct model_role *roles_choose(struct call *call, const struct model_pool *pool)
{
	const char *arn = NULL;
	if (!choose_arn(call, pool, &arn)) {
		return NULL;
	}
	const struct model_role *role = *arn ? model_role(call->c->model, arn) : NULL;
	if (!role) {
		fail_configuration(call,
			*arn ? arena_printf(call->arena, "the app declares no role '%s'", arn)
			     : arena_printf(call->arena, "the pool has no role for %s identities",
				       call->n_logins ? "authenticated" : "unauthenticated"));
		return NULL;
	}
	return is_trusted(call, role) ? role : NULL;
}
