/* HTTP APIs declared by an OpenAPI 3 definition with API Gateway's extensions. Each part is turned into
 * the properties of its CloudFormation resource and read as such, so that there is one set of rules. */
#include "emulator/model/model_api.h"

#include <ctype.h>

#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

struct rename {
	const char *from, *to;
};

static cJSON *renamed(struct builder *b, const cJSON *from, const struct rename *names, size_t n)
{
	cJSON *to = template_keep(b->arena, cJSON_CreateObject());
	for (size_t i = 0; i < n; i++) {
		const cJSON *item = json_get(from, names[i].from);
		if (item) {
			cJSON_AddItemToObject(to, names[i].to, cJSON_Duplicate(item, true));
		}
	}
	return to;
}

static void upper_case(cJSON *object, const char *name)
{
	char *text = cJSON_GetStringValue(json_get(object, name));
	for (; text && *text; text++) {
		*text = (char)toupper((unsigned char)*text);
	}
}

static int read_operation_integration(struct builder *b, struct template_resource *r,
	const cJSON *operation, struct model_route *route)
{
	static const struct rename names[] = {
		{ "type", "IntegrationType" },
		{ "uri", "IntegrationUri" },
		{ "httpMethod", "IntegrationMethod" },
		{ "payloadFormatVersion", "PayloadFormatVersion" },
		{ "timeoutInMillis", "TimeoutInMillis" },
		{ "requestParameters", "RequestParameters" },
		{ "responseParameters", "ResponseParameters" },
		{ "credentials", "CredentialsArn" },
		{ "connectionType", "ConnectionType" },
		{ "integrationSubtype", "IntegrationSubtype" },
	};
	const cJSON *given = json_object(operation, "x-amazon-apigateway-integration");
	if (!given) {
		return 0;
	}
	cJSON *properties = renamed(b, given, names, COUNT_OF(names));
	upper_case(properties, "IntegrationType");
	struct model_integration *integration = arena_alloc(b->arena, sizeof *integration);
	route->integration = integration;
	return api_read_integration(b, r, properties, integration);
}

/* "security": [{"name": [scopes]}]; an empty list switches the definition's default off. */
static int read_security(struct builder *b, struct template_resource *r,
	const struct model_api *api, const cJSON *body, const cJSON *operation,
	struct model_route *route)
{
	const char *iam = json_str(json_get(operation, "x-amazon-apigateway-auth"), "type");
	const cJSON *security = json_array(operation, "security");
	const cJSON *first = (security ? security : json_array(body, "security"));
	first = first && cJSON_IsObject(first->child) ? first->child->child : NULL;
	if (iam && strcmp(iam, "AWS_IAM") == 0) {
		route->authorization = MODEL_AUTH_IAM;
		return 0;
	}
	if (!first) {
		return 0;
	}
	route->authorizer = api_authorizer(api, first->string, true);
	if (!route->authorizer) {
		return template_fault(r, b->err, "Body.security",
			"'%s' is no authorizer of the API", first->string);
	}
	route->authorization = route->authorizer->type;
	cJSON *scopes = template_keep(b->arena, cJSON_CreateObject());
	cJSON_AddItemToObject(scopes, "scopes", cJSON_Duplicate(first, true));
	return template_texts(r, scopes, "scopes", &route->scopes, b->err);
}

static const char *operation_key(struct builder *b, const char *path, const char *method)
{
	bool any = strcmp(method, "x-amazon-apigateway-any-method") == 0;
	if (any && (strcmp(path, "/$default") == 0 || strcmp(path, "$default") == 0)) {
		return "$default";
	}
	char *key = arena_printf(b->arena, "%s %s", any ? "ANY" : method, path);
	for (char *c = key; *c != ' '; c++) {
		*c = (char)toupper((unsigned char)*c);
	}
	return key;
}

static bool is_operation(const char *member)
{
	static const char *const names[] = { "get", "head", "options", "patch", "post", "put",
		"delete", "x-amazon-apigateway-any-method" };
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (strcmp(names[i], member) == 0) {
			return true;
		}
	}
	return false;
}

static int read_operation(struct builder *b, struct template_resource *r, struct model_api *api,
	const cJSON *body, const char *path, const cJSON *operation)
{
	struct model_route route = { .key = operation_key(b, path, operation->string) };
	char id[8];
	struct span seed = span_of(arena_printf(b->arena, "%s/%s", api->id, route.key));
	id_from_name(id, 7, ID_LOWER_DIGITS, seed);
	route.id = arena_strdup(b->arena, id);
	int rc = read_operation_integration(b, r, operation, &route);
	if (rc == 0) {
		rc = read_security(b, r, api, body, operation, &route);
	}
	return rc ? rc : api_add_route(b, r, api, &route);
}

static int read_scheme(
	struct builder *b, struct template_resource *r, struct model_api *api, const cJSON *scheme)
{
	static const struct rename names[] = {
		{ "type", "AuthorizerType" },
		{ "identitySource", "IdentitySource" },
		{ "authorizerUri", "AuthorizerUri" },
		{ "authorizerPayloadFormatVersion", "AuthorizerPayloadFormatVersion" },
		{ "enableSimpleResponses", "EnableSimpleResponses" },
		{ "authorizerResultTtlInSeconds", "AuthorizerResultTtlInSeconds" },
		{ "authorizerCredentials", "AuthorizerCredentialsArn" },
	};
	static const struct rename jwt_names[] = { { "issuer", "Issuer" },
		{ "audience", "Audience" } };
	const cJSON *given = json_object(scheme, "x-amazon-apigateway-authorizer");
	if (!given) {
		return 0;
	}
	cJSON *properties = renamed(b, given, names, COUNT_OF(names));
	upper_case(properties, "AuthorizerType");
	cJSON_AddStringToObject(properties, "Name", scheme->string);
	cJSON *jwt =
		renamed(b, json_get(given, "jwtConfiguration"), jwt_names, COUNT_OF(jwt_names));
	cJSON_AddItemToObject(properties, "JwtConfiguration", cJSON_Duplicate(jwt, true));
	char id[7];
	id_from_name(id, 6, ID_LOWER_DIGITS,
		span_of(arena_printf(b->arena, "%s/%s", api->id, scheme->string)));
	struct model_authorizer a;
	int rc = api_read_authorizer(b, r, api, arena_strdup(b->arena, id), properties, &a);
	if (rc == 0) {
		api->authorizers = build_grow(
			b, api->authorizers, api->n_authorizers, sizeof *api->authorizers);
		api->authorizers[api->n_authorizers++] = a;
	}
	return rc;
}

static int read_openapi_cors(
	struct builder *b, struct template_resource *r, struct model_api *api, const cJSON *body)
{
	static const struct rename names[] = {
		{ "allowOrigins", "AllowOrigins" },
		{ "allowMethods", "AllowMethods" },
		{ "allowHeaders", "AllowHeaders" },
		{ "exposeHeaders", "ExposeHeaders" },
		{ "allowCredentials", "AllowCredentials" },
		{ "maxAge", "MaxAge" },
	};
	const cJSON *cors = json_object(body, "x-amazon-apigateway-cors");
	return cors && !api->cors
		       ? build_cors(b, r, renamed(b, cors, names, COUNT_OF(names)), &api->cors)
		       : 0;
}

int api_read_openapi(
	struct builder *b, struct template_resource *r, struct model_api *api, const cJSON *body)
{
	int rc = read_openapi_cors(b, r, api, body);
	JSON_FOR (scheme, json_object(json_get(body, "components"), "securitySchemes")) {
		rc = rc ? rc : read_scheme(b, r, api, scheme);
	}
	JSON_FOR (path, json_object(body, "paths")) {
		JSON_FOR (operation, json_object(json_get(body, "paths"), path->string)) {
			if (rc == 0 && is_operation(operation->string)) {
				rc = read_operation(b, r, api, body, path->string, operation);
			}
		}
	}
	return rc;
}
