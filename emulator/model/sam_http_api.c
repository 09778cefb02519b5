/* AWS::Serverless::HttpApi and the HttpApi events of functions. */
#include <ctype.h>

#include "emulator/model/sam_parts.h"
#include "proxy/base/alloc.h"

/* Logical ids hold letters and digits only. */
static char *plain_id(const char *text)
{
	char *id = xstrdup(text);
	char *to = id;
	for (const char *c = text; *c; c++) {
		if (isalnum((unsigned char)*c)) {
			*to++ = *c;
		}
	}
	*to = '\0';
	return id;
}

static char *authorizer_id(const char *api, const char *name)
{
	AUTO_FREE char *plain = plain_id(name);
	return xasprintf("%s%sAuthorizer", api, plain);
}

static void add_identity(
	cJSON *sources, const cJSON *identity, const char *list, const char *prefix)
{
	JSON_FOR (item, json_array(identity, list)) {
		const char *name = json_value(item);
		AUTO_FREE char *source = xasprintf("%s.%s", prefix, name ? name : "");
		cJSON_AddItemToArray(sources, cJSON_CreateString(source));
	}
}

static void jwt_authorizer(const cJSON *given, cJSON *to)
{
	const cJSON *jwt = json_get(given, "JwtConfiguration");
	cJSON_AddStringToObject(to, "AuthorizerType", "JWT");
	cJSON *config = cJSON_AddObjectToObject(to, "JwtConfiguration");
	sam_copy(jwt, json_get(jwt, "issuer") ? "issuer" : "Issuer", config, "Issuer");
	sam_copy(jwt, json_get(jwt, "audience") ? "audience" : "Audience", config, "Audience");
	cJSON *sources = cJSON_AddArrayToObject(to, "IdentitySource");
	const cJSON *source = json_get(given, "IdentitySource");
	cJSON_AddItemToArray(sources, source ? cJSON_Duplicate(source, true)
					     : cJSON_CreateString("$request.header.Authorization"));
}

static int lambda_authorizer(
	struct sam *s, const cJSON *api, const cJSON *given, cJSON *to, const char *id)
{
	const cJSON *identity = json_get(given, "Identity");
	const cJSON *arn = json_get(given, "FunctionArn");
	cJSON_AddStringToObject(to, "AuthorizerType", "REQUEST");
	cJSON_AddItemToObject(to, "AuthorizerUri",
		sam_sub("arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
			"${Value}/invocations",
			arn));
	sam_copy(given, "AuthorizerPayloadFormatVersion", to, "AuthorizerPayloadFormatVersion");
	sam_copy(given, "EnableSimpleResponses", to, "EnableSimpleResponses");
	sam_copy(given, "FunctionInvokeRole", to, "AuthorizerCredentialsArn");
	sam_copy(identity, "ReauthorizeEvery", to, "AuthorizerResultTtlInSeconds");
	cJSON *sources = cJSON_AddArrayToObject(to, "IdentitySource");
	add_identity(sources, identity, "Headers", "$request.header");
	add_identity(sources, identity, "QueryStrings", "$request.querystring");
	add_identity(sources, identity, "StageVariables", "$stageVariables");
	add_identity(sources, identity, "Context", "$context");
	/* The transform does not let the API invoke the authorizer unless it is told to. */
	if (!json_bool(given, "EnableFunctionDefaultPermissions", false)) {
		return 0;
	}
	AUTO_FREE char *permission_id = xasprintf("%sPermission", id);
	cJSON *permission = sam_add(s, api, permission_id, "AWS::Lambda::Permission");
	if (!permission) {
		return -ERR_INVALID;
	}
	cJSON_AddStringToObject(permission, "Action", "lambda:InvokeFunction");
	cJSON_AddStringToObject(permission, "Principal", "apigateway.amazonaws.com");
	cJSON_AddItemToObject(permission, "FunctionName", cJSON_Duplicate(arn, true));
	AUTO_FREE char *source = xasprintf(
		"arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${%s}/authorizers/*",
		api->string);
	cJSON *sub = cJSON_CreateObject();
	cJSON_AddStringToObject(sub, "Fn::Sub", source);
	cJSON_AddItemToObject(permission, "SourceArn", sub);
	return 0;
}

static int expand_authorizers(struct sam *s, const cJSON *api, const cJSON *auth)
{
	JSON_FOR (given, json_object(auth, "Authorizers")) {
		AUTO_FREE char *id = authorizer_id(api->string, given->string);
		if (!json_get(given, "JwtConfiguration") && !json_get(given, "FunctionArn")) {
			return sam_fault(s, api,
				"authorizer '%s' needs JwtConfiguration or FunctionArn",
				given->string);
		}
		cJSON *to = sam_add(s, api, id, "AWS::ApiGatewayV2::Authorizer");
		if (!to) {
			return -ERR_INVALID;
		}
		cJSON_AddItemToObject(to, "ApiId", sam_ref(api->string));
		cJSON_AddStringToObject(to, "Name", given->string);
		if (json_get(given, "JwtConfiguration")) {
			jwt_authorizer(given, to);
			continue;
		}
		int rc = lambda_authorizer(s, api, given, to, id);
		if (rc) {
			return rc;
		}
	}
	return 0;
}

static int expand_stage(struct sam *s, const cJSON *api, cJSON *properties)
{
	const char *name = json_str(properties, "StageName");
	AUTO_FREE char *plain = plain_id(name ? name : "");
	bool is_default =
		!json_get(properties, "StageName") || (name && strcmp(name, "$default") == 0);
	AUTO_FREE char *id = is_default ? xasprintf("%sApiGatewayDefaultStage", api->string)
					: xasprintf("%s%sStage", api->string, plain);
	cJSON *stage = sam_add(s, api, id, "AWS::ApiGatewayV2::Stage");
	if (!stage) {
		return -ERR_INVALID;
	}
	cJSON_AddItemToObject(stage, "ApiId", sam_ref(api->string));
	cJSON_AddStringToObject(stage, "StageName", "$default");
	sam_move(properties, "StageName", stage, "StageName");
	sam_move(properties, "StageVariables", stage, "StageVariables");
	sam_move(properties, "AccessLogSettings", stage, "AccessLogSettings");
	sam_move(properties, "DefaultRouteSettings", stage, "DefaultRouteSettings");
	sam_move(properties, "RouteSettings", stage, "RouteSettings");
	return 0;
}

/* true means everything, everywhere. */
static void expand_cors(cJSON *properties)
{
	static const char *const lists[] = { "AllowHeaders", "AllowMethods", "AllowOrigins" };
	const cJSON *cors = json_get(properties, "CorsConfiguration");
	bool all = cJSON_IsTrue(cors);
	if (!cors || cJSON_IsObject(cors)) {
		return;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(properties, "CorsConfiguration");
	cJSON *config = all ? cJSON_AddObjectToObject(properties, "CorsConfiguration") : NULL;
	for (size_t i = 0; all && i < COUNT_OF(lists); i++) {
		cJSON *list = cJSON_AddArrayToObject(config, lists[i]);
		cJSON_AddItemToArray(list, cJSON_CreateString("*"));
	}
}

int sam_http_api(struct sam *s, cJSON *resource)
{
	cJSON *properties = json_object(resource, "Properties");
	if (json_get(properties, "DefinitionUri")) {
		return sam_fault(s, resource, "DefinitionUri is not supported; use DefinitionBody");
	}
	sam_set_type(resource, "AWS::ApiGatewayV2::Api");
	cJSON_AddStringToObject(properties, "ProtocolType", "HTTP");
	sam_move(properties, "DefinitionBody", properties, "Body");
	expand_cors(properties);
	int rc = expand_stage(s, resource, properties);
	/* Auth stays in place: the events of functions look for the default authorizer there. */
	return rc ? rc : expand_authorizers(s, resource, json_get(properties, "Auth"));
}

/* Events. */

struct http_event {
	const cJSON *function, *event;
	const cJSON *properties; /* the event's */
	const cJSON *api; /* resource; NULL if it is not of this template */
	cJSON *api_id; /* value for ApiId */
	char *key; /* route key */
	char *permission_path; /* the ARN part behind the stage */
};

static char *upper(const char *text)
{
	char *copy = xstrdup(text);
	for (char *c = copy; *c; c++) {
		*c = (char)toupper((unsigned char)*c);
	}
	return copy;
}

/* The transform writes {variables} in the permission's path as '*'. */
static char *starred(const char *method, const char *path)
{
	struct buf out = BUF_INIT(65536);
	buf_add_str(&out, strcmp(method, "ANY") == 0 ? "*" : method);
	for (const char *c = path; *c; c++) {
		if (*c == '{') {
			buf_add_char(&out, '*');
			while (c[1] && *c != '}') {
				c++;
			}
		} else {
			buf_add_char(&out, *c);
		}
	}
	return buf_take(&out, NULL);
}

static int read_key(struct sam *s, struct http_event *e)
{
	const char *path = json_str(e->properties, "Path");
	const char *method = json_str(e->properties, "Method");
	if ((!path && !method) || (path && strcmp(path, "$default") == 0)) {
		e->key = xstrdup("$default");
		e->permission_path = xstrdup("$default");
		return 0;
	}
	if (!path || !method) {
		return sam_fault(
			s, e->function, "event '%s' needs both Path and Method", e->event->string);
	}
	AUTO_FREE char *verb = upper(method);
	if (strcmp(verb, "X-AMAZON-APIGATEWAY-ANY-METHOD") == 0) {
		memcpy(verb, "ANY", 4);
	}
	e->key = xasprintf("%s %s", verb, path);
	e->permission_path = starred(verb, path);
	return 0;
}

/* Authorizer of the event, else the API's default. */
static int add_authorization(struct sam *s, const struct http_event *e, cJSON *route)
{
	const cJSON *api_auth = json_get(json_get(e->api, "Properties"), "Auth");
	const cJSON *auth = json_get(e->properties, "Auth");
	const char *name = json_str(auth, "Authorizer");
	name = name ? name : json_str(api_auth, "DefaultAuthorizer");
	if (!name || strcmp(name, "NONE") == 0 || strcmp(name, "AWS_IAM") == 0) {
		cJSON_AddStringToObject(route, "AuthorizationType", name ? name : "NONE");
		return 0;
	}
	const cJSON *authorizer = json_get(json_get(api_auth, "Authorizers"), name);
	if (!authorizer) {
		return sam_fault(s, e->function,
			"event '%s' names the authorizer '%s', which the API lacks",
			e->event->string, name);
	}
	bool jwt = json_get(authorizer, "JwtConfiguration") != NULL;
	AUTO_FREE char *id = authorizer_id(e->api->string, name);
	cJSON_AddStringToObject(route, "AuthorizationType", jwt ? "JWT" : "CUSTOM");
	cJSON_AddItemToObject(route, "AuthorizerId", sam_ref(id));
	const cJSON *scopes = json_get(auth, "AuthorizationScopes");
	if (jwt) {
		sam_copy(scopes ? auth : authorizer, "AuthorizationScopes", route,
			"AuthorizationScopes");
	}
	return 0;
}

static cJSON *add_part(
	struct sam *s, const struct http_event *e, const char *part, const char *type)
{
	AUTO_FREE char *id = xasprintf("%s%s%s", e->function->string, e->event->string, part);
	return sam_add(s, e->function, id, type);
}

static int add_permission(struct sam *s, const struct http_event *e)
{
	cJSON *to = add_part(s, e, "Permission", "AWS::Lambda::Permission");
	if (!to) {
		return -ERR_INVALID;
	}
	AUTO_FREE char *source =
		xasprintf("arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Value}/*/%s",
			e->permission_path);
	cJSON_AddStringToObject(to, "Action", "lambda:InvokeFunction");
	cJSON_AddStringToObject(to, "Principal", "apigateway.amazonaws.com");
	cJSON_AddItemToObject(to, "FunctionName", sam_ref(e->function->string));
	cJSON_AddItemToObject(to, "SourceArn", sam_sub(source, e->api_id));
	return 0;
}

static int add_route(struct sam *s, const struct http_event *e)
{
	cJSON *integration = add_part(s, e, "Integration", "AWS::ApiGatewayV2::Integration");
	cJSON *route = integration ? add_part(s, e, "Route", "AWS::ApiGatewayV2::Route") : NULL;
	if (!route) {
		return -ERR_INVALID;
	}
	cJSON_AddItemToObject(integration, "ApiId", cJSON_Duplicate(e->api_id, true));
	cJSON_AddStringToObject(integration, "IntegrationType", "AWS_PROXY");
	cJSON_AddItemToObject(
		integration, "IntegrationUri", sam_attribute(e->function->string, "Arn"));
	sam_copy(e->properties, "TimeoutInMillis", integration, "TimeoutInMillis");
	sam_copy(e->properties, "PayloadFormatVersion", integration, "PayloadFormatVersion");
	if (!json_get(integration, "PayloadFormatVersion")) {
		cJSON_AddStringToObject(integration, "PayloadFormatVersion", "2.0");
	}
	AUTO_FREE char *integration_id =
		xasprintf("%s%sIntegration", e->function->string, e->event->string);
	AUTO_JSON cJSON *target = sam_ref(integration_id);
	cJSON_AddItemToObject(route, "ApiId", cJSON_Duplicate(e->api_id, true));
	cJSON_AddStringToObject(route, "RouteKey", e->key);
	cJSON_AddItemToObject(route, "Target", sam_sub("integrations/${Value}", target));
	return add_authorization(s, e, route);
}

/* A definition that has the operation already says itself how it is integrated. */
static bool in_definition(const struct http_event *e)
{
	const cJSON *paths = json_get(json_get(json_get(e->api, "Properties"), "Body"), "paths");
	const char *path = json_str(e->properties, "Path");
	const char *method = json_str(e->properties, "Method");
	JSON_FOR (operation, path ? json_get(paths, path) : NULL) {
		struct span name = span_of(operation->string);
		if (method && (span_iis(name, method) ||
				      (span_is(name, "x-amazon-apigateway-any-method") &&
					      span_iis(span_of(method), "any")))) {
			return true;
		}
	}
	return false;
}

static int expand_event(struct sam *s, struct http_event *e)
{
	const char *given = json_value(json_get(e->properties, "ApiId"));
	const char *ref = json_str(json_get(e->properties, "ApiId"), "Ref");
	const char *id = ref ? ref : given ? given : "ServerlessHttpApi";
	const cJSON *api = json_get(s->resources, id);
	/* ApiId is a Ref, an id from elsewhere, or absent. */
	e->api = api;
	e->api_id = api ? sam_ref(id) : cJSON_Duplicate(json_get(e->properties, "ApiId"), true);
	int rc = read_key(s, e);
	if (rc == 0) {
		rc = add_permission(s, e);
	}
	if (rc == 0 && !in_definition(e)) {
		rc = add_route(s, e);
	}
	return rc;
}

int sam_http_event(struct sam *s, const cJSON *function, const cJSON *event)
{
	struct http_event e = {
		.function = function, .event = event, .properties = json_get(event, "Properties")
	};
	int rc = expand_event(s, &e);
	cJSON_Delete(e.api_id);
	auto_free(&e.key);
	auto_free(&e.permission_path);
	return rc;
}
