/* Routes and integrations of HTTP APIs (reference api-gateway 1.1, 10). */
#include "emulator/model/model_api.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

static const char *const methods[] = { "ANY", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT",
	"DELETE" };

/* One segment: plain text, {name}, or {name+} at the very end. NULL if it is right. */
static const char *segment_fault(struct span segment, bool last)
{
	if (span_find(segment, '{') < 0 && span_find(segment, '}') < 0) {
		return NULL;
	}
	if (segment.len < 3 || segment.ptr[0] != '{' || segment.ptr[segment.len - 1] != '}') {
		return "a {variable} must be a whole path segment";
	}
	struct span name = span_n(segment.ptr + 1, segment.len - 2);
	if (span_ends(name, SPAN("+"))) {
		name.len--;
		if (!last) {
			return "a greedy {variable+} must be the last segment";
		}
	}
	bool plain = name.len && span_find(name, '{') < 0 && span_find(name, '}') < 0 &&
		     span_find(name, '+') < 0;
	return plain ? NULL : "a {variable} needs a plain name";
}

static const char *path_fault(struct span path)
{
	if (!span_starts(path, SPAN("/"))) {
		return "the path must start with '/'";
	}
	if (path.len > 1 && span_ends(path, SPAN("/"))) {
		return "the path must not end in '/'";
	}
	if (span_find(path, '?') >= 0 || span_find(path, '#') >= 0 || span_find(path, ' ') >= 0) {
		return "the path must not hold '?', '#' or blanks";
	}
	struct span rest = span_n(path.ptr + 1, path.len - 1);
	while (rest.ptr) {
		struct span segment = span_cut(&rest, '/');
		const char *fault = segment_fault(segment, rest.ptr == NULL);
		if (fault) {
			return fault;
		}
	}
	return NULL;
}

static const char *key_fault(struct builder *b, struct model_route *route)
{
	route->method = route->path = "";
	if (strcmp(route->key, "$default") == 0) {
		return NULL;
	}
	struct span path = span_of(route->key);
	struct span method = span_cut(&path, ' ');
	if (!path.ptr) {
		return "must be 'METHOD /path' or $default";
	}
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		if (span_is(method, methods[i])) {
			route->method = methods[i];
		}
	}
	route->path = arena_strndup(b->arena, path.ptr, path.len);
	return *route->method
		       ? path_fault(path)
		       : "the method must be ANY, GET, HEAD, OPTIONS, PATCH, POST, PUT or DELETE";
}

/* The execute-api ARNs under which API Gateway would ask to invoke a route's function: one per stage, and
 * for ANY one per method, any of which will do. */
static bool route_permitted(struct builder *b, const struct model_api *api,
	const struct model_route *route, const struct model_function *f)
{
	const struct model *m = b->m;
	bool any = strcmp(route->method, "ANY") == 0;
	for (size_t i = 0; i < api->n_stages; i++) {
		const char *base = arena_printf(b->arena, "arn:aws:execute-api:%s:%s:%s/%s/",
			m->region, m->account, api->id, api->stages[i].name);
		const char *sources[COUNT_OF(methods)];
		size_t n = 0;
		if (!*route->path) {
			sources[n++] = arena_printf(b->arena, "%s$default", base);
		}
		for (size_t j = 1; *route->path && j < COUNT_OF(methods); j++) {
			if (any || strcmp(methods[j], route->method) == 0) {
				sources[n++] = arena_printf(
					b->arena, "%s%s%s", base, methods[j], route->path);
			}
		}
		if (build_may_invoke(b, f, sources, n)) {
			return true;
		}
	}
	return api->n_stages == 0;
}

/* Each route has its own copy of its integration, since the permission may hold for one route and not for
 * another. */
static const struct model_integration *settle_integration(
	struct builder *b, const struct model_api *api, const struct model_route *route)
{
	struct model_integration *own = arena_alloc(b->arena, sizeof *own);
	*own = *route->integration;
	const struct model_function *f =
		own->type == MODEL_LAMBDA_PROXY ? build_find_function(b, own->function) : NULL;
	if (!f || own->may_invoke) {
		return own;
	}
	own->may_invoke = route_permitted(b, api, route, f);
	if (!own->may_invoke) {
		build_note(b,
			"route '%s' of API '%s' answers 500: no AWS::Lambda::Permission lets it "
			"invoke "
			"function '%s'",
			route->key, api->logical_id, f->logical_id);
	}
	return own;
}

int api_add_route(struct builder *b, struct template_resource *r, struct model_api *api,
	const struct model_route *given)
{
	struct model_route route = *given;
	const char *fault = key_fault(b, &route);
	if (fault) {
		return template_fault(r, b->err, "RouteKey", "'%s': %s", route.key, fault);
	}
	for (size_t i = 0; i < api->n_routes; i++) {
		if (strcmp(api->routes[i].key, route.key) == 0) {
			return template_fault(r, b->err, "RouteKey",
				"the API has a route '%s' already", route.key);
		}
	}
	if (route.integration) {
		route.integration = settle_integration(b, api, &route);
	} else {
		build_note(b, "route '%s' of API '%s' has no integration and answers 500",
			route.key, api->logical_id);
	}
	api->routes = build_grow(b, api->routes, api->n_routes, sizeof *api->routes);
	api->routes[api->n_routes++] = route;
	return 0;
}

/* Integrations. */

const char *api_function_in(struct builder *b, const char *uri)
{
	const char *inner = strstr(uri, ":lambda:path/");
	if (inner) {
		const char *from = strstr(inner, "/functions/");
		const char *to = from ? strstr(from, "/invocations") : NULL;
		return to ? arena_strndup(b->arena, from + 11, (size_t)(to - from - 11)) : NULL;
	}
	return strstr(uri, ":lambda:") && strstr(uri, ":function:") ? uri : NULL;
}

const char *api_function_name(struct builder *b, struct template_resource *r, const char *arn)
{
	const struct model_function *f = build_find_function(b, arn);
	if (f) {
		return f->name;
	}
	build_note(b, "'%s' invokes %s, which is not in the app", r->logical_id, arn);
	const char *at = strstr(arn, ":function:");
	return at ? at + 10 : arn;
}

static int add_mapping(struct builder *b, struct template_resource *r, const cJSON *in,
	const char *name, const char *key, struct model_mappings *out)
{
	struct model_mapping mapping = { .key = key };
	int rc = template_text(r, in, name, "", &mapping.value, b->err);
	if (rc == 0) {
		out->at = build_grow(b, out->at, out->n, sizeof *out->at);
		out->at[out->n++] = mapping;
	}
	return rc;
}

/* {"append:header.N": value, ...} */
static int read_mappings(
	struct builder *b, struct template_resource *r, const cJSON *in, struct model_mappings *out)
{
	JSON_FOR (item, in) {
		int rc = add_mapping(b, r, in, item->string, item->string, out);
		if (rc) {
			return rc;
		}
	}
	return 0;
}

/* CloudFormation has a list of Destination and Source where OpenAPI has an object. */
static int read_mapping_list(struct builder *b, struct template_resource *r, const cJSON *list,
	struct model_mappings *out)
{
	JSON_FOR (item, list) {
		const char *key;
		int rc = template_text(r, item, "Destination", "", &key, b->err);
		if (rc == 0) {
			rc = add_mapping(b, r, item, "Source", key, out);
		}
		if (rc) {
			return rc;
		}
	}
	return 0;
}

static int read_responses(struct builder *b, struct template_resource *r, const cJSON *properties,
	struct model_integration *out)
{
	JSON_FOR (item, json_object(properties, "ResponseParameters")) {
		struct model_response_mappings response = { 0 };
		uint64_t status = 0;
		if (!span_u64(span_of(item->string), 599, &status) || status < 200) {
			return template_fault(r, b->err, "ResponseParameters",
				"'%s' must be a status from 200 to 599", item->string);
		}
		response.status = (int)status;
		const cJSON *list = json_array(item, "ResponseParameters");
		int rc = list ? read_mapping_list(b, r, list, &response.mappings)
			      : read_mappings(b, r, item, &response.mappings);
		if (rc) {
			return rc;
		}
		out->responses =
			build_grow(b, out->responses, out->n_responses, sizeof *out->responses);
		out->responses[out->n_responses++] = response;
	}
	return 0;
}

int api_payload_version(struct builder *b, struct template_resource *r, const cJSON *properties,
	const char *property, bool *v2)
{
	const char *version;
	int rc = template_text(r, properties, property, "1.0", &version, b->err);
	/* YAML writes 2.0 as a number, which becomes "2". */
	*v2 = rc == 0 && (strcmp(version, "2.0") == 0 || strcmp(version, "2") == 0);
	if (rc == 0 && !*v2 && strcmp(version, "1.0") != 0 && strcmp(version, "1") != 0) {
		rc = template_fault(r, b->err, property, "'%s' must be 1.0 or 2.0", version);
	}
	return rc;
}

static int read_lambda_proxy(struct builder *b, struct template_resource *r,
	const cJSON *properties, const char *uri, struct model_integration *out)
{
	const char *arn = api_function_in(b, uri);
	if (!arn || json_get(properties, "IntegrationSubtype")) {
		out->type = MODEL_UNSUPPORTED;
		build_note(
			b, "integration '%s' is no function: its routes answer 500", r->logical_id);
		return 0;
	}
	out->function = api_function_name(b, r, arn);
	out->may_invoke = json_str(properties, "CredentialsArn") != NULL;
	return api_payload_version(b, r, properties, "PayloadFormatVersion", &out->payload_v2);
}

static int read_http_proxy(struct builder *b, struct template_resource *r, const cJSON *properties,
	const char *uri, struct model_integration *out)
{
	const char *connection;
	int rc = template_text(r, properties, "ConnectionType", "INTERNET", &connection, b->err);
	if (rc) {
		return rc;
	}
	if (strcmp(connection, "INTERNET") != 0) {
		out->type = MODEL_UNSUPPORTED;
		build_note(b,
			"integration '%s' goes through a VPC link, which is not emulated: its "
			"routes "
			"answer 500",
			r->logical_id);
		return 0;
	}
	if (!span_starts(span_of(uri), SPAN("http://")) &&
		!span_starts(span_of(uri), SPAN("https://"))) {
		return template_fault(
			r, b->err, "IntegrationUri", "'%s' must be an http or https URL", uri);
	}
	out->uri = uri;
	out->may_invoke = true;
	return template_text(r, properties, "IntegrationMethod", "ANY", &out->method, b->err);
}

int api_read_integration(struct builder *b, struct template_resource *r, const cJSON *properties,
	struct model_integration *out)
{
	const char *type, *uri;
	double timeout;
	*out = (struct model_integration){
		.id = build_ref(b, r), .function = "", .uri = "", .method = ""
	};
	int rc = template_text(r, properties, "IntegrationType", "", &type, b->err);
	if (rc == 0) {
		rc = template_text(r, properties, "IntegrationUri", "", &uri, b->err);
	}
	if (rc == 0) {
		rc = template_number(r, properties, "TimeoutInMillis", 30000, &timeout, b->err);
	}
	if (rc == 0 && (timeout < 50 || timeout > 30000)) {
		rc = template_fault(r, b->err, "TimeoutInMillis", "must be from 50 to 30000");
	}
	if (rc == 0) {
		out->timeout_ms = (unsigned)timeout;
		rc = read_mappings(
			b, r, json_object(properties, "RequestParameters"), &out->request_mappings);
	}
	if (rc == 0) {
		rc = read_responses(b, r, properties, out);
	}
	if (rc) {
		return rc;
	}
	out->type = strcmp(type, "HTTP_PROXY") == 0 ? MODEL_HTTP_PROXY : MODEL_LAMBDA_PROXY;
	if (strcmp(type, "AWS_PROXY") != 0 && strcmp(type, "HTTP_PROXY") != 0) {
		return template_fault(
			r, b->err, "IntegrationType", "'%s' must be AWS_PROXY or HTTP_PROXY", type);
	}
	return out->type == MODEL_LAMBDA_PROXY ? read_lambda_proxy(b, r, properties, uri, out)
					       : read_http_proxy(b, r, properties, uri, out);
}

/* The resources. */

static int api_of(struct builder *b, struct template_resource *r, struct model_api **out)
{
	const char *id;
	*out = NULL;
	int rc = template_text(r, r->properties, "ApiId", "", &id, b->err);
	if (rc == 0 && !*id) {
		rc = template_fault(r, b->err, "ApiId", "is missing");
	}
	if (rc) {
		return rc;
	}
	*out = api_find(b, id);
	if (*out) {
		return 0;
	}
	/* WebSocket APIs have their own note; an API of another app gets one here. */
	TEMPLATE_FOR(api, &b->set, "AWS::ApiGatewayV2::Api")
	{
		if (strcmp(build_ref(b, api), id) == 0) {
			return 0;
		}
	}
	build_note(b, "%s '%s' belongs to API '%s', which is not in the app", r->type,
		r->logical_id, id);
	return 0;
}

static int build_authorizer(struct builder *b, struct template_resource *r)
{
	struct model_api *api;
	struct model_authorizer a;
	int rc = api_of(b, r, &api);
	if (rc || !api) {
		return rc;
	}
	rc = api_read_authorizer(b, r, api, build_ref(b, r), r->properties, &a);
	if (rc == 0) {
		api->authorizers = build_grow(
			b, api->authorizers, api->n_authorizers, sizeof *api->authorizers);
		api->authorizers[api->n_authorizers++] = a;
	}
	return rc;
}

struct draft {
	const char *api_id;
	struct model_integration integration;
};

struct drafts {
	struct draft *at;
	size_t n;
};

static int build_integration(struct builder *b, struct template_resource *r, struct drafts *drafts)
{
	struct model_api *api;
	struct draft draft;
	int rc = api_of(b, r, &api);
	if (rc || !api) {
		return rc;
	}
	draft.api_id = api->id;
	rc = api_read_integration(b, r, r->properties, &draft.integration);
	if (rc == 0) {
		drafts->at = build_grow(b, drafts->at, drafts->n, sizeof *drafts->at);
		drafts->at[drafts->n++] = draft;
	}
	return rc;
}

static int route_target(struct builder *b, struct template_resource *r, const struct model_api *api,
	const struct drafts *drafts, struct model_route *route)
{
	const char *target;
	int rc = template_text(r, r->properties, "Target", "", &target, b->err);
	if (rc || !*target) {
		return rc;
	}
	const char *id = strncmp(target, "integrations/", 13) == 0 ? target + 13 : "";
	for (size_t i = 0; i < drafts->n; i++) {
		const struct draft *d = &drafts->at[i];
		if (strcmp(d->integration.id, id) == 0 && strcmp(d->api_id, api->id) == 0) {
			route->integration = &d->integration;
			return 0;
		}
	}
	return template_fault(r, b->err, "Target", "'%s' is no integration of the API", target);
}

static int route_authorization(struct builder *b, struct template_resource *r,
	const struct model_api *api, struct model_route *route)
{
	const char *type, *id;
	int rc = template_text(r, r->properties, "AuthorizationType", "NONE", &type, b->err);
	if (rc == 0) {
		rc = template_text(r, r->properties, "AuthorizerId", "", &id, b->err);
	}
	if (rc == 0) {
		rc = template_texts(
			r, r->properties, "AuthorizationScopes", &route->scopes, b->err);
	}
	/* A quota that the service does not raise (reference api-gateway 6). */
	if (rc == 0 && route->scopes.n > 10) {
		rc = template_fault(r, b->err, "AuthorizationScopes",
			"has %zu entries, at most 10 are allowed", route->scopes.n);
	}
	if (rc) {
		return rc;
	}
	if (strcmp(type, "NONE") == 0 || strcmp(type, "AWS_IAM") == 0) {
		route->authorization = *type == 'N' ? MODEL_AUTH_NONE : MODEL_AUTH_IAM;
		return 0;
	}
	if (strcmp(type, "JWT") != 0 && strcmp(type, "CUSTOM") != 0) {
		return template_fault(r, b->err, "AuthorizationType",
			"'%s' must be NONE, AWS_IAM, JWT or CUSTOM", type);
	}
	route->authorization = *type == 'J' ? MODEL_AUTH_JWT : MODEL_AUTH_CUSTOM;
	route->authorizer = api_authorizer(api, id, false);
	if (!route->authorizer) {
		return template_fault(
			r, b->err, "AuthorizerId", "'%s' is no authorizer of the API", id);
	}
	if (route->authorizer->type != route->authorization) {
		return template_fault(r, b->err, "AuthorizationType",
			"'%s' does not fit authorizer '%s'", type, route->authorizer->logical_id);
	}
	return 0;
}

static int build_route(struct builder *b, struct template_resource *r, const struct drafts *drafts)
{
	struct model_api *api;
	struct model_route route = { .id = build_ref(b, r) };
	int rc = api_of(b, r, &api);
	if (rc || !api) {
		return rc;
	}
	rc = template_text(r, r->properties, "RouteKey", "", &route.key, b->err);
	if (rc == 0) {
		rc = route_authorization(b, r, api, &route);
	}
	if (rc == 0) {
		rc = route_target(b, r, api, drafts, &route);
	}
	return rc ? rc : api_add_route(b, r, api, &route);
}

int api_read_routes(struct builder *b)
{
	struct drafts drafts = { NULL, 0 };
	int rc = 0;
	TEMPLATE_FOR(r, &b->set, "AWS::ApiGatewayV2::Authorizer")
	{
		rc = rc ? rc : build_authorizer(b, r);
	}
	TEMPLATE_FOR(r, &b->set, "AWS::ApiGatewayV2::Integration")
	{
		rc = rc ? rc : build_integration(b, r, &drafts);
	}
	TEMPLATE_FOR(r, &b->set, "AWS::ApiGatewayV2::Route")
	{
		rc = rc ? rc : build_route(b, r, &drafts);
	}
	return rc;
}
