/* Roles with all their policies, and OIDC providers. Policies are checked for their structure only; what
 * they mean is auth/policy's. */
#include "emulator/model/builder.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

/* The AWS managed policies that decide something here, cut to the statements that matter. */
static const struct {
	const char *name, *document;
} managed[] = {
	{ "AdministratorAccess", "[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]" },
	{ "PowerUserAccess", "[{\"Effect\":\"Allow\",\"NotAction\":[\"iam:*\",\"organizations:*\","
			     "\"account:*\"],\"Resource\":\"*\"}]" },
	{ "AmazonAPIGatewayInvokeFullAccess", "[{\"Effect\":\"Allow\",\"Action\":[\"execute-api:"
					      "Invoke\",\"execute-api:ManageConnections\"],"
					      "\"Resource\":\"arn:aws:execute-api:*:*:*\"}]" },
	{ "AWSLambda_FullAccess",
		"[{\"Effect\":\"Allow\",\"Action\":\"lambda:*\",\"Resource\":\"*\"}]" },
	{ "AWSLambdaRole", "[{\"Effect\":\"Allow\",\"Action\":\"lambda:InvokeFunction\","
			   "\"Resource\":\"*\"}]" },
	{ "AWSLambdaBasicExecutionRole", "[{\"Effect\":\"Allow\",\"Action\":[\"logs:"
					 "CreateLogGroup\",\"logs:CreateLogStream\","
					 "\"logs:PutLogEvents\"],\"Resource\":\"*\"}]" },
	{ "AWSLambdaVPCAccessExecutionRole",
		"[{\"Effect\":\"Allow\",\"Action\":[\"logs:*\",\"ec2:*NetworkInterface*\"],"
		"\"Resource\":\"*\"}]" },
	{ "AWSXRayDaemonWriteAccess",
		"[{\"Effect\":\"Allow\",\"Action\":\"xray:*\",\"Resource\":\"*\"}]" },
	{ "AmazonCognitoPowerUser",
		"[{\"Effect\":\"Allow\",\"Action\":[\"cognito-identity:*\",\"cognito-idp:*\","
		"\"cognito-sync:*\"],\"Resource\":\"*\"}]" },
};

static bool either(const cJSON *statement, const char *one, const char *other)
{
	return !json_get(statement, one) != !json_get(statement, other);
}

static int check_statement(struct builder *b, const struct template_resource *r,
	const char *property, const cJSON *statement, bool trust)
{
	const char *effect = json_str(statement, "Effect");
	if (!effect || (strcmp(effect, "Allow") != 0 && strcmp(effect, "Deny") != 0)) {
		return template_fault(
			r, b->err, property, "each Statement needs an Effect, Allow or Deny");
	}
	if (!either(statement, "Action", "NotAction")) {
		return template_fault(
			r, b->err, property, "each Statement needs an Action or a NotAction");
	}
	if (trust && !either(statement, "Principal", "NotPrincipal")) {
		return template_fault(r, b->err, property, "each Statement needs a Principal");
	}
	if (!trust && !either(statement, "Resource", "NotResource")) {
		return template_fault(
			r, b->err, property, "each Statement needs a Resource or a NotResource");
	}
	const cJSON *condition = json_get(statement, "Condition");
	return condition && !cJSON_IsObject(condition)
		       ? template_fault(r, b->err, property, "Condition must be an object")
		       : 0;
}

static int check_document(struct builder *b, const struct template_resource *r,
	const char *property, const cJSON *document, bool trust)
{
	const char *version = json_str(document, "Version");
	const cJSON *statement = json_get(document, "Statement");
	if (!cJSON_IsObject(document)) {
		return template_fault(r, b->err, property, "must be a policy document");
	}
	if (version && strcmp(version, "2012-10-17") != 0 && strcmp(version, "2008-10-17") != 0) {
		return template_fault(r, b->err, property,
			"Version '%s' must be 2012-10-17 or 2008-10-17", version);
	}
	if (cJSON_IsObject(statement)) {
		return check_statement(b, r, property, statement, trust);
	}
	if (!cJSON_IsArray(statement)) {
		return template_fault(r, b->err, property, "has no Statement");
	}
	JSON_FOR (item, statement) {
		int rc = check_statement(b, r, property, item, trust);
		if (rc) {
			return rc;
		}
	}
	return 0;
}

static void add_policy(struct builder *b, struct model_role *role, const cJSON *document)
{
	role->policies = build_grow(b, role->policies, role->n_policies, sizeof *role->policies);
	role->policies[role->n_policies++] = document;
}

static int add_inline(struct builder *b, struct template_resource *r, struct model_role *role)
{
	JSON_FOR (item, json_array(r->properties, "Policies")) {
		const cJSON *document = json_get(item, "PolicyDocument");
		int rc = check_document(b, r, "Policies", document, false);
		if (rc) {
			return rc;
		}
		add_policy(b, role, document);
	}
	return 0;
}

/* A managed policy of the template is found by its ARN; one of AWS by its name. */
static bool add_own_managed(struct builder *b, struct model_role *role, const char *arn)
{
	TEMPLATE_FOR(r, &b->set, "AWS::IAM::ManagedPolicy")
	{
		const char *ref = build_ref(b, r);
		if (ref && strcmp(ref, arn) == 0) {
			add_policy(b, role, json_get(r->properties, "PolicyDocument"));
			return true;
		}
	}
	return false;
}

static bool add_aws_managed(struct builder *b, struct model_role *role, const char *arn)
{
	const char *slash = strrchr(arn, '/');
	for (size_t i = 0; slash && i < COUNT_OF(managed); i++) {
		if (strncmp(arn, "arn:aws:iam::aws:policy/", 24) == 0 &&
			strcmp(managed[i].name, slash + 1) == 0) {
			cJSON *document = template_keep(b->arena, cJSON_CreateObject());
			cJSON_AddStringToObject(document, "Version", "2012-10-17");
			cJSON *statements = json_parse(span_of(managed[i].document), NULL);
			ENSURE(statements);
			cJSON_AddItemToObject(document, "Statement", statements);
			add_policy(b, role, document);
			return true;
		}
	}
	return false;
}

static int add_managed(struct builder *b, struct template_resource *r, struct model_role *role)
{
	struct model_strings arns;
	int rc = template_texts(r, r->properties, "ManagedPolicyArns", &arns, b->err);
	for (size_t i = 0; i < arns.n && rc == 0; i++) {
		if (!add_own_managed(b, role, arns.at[i]) &&
			!add_aws_managed(b, role, arns.at[i])) {
			build_note(b,
				"managed policy %s of role '%s' is not known and allows nothing",
				arns.at[i], r->logical_id);
		}
	}
	return rc;
}

static int build_role(struct builder *b, struct template_resource *r)
{
	struct model_role role = { .arn = build_attribute(b, r, "Arn"),
		.name = build_ref(b, r),
		.id = build_attribute(b, r, "RoleId"),
		.trust = json_get(r->properties, "AssumeRolePolicyDocument") };
	if (!role.arn || !role.name || !role.id) {
		return -ERR_INVALID;
	}
	double session;
	int rc = check_document(b, r, "AssumeRolePolicyDocument", role.trust, true);
	if (rc == 0) {
		rc = template_number(
			r, r->properties, "MaxSessionDuration", 3600, &session, b->err);
	}
	if (rc == 0 && (session < 3600 || session > 43200)) {
		rc = template_fault(
			r, b->err, "MaxSessionDuration", "must be from 3600 to 43200 seconds");
	}
	if (rc == 0) {
		role.max_session_s = (unsigned)session;
		rc = add_inline(b, r, &role);
	}
	if (rc == 0) {
		rc = add_managed(b, r, &role);
	}
	if (rc) {
		return rc;
	}
	if (json_get(r->properties, "PermissionsBoundary")) {
		build_note(
			b, "the permissions boundary of role '%s' is not evaluated", r->logical_id);
	}
	struct model *m = b->m;
	m->roles = build_grow(b, m->roles, m->n_roles, sizeof *m->roles);
	m->roles[m->n_roles++] = role;
	return 0;
}

static struct model_role *role_named(struct builder *b, const char *name)
{
	for (size_t i = 0; i < b->m->n_roles; i++) {
		if (strcmp(b->m->roles[i].name, name) == 0) {
			return &b->m->roles[i];
		}
	}
	return NULL;
}

/* AWS::IAM::Policy, RolePolicy and ManagedPolicy name the roles that they go to. */
static int attach_policy(struct builder *b, struct template_resource *r, const char *property)
{
	struct model_strings roles;
	const cJSON *document = json_get(r->properties, "PolicyDocument");
	int rc = check_document(b, r, "PolicyDocument", document, false);
	if (rc == 0) {
		rc = template_texts(r, r->properties, property, &roles, b->err);
	}
	for (size_t i = 0; rc == 0 && i < roles.n; i++) {
		struct model_role *role = role_named(b, roles.at[i]);
		if (role) {
			add_policy(b, role, document);
		} else {
			build_note(b,
				"policy '%s' goes to role '%s', which the app does not declare",
				r->logical_id, roles.at[i]);
		}
	}
	return rc;
}

static bool loopback(const char *host)
{
	return strncmp(host, "localhost", 9) == 0 || strncmp(host, "127.0.0.1", 9) == 0 ||
	       strncmp(host, "[::1]", 5) == 0;
}

/* The scheme is added when missing, as the CDK does; plain http only for a developer's own issuer. */
static int provider_url(struct builder *b, struct template_resource *r, const char *given,
	struct model_oidc_provider *p)
{
	struct span url = span_of(given);
	while (span_ends(url, SPAN("/"))) {
		url.len--;
	}
	bool plain = span_starts(url, SPAN("http://"));
	bool bare = !plain && !span_starts(url, SPAN("https://"));
	p->url = arena_printf(b->arena, "%s%.*s", bare ? "https://" : "", SPAN_ARG(url));
	p->host = strstr(p->url, "://") + 3;
	if (!*p->host || strstr(p->host, "://") || (plain && !loopback(p->host))) {
		return template_fault(r, b->err, "Url", "'%s' must be an https URL", given);
	}
	for (size_t i = 0; i < b->m->n_oidc; i++) {
		if (strcmp(b->m->oidc[i].host, p->host) == 0) {
			return template_fault(
				r, b->err, "Url", "'%s' has another provider already", given);
		}
	}
	return 0;
}

static int build_provider(struct builder *b, struct template_resource *r, const char *clients)
{
	struct model_oidc_provider p = { .arn = build_ref(b, r) };
	const char *url = "";
	int rc = p.arn ? template_text(r, r->properties, "Url", "", &url, b->err) : -ERR_INVALID;
	if (rc == 0) {
		rc = provider_url(b, r, url, &p);
	}
	if (rc == 0) {
		rc = template_texts(r, r->properties, clients, &p.client_ids, b->err);
	}
	if (rc == 0) {
		struct model *m = b->m;
		m->oidc = build_grow(b, m->oidc, m->n_oidc, sizeof *m->oidc);
		m->oidc[m->n_oidc++] = p;
	}
	return rc;
}

int build_iam(struct builder *b)
{
	int rc = 0;
	TEMPLATE_FOR(r, &b->set, NULL)
	{
		if (strcmp(r->type, "AWS::IAM::Role") == 0) {
			rc = build_role(b, r);
		} else if (strcmp(r->type, "AWS::IAM::OIDCProvider") == 0) {
			rc = build_provider(b, r, "ClientIdList");
		} else if (strcmp(r->type, "Custom::AWSCDKOpenIdConnectProvider") == 0) {
			rc = build_provider(b, r, "ClientIDList");
		}
		if (rc) {
			return rc;
		}
	}
	TEMPLATE_FOR(r, &b->set, NULL)
	{
		if (strcmp(r->type, "AWS::IAM::Policy") == 0 ||
			strcmp(r->type, "AWS::IAM::ManagedPolicy") == 0) {
			rc = attach_policy(b, r, "Roles");
		} else if (strcmp(r->type, "AWS::IAM::RolePolicy") == 0) {
			rc = attach_policy(b, r, "RoleName");
		}
		if (rc) {
			return rc;
		}
	}
	return 0;
}
