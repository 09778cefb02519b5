#include "emulator/model/physical.h"

#include <ctype.h>

#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

struct attribute {
	const char *name, *value;
};

/* Values are text with {placeholders}:
 *   {name} the physical name  {ref} what Ref gives  {region} {account} {stack}
 *   {N.low} {N.base32} N characters of an id  {uuid}
 *   {p.X} property X, evaluated  {path} property Path or "/"  {host.X} property X without scheme
 *   {function.X} the ARN of the function that property X names
 *   {api} {url} an address asked of the composition root */
struct physical_type {
	const char *type;
	enum physical_role role;
	const char *name_property; /* NULL: always derived */
	const char *ref;
	struct attribute attributes[8];
};

#define PROVIDER "arn:aws:iam::{account}:oidc-provider/{host.Url}"
#define USER_POOL "cognito-idp.{region}.amazonaws.com/{ref}"
#define SERVICE(service) "arn:aws:" service ":{region}:{account}:"

static const struct physical_type types[] = {
	{ "AWS::ApiGatewayV2::Api", PHYSICAL_EMULATED, NULL, "{10.low}",
		{ { "ApiEndpoint", "{api}" }, { "ApiId", "{ref}" } } },
	{ "AWS::ApiGatewayV2::Route", PHYSICAL_EMULATED, NULL, "{7.low}",
		{ { "RouteId", "{ref}" } } },
	{ "AWS::ApiGatewayV2::Integration", PHYSICAL_EMULATED, NULL, "{7.low}",
		{ { "IntegrationId", "{ref}" } } },
	{ "AWS::ApiGatewayV2::Authorizer", PHYSICAL_EMULATED, NULL, "{6.low}",
		{ { "AuthorizerId", "{ref}" } } },
	{ "AWS::ApiGatewayV2::Stage", PHYSICAL_EMULATED, NULL, "{p.StageName}", { { 0 } } },
	{ "AWS::ApiGatewayV2::Deployment", PHYSICAL_QUIET, NULL, "{6.low}",
		{ { "DeploymentId", "{ref}" } } },
	{ "AWS::Lambda::Function", PHYSICAL_EMULATED, "FunctionName", "{name}",
		{ { "Arn", SERVICE("lambda") "function:{name}" } } },
	{ "AWS::Lambda::Permission", PHYSICAL_EMULATED, NULL, "{name}", { { "Id", "{name}" } } },
	{ "AWS::Lambda::Url", PHYSICAL_EMULATED, NULL, "{function.TargetFunctionArn}",
		{ { "FunctionUrl", "{url}" }, { "FunctionArn", "{ref}" } } },
	{ "AWS::Lambda::EventInvokeConfig", PHYSICAL_EMULATED, NULL, "{name}", { { 0 } } },
	{ "AWS::Lambda::Version", PHYSICAL_EMULATED, NULL, "{function.FunctionName}:1",
		{ { "Version", "1" }, { "FunctionArn", "{ref}" } } },
	{ "AWS::Lambda::Alias", PHYSICAL_EMULATED, NULL, "{function.FunctionName}:{p.Name}",
		{ { "AliasArn", "{ref}" } } },
	{ "AWS::Lambda::LayerVersion", PHYSICAL_QUIET, "LayerName",
		SERVICE("lambda") "layer:{name}:1", { { "LayerVersionArn", "{ref}" } } },
	{ "AWS::Lambda::EventSourceMapping", PHYSICAL_OTHER, NULL, "{uuid}",
		{ { "Id", "{ref}" } } },
	{ "AWS::IAM::Role", PHYSICAL_EMULATED, "RoleName", "{name}",
		{ { "Arn", "arn:aws:iam::{account}:role{path}{name}" },
			{ "RoleId", "AROA{17.base32}" } } },
	{ "AWS::IAM::Policy", PHYSICAL_EMULATED, NULL, "{name}", { { "Id", "{name}" } } },
	{ "AWS::IAM::RolePolicy", PHYSICAL_EMULATED, NULL, "{name}", { { 0 } } },
	{ "AWS::IAM::ManagedPolicy", PHYSICAL_EMULATED, "ManagedPolicyName",
		"arn:aws:iam::{account}:policy{path}{name}",
		{ { "PolicyArn", "{ref}" }, { "PolicyId", "ANPA{17.base32}" } } },
	{ "AWS::IAM::OIDCProvider", PHYSICAL_EMULATED, NULL, PROVIDER, { { "Arn", PROVIDER } } },
	{ "Custom::AWSCDKOpenIdConnectProvider", PHYSICAL_EMULATED, NULL, PROVIDER,
		{ { "Arn", PROVIDER }, { "Thumbprints", "[]" } } },
	{ "AWS::IAM::User", PHYSICAL_OTHER, "UserName", "{name}",
		{ { "Arn", "arn:aws:iam::{account}:user{path}{name}" } } },
	{ "AWS::Cognito::IdentityPool", PHYSICAL_EMULATED, NULL, "{region}:{uuid}",
		{ { "Name", "{name}" }, { "Id", "{ref}" } } },
	{ "AWS::Cognito::IdentityPoolRoleAttachment", PHYSICAL_EMULATED, NULL, "{name}",
		{ { "Id", "{name}" } } },
	{ "AWS::Cognito::UserPool", PHYSICAL_OTHER, NULL, "{region}_{9.low}",
		{ { "Arn", SERVICE("cognito-idp") "userpool/{ref}" }, { "ProviderName", USER_POOL },
			{ "ProviderURL", "https://" USER_POOL }, { "UserPoolId", "{ref}" } } },
	{ "AWS::Cognito::UserPoolClient", PHYSICAL_OTHER, NULL, "{26.low}",
		{ { "ClientId", "{ref}" }, { "Name", "{name}" }, { "ClientSecret", "{51.low}" } } },
	{ "AWS::Cognito::UserPoolDomain", PHYSICAL_OTHER, "Domain", "{name}",
		{ { "CloudFrontDistribution", "{name}.cloudfront.net" } } },
	{ "AWS::SQS::Queue", PHYSICAL_OTHER, "QueueName",
		"https://sqs.{region}.amazonaws.com/{account}/{name}",
		{ { "Arn", SERVICE("sqs") "{name}" }, { "QueueName", "{name}" },
			{ "QueueUrl", "{ref}" } } },
	{ "AWS::SNS::Topic", PHYSICAL_OTHER, "TopicName", SERVICE("sns") "{name}",
		{ { "TopicArn", "{ref}" }, { "TopicName", "{name}" } } },
	{ "AWS::DynamoDB::Table", PHYSICAL_OTHER, "TableName", "{name}",
		{ { "Arn", SERVICE("dynamodb") "table/{name}" }, { "TableId", "{uuid}" },
			{ "StreamArn", SERVICE("dynamodb") "table/{name}/stream/"
							   "2020-01-01T00:00:00.000" } } },
	{ "AWS::S3::Bucket", PHYSICAL_OTHER, "BucketName", "{name}",
		{ { "Arn", "arn:aws:s3:::{name}" }, { "DomainName", "{name}.s3.amazonaws.com" },
			{ "RegionalDomainName", "{name}.s3.{region}.amazonaws.com" },
			{ "DualStackDomainName", "{name}.s3.dualstack.{region}.amazonaws.com" },
			{ "WebsiteURL", "http://{name}.s3-website-{region}.amazonaws.com" } } },
	{ "AWS::Logs::LogGroup", PHYSICAL_QUIET, "LogGroupName", "{name}",
		{ { "Arn", SERVICE("logs") "log-group:{name}:*" } } },
	{ "AWS::SSM::Parameter", PHYSICAL_OTHER, "Name", "{name}",
		{ { "Type", "{p.Type}" }, { "Value", "{p.Value}" } } },
	{ "AWS::SecretsManager::Secret", PHYSICAL_OTHER, "Name",
		SERVICE("secretsmanager") "secret:{name}-{6.low}", { { "Id", "{ref}" } } },
	{ "AWS::KMS::Key", PHYSICAL_OTHER, NULL, "{uuid}",
		{ { "Arn", SERVICE("kms") "key/{ref}" }, { "KeyId", "{ref}" } } },
	{ "AWS::Kinesis::Stream", PHYSICAL_OTHER, "Name", "{name}",
		{ { "Arn", SERVICE("kinesis") "stream/{name}" } } },
	{ "AWS::Events::EventBus", PHYSICAL_OTHER, "Name", "{name}",
		{ { "Arn", SERVICE("events") "event-bus/{name}" }, { "Name", "{name}" } } },
	{ "AWS::Events::Rule", PHYSICAL_OTHER, "Name", "{name}",
		{ { "Arn", SERVICE("events") "rule/{name}" } } },
	{ "AWS::StepFunctions::StateMachine", PHYSICAL_OTHER, "StateMachineName",
		SERVICE("states") "stateMachine:{name}",
		{ { "Arn", "{ref}" }, { "Name", "{name}" } } },
	{ "AWS::ApiGateway::RestApi", PHYSICAL_OTHER, NULL, "{10.low}",
		{ { "RootResourceId", "{10.low}" }, { "RestApiId", "{ref}" } } },
	{ "AWS::ApiGateway::Stage", PHYSICAL_OTHER, NULL, "{p.StageName}", { { 0 } } },
	{ "AWS::CDK::Metadata", PHYSICAL_QUIET, NULL, "{name}", { { 0 } } },
	{ "Custom::StackMetadata", PHYSICAL_QUIET, NULL, "{name}", { { 0 } } },
};

static const struct physical_type *type_of(const char *type)
{
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		if (strcmp(types[i].type, type) == 0) {
			return &types[i];
		}
	}
	return NULL;
}

enum physical_role physical_role(const char *type)
{
	const struct physical_type *known = type_of(type);
	return known ? known->role : PHYSICAL_OTHER;
}

static void seed(const struct template_resource *r, const char *kind, struct buf *out)
{
	const struct model_input *in = r->stack->set->in;
	buf_addf(out, "%s/%s/%s/%s/%s", in->app, in->stage, r->stack->name, r->logical_id, kind);
}

void physical_id(const struct template_resource *r, const char *kind, char *out, size_t n,
	const char *alphabet)
{
	struct buf text = BUF_INIT(65536);
	seed(r, kind, &text);
	/* One hash gives 32 characters; longer ids are put together from several. */
	size_t done = 0;
	for (int part = 0; done < n; part++) {
		size_t step = n - done < 32 ? n - done : 32;
		if (part) {
			buf_addf(&text, "/%d", part);
		}
		id_from_name(out + done, step, alphabet, buf_span(&text));
		done += step;
	}
	buf_fini(&text);
}

/* The text of a property of r, seen from s; *out is left alone if the property is absent. */
static int property_text(
	const struct scope *s, struct template_resource *r, const char *name, char **out)
{
	const cJSON *property = json_get(json_get(r->definition, "Properties"), name);
	if (!property) {
		return 0;
	}
	struct scope root = scope_root(r->stack, r, "Properties", s->err);
	root.depth = s->depth + 1;
	struct scope at = scope_member(&root, name);
	AUTO_JSON cJSON *value = NULL;
	int rc = intrinsic_eval(&at, property, &value);
	if (rc || !value) {
		/* AWS::NoValue: as if the property were not there. */
		return rc;
	}
	return intrinsic_text(&at, value, out);
}

/* STACK-LOGICALID-XXXXXXXXXXXX as CloudFormation makes it, cut to the 64 characters that functions and
 * roles may have; buckets and such live with lower case. */
static const char *derived_name(const struct template_resource *r)
{
	char suffix[13];
	physical_id(r, "name", suffix, 12, ID_BASE32);
	struct arena *a = r->stack->set->arena;
	size_t stack = strlen(r->stack->name) < 25 ? strlen(r->stack->name) : 25;
	char *name =
		arena_printf(a, "%.*s-%.25s-%s", (int)stack, r->stack->name, r->logical_id, suffix);
	if (strncmp(r->type, "AWS::S3::", 9) == 0) {
		for (char *c = name; *c; c++) {
			*c = (char)tolower((unsigned char)*c);
		}
	}
	return name;
}

int physical_name(const struct scope *s, struct template_resource *r, const char **out)
{
	if (r->naming == TEMPLATE_RUNNING) {
		return scope_fault(s, "the name of '%s' depends on itself", r->logical_id);
	}
	if (r->naming == TEMPLATE_UNKNOWN) {
		const struct physical_type *known = type_of(r->type);
		AUTO_FREE char *given = NULL;
		r->naming = TEMPLATE_RUNNING;
		if (known && known->name_property) {
			int rc = property_text(s, r, known->name_property, &given);
			if (rc) {
				return rc;
			}
		}
		r->name = given && *given ? arena_strdup(r->stack->set->arena, given)
					  : derived_name(r);
		r->naming = TEMPLATE_KNOWN;
	}
	*out = r->name;
	return 0;
}

static const char *without_scheme(const char *url)
{
	const char *at = strstr(url, "://");
	return at ? at + 3 : url;
}

static int add_function_arn(const struct scope *s, const char *function, struct buf *out)
{
	if (strncmp(function, "arn:", 4) != 0) {
		const struct model_input *in = s->stack->set->in;
		buf_addf(out, "arn:aws:lambda:%s:%s:function:", in->region, in->account);
	}
	buf_add_str(out, function);
	return 0;
}

static int add_property(const struct scope *s, struct template_resource *r, const char *how,
	const char *property, struct buf *out)
{
	AUTO_FREE char *text = NULL;
	int rc = property_text(s, r, property, &text);
	if (rc) {
		return rc;
	}
	if (strcmp(how, "path") == 0) {
		buf_add_str(out, text ? text : "/");
		return 0;
	}
	if (!text) {
		return scope_fault(s, "'%s' has no property '%s'", r->logical_id, property);
	}
	if (strcmp(how, "function") == 0) {
		return add_function_arn(s, text, out);
	}
	struct span value = span_of(text);
	if (strcmp(how, "host") == 0) {
		value = span_of(without_scheme(text));
		while (span_ends(value, SPAN("/"))) {
			value.len--;
		}
	}
	buf_add_span(out, value);
	return 0;
}

static void add_address(struct template_resource *r, bool api, struct buf *out)
{
	const struct model_input *in = r->stack->set->in;
	char url_id[33];
	physical_id(r, "url", url_id, 32, ID_LOWER_DIGITS);
	const char *address =
		in->resolve(in->ctx, api ? "api" : "function-url", api ? r->key : url_id);
	buf_add_str(out, address);
	/* FunctionUrl ends in a slash, ApiEndpoint does not. */
	if (!api && !span_ends(buf_span(out), SPAN("/"))) {
		buf_add_char(out, '/');
	}
}

static void add_id(const struct template_resource *r, const char *placeholder, struct buf *out)
{
	if (strcmp(placeholder, "uuid") == 0) {
		char uuid[UUID_LEN + 1];
		struct buf text = BUF_INIT(65536);
		seed(r, "uuid", &text);
		uuid_from_name(uuid, buf_span(&text));
		buf_fini(&text);
		buf_add_str(out, uuid);
		return;
	}
	char id[65];
	struct span form = span_of(placeholder);
	struct span number = span_cut(&form, '.');
	uint64_t n;
	ENSURE(span_u64(number, sizeof id - 1, &n));
	physical_id(r, placeholder, id, n, span_is(form, "low") ? ID_LOWER_DIGITS : ID_BASE32);
	buf_add_str(out, id);
}

static int add_placeholder(
	const struct scope *s, struct template_resource *r, const char *name, struct buf *out)
{
	const struct model_input *in = r->stack->set->in;
	const char *dot = strchr(name, '.');
	if (strcmp(name, "name") == 0) {
		const char *physical;
		int rc = physical_name(s, r, &physical);
		buf_add_str(out, rc ? "" : physical);
		return rc;
	}
	if (strcmp(name, "ref") == 0) {
		AUTO_FREE char *ref = NULL;
		int rc = physical_ref(s, r, &ref);
		buf_add_str(out, rc ? "" : ref);
		return rc;
	}
	if (strcmp(name, "region") == 0 || strcmp(name, "account") == 0) {
		buf_add_str(out, *name == 'r' ? in->region : in->account);
	} else if (strcmp(name, "api") == 0 || strcmp(name, "url") == 0) {
		add_address(r, *name == 'a', out);
	} else if (strcmp(name, "path") == 0) {
		return add_property(s, r, "path", "Path", out);
	} else if (dot && (*name < '0' || *name > '9')) {
		AUTO_FREE char *how = xstrndup(name, (size_t)(dot - name));
		return add_property(s, r, how, dot + 1, out);
	} else {
		add_id(r, name, out);
	}
	return 0;
}

static int expand_into(
	const struct scope *s, struct template_resource *r, const char *pattern, struct buf *out)
{
	for (const char *open = strchr(pattern, '{'); open; open = strchr(pattern, '{')) {
		const char *close = strchr(open, '}');
		ENSURE(close);
		buf_add(out, pattern, (size_t)(open - pattern));
		AUTO_FREE char *name = xstrndup(open + 1, (size_t)(close - open - 1));
		int rc = add_placeholder(s, r, name, out);
		if (rc) {
			return rc;
		}
		pattern = close + 1;
	}
	buf_add_str(out, pattern);
	return 0;
}

static int expand(
	const struct scope *s, struct template_resource *r, const char *pattern, char **out)
{
	struct buf text = BUF_INIT(TEMPLATE_MAX_TEXT);
	int rc = expand_into(s, r, pattern, &text);
	if (rc == 0 && text.overflow) {
		rc = scope_fault(s, "the name of '%s' is too long", r->logical_id);
	}
	if (rc == 0) {
		*out = buf_take(&text, NULL);
	}
	buf_fini(&text);
	return rc;
}

int physical_ref(const struct scope *s, struct template_resource *r, char **out)
{
	const struct physical_type *known = type_of(r->type);
	return expand(s, r, known ? known->ref : "{name}", out);
}

/* A type that the table lacks: an ARN of its service where one is asked for, else its name. */
static int unknown_attribute(
	const struct scope *s, struct template_resource *r, const char *attribute, char **out)
{
	if (!span_ends(span_of(attribute), SPAN("Arn"))) {
		return expand(s, r, "{name}", out);
	}
	struct span rest = span_of(r->type);
	struct span vendor = span_cut(&rest, ':');
	rest = span_is(vendor, "AWS") && rest.len > 1 ? span_n(rest.ptr + 1, rest.len - 1)
						      : SPAN("custom");
	struct span service = span_cut(&rest, ':');
	AUTO_FREE char *pattern =
		xasprintf("arn:aws:%.*s:{region}:{account}:{name}", SPAN_ARG(service));
	/* Not every type's name is one: a brace would begin a placeholder. */
	for (char *c = pattern + 8; *c != ':'; c++) {
		*c = isalnum((unsigned char)*c) ? (char)tolower((unsigned char)*c) : '-';
	}
	return expand(s, r, pattern, out);
}

int physical_attribute(
	const struct scope *s, struct template_resource *r, const char *attribute, char **out)
{
	const struct physical_type *known = type_of(r->type);
	for (size_t i = 0; known && i < COUNT_OF(known->attributes) && known->attributes[i].name;
		i++) {
		if (strcmp(known->attributes[i].name, attribute) == 0) {
			return expand(s, r, known->attributes[i].value, out);
		}
	}
	if (known && known->role == PHYSICAL_EMULATED && strncmp(r->type, "Custom::", 8) != 0) {
		return scope_fault(
			s, "'%s' (%s) has no attribute '%s'", r->logical_id, r->type, attribute);
	}
	return unknown_attribute(s, r, attribute, out);
}
