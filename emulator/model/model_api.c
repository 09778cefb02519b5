/* HTTP APIs themselves: CORS, stages, quick create. Their routes are model_route.c's. */
#include "emulator/model/model_api.h"

#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

struct model_api *api_find(const struct builder *b, const char *id)
{
	for (size_t i = 0; i < b->m->n_apis; i++) {
		if (strcmp(b->m->apis[i].id, id) == 0) {
			return &b->m->apis[i];
		}
	}
	return NULL;
}

static bool holds(const struct model_strings *list, const char *value)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->at[i], value) == 0) {
			return true;
		}
	}
	return false;
}

int build_cors(struct builder *b, const struct template_resource *r, const cJSON *config,
	struct model_cors **out)
{
	if (!cJSON_IsObject(config)) {
		return 0;
	}
	struct model_cors *cors = arena_alloc(b->arena, sizeof *cors);
	double max_age;
	int rc = template_texts(r, config, "AllowOrigins", &cors->allow_origins, b->err);
	if (rc == 0) {
		rc = template_texts(r, config, "AllowMethods", &cors->allow_methods, b->err);
	}
	if (rc == 0) {
		rc = template_texts(r, config, "AllowHeaders", &cors->allow_headers, b->err);
	}
	if (rc == 0) {
		rc = template_texts(r, config, "ExposeHeaders", &cors->expose_headers, b->err);
	}
	if (rc == 0) {
		rc = template_bool(
			r, config, "AllowCredentials", false, &cors->allow_credentials, b->err);
	}
	if (rc == 0) {
		rc = template_number(r, config, "MaxAge", -1, &max_age, b->err);
	}
	if (rc) {
		return rc;
	}
	if (max_age < -1 || max_age > 86400) {
		return template_fault(r, b->err, "MaxAge", "must be from -1 to 86400 seconds");
	}
	cors->max_age = (int)max_age;
	if (cors->allow_credentials && holds(&cors->allow_origins, "*")) {
		/* The service's own words (reference api-gateway 9). */
		return template_fault(r, b->err, "AllowCredentials",
			"allow-credentials is not supported if 'allow-origin' is *");
	}
	*out = cors;
	return 0;
}

static bool is_given(const cJSON *in, const char *name)
{
	const cJSON *item = json_get(in, name);
	return item && !cJSON_IsNull(item);
}

static int read_throttle(struct builder *b, const struct template_resource *r,
	const cJSON *settings, struct model_throttle *out)
{
	int rc = template_number(r, settings, "ThrottlingRateLimit", 0, &out->rate, b->err);
	if (rc == 0) {
		rc = template_number(r, settings, "ThrottlingBurstLimit", 0, &out->burst, b->err);
	}
	out->has_rate = is_given(settings, "ThrottlingRateLimit");
	out->has_burst = is_given(settings, "ThrottlingBurstLimit");
	if (rc == 0 && (out->rate < 0 || out->burst < 0)) {
		rc = template_fault(r, b->err, "Throttling", "limits cannot be negative");
	}
	return rc;
}

static bool stage_name_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
	return strcmp(name, "$default") == 0 || (n > 0 && n <= 128 && !name[n]);
}

/* Reference api-gateway 10: "[A-Za-z0-9-._~:/?#&=,]+", at most 512 characters. */
static bool variable_valid(const char *value)
{
	size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "-._~:/?#&=,");
	return n > 0 && n <= 512 && !value[n];
}

static int read_variables(struct builder *b, struct template_resource *r, struct model_stage *stage)
{
	const cJSON *variables = json_object(r->properties, "StageVariables");
	JSON_FOR (item, variables) {
		struct model_pair pair = { .name = item->string };
		int rc = template_text(r, variables, item->string, "", &pair.value, b->err);
		if (rc) {
			return rc;
		}
		if (strlen(pair.name) > 64 || !variable_valid(pair.value)) {
			return template_fault(r, b->err, "StageVariables",
				"'%.80s' must have at most 64 characters, its value 1 to 512 of "
				"A-Z a-z 0-9 - . _ ~ : / ? # & = ,",
				pair.name);
		}
		if (stage->n_variables == 100) {
			return template_fault(
				r, b->err, "StageVariables", "a stage has at most 100");
		}
		stage->variables = build_grow(
			b, stage->variables, stage->n_variables, sizeof *stage->variables);
		stage->variables[stage->n_variables++] = pair;
	}
	return 0;
}

static int read_route_settings(
	struct builder *b, struct template_resource *r, struct model_stage *stage)
{
	JSON_FOR (item, json_object(r->properties, "RouteSettings")) {
		struct model_route_settings settings = { .route_key = item->string };
		int rc = read_throttle(b, r, item, &settings.throttle);
		if (rc) {
			return rc;
		}
		stage->route_settings = build_grow(b, stage->route_settings,
			stage->n_route_settings, sizeof *stage->route_settings);
		stage->route_settings[stage->n_route_settings++] = settings;
	}
	return 0;
}

/* Reference api-gateway 10: at most 3 KB, and a request's id in it. */
static int check_log_format(
	struct builder *b, struct template_resource *r, const struct model_stage *stage)
{
	const char *format = stage->access_log_format;
	if (strlen(format) > 3072) {
		return template_fault(r, b->err, "AccessLogSettings.Format",
			"has %zu bytes, at most 3072 are allowed", strlen(format));
	}
	if (*format && !strstr(format, "$context.requestId") &&
		!strstr(format, "$context.extendedRequestId")) {
		return template_fault(r, b->err, "AccessLogSettings.Format",
			"must hold $context.requestId or $context.extendedRequestId");
	}
	return 0;
}

static int add_stage(struct builder *b, struct template_resource *r, struct model_api *api,
	const struct model_stage *stage)
{
	if (!stage_name_valid(stage->name)) {
		return template_fault(r, b->err, "StageName",
			"'%s' must be $default or at most 128 letters, digits, '-' or '_'",
			stage->name);
	}
	for (size_t i = 0; i < api->n_stages; i++) {
		if (strcmp(api->stages[i].name, stage->name) == 0) {
			return template_fault(r, b->err, "StageName",
				"the API has a stage '%s' already", stage->name);
		}
	}
	api->stages = build_grow(b, api->stages, api->n_stages, sizeof *api->stages);
	api->stages[api->n_stages++] = *stage;
	return 0;
}

static int build_stage(struct builder *b, struct template_resource *r)
{
	const char *api_id;
	struct model_stage stage = { .access_log_format = "" };
	int rc = template_text(r, r->properties, "ApiId", "", &api_id, b->err);
	struct model_api *api = rc == 0 ? api_find(b, api_id) : NULL;
	if (!api) {
		/* Of a WebSocket API or of another app. */
		return rc;
	}
	rc = template_text(r, r->properties, "StageName", "", &stage.name, b->err);
	if (rc == 0) {
		rc = template_text(r, json_get(r->properties, "AccessLogSettings"), "Format", "",
			&stage.access_log_format, b->err);
	}
	if (rc == 0) {
		rc = check_log_format(b, r, &stage);
	}
	if (rc == 0) {
		rc = read_throttle(b, r, json_get(r->properties, "DefaultRouteSettings"),
			&stage.default_throttle);
	}
	if (rc == 0) {
		rc = read_variables(b, r, &stage);
	}
	if (rc == 0) {
		rc = read_route_settings(b, r, &stage);
	}
	return rc ? rc : add_stage(b, r, api, &stage);
}

/* Target on the API itself makes a route, an integration and a $default stage at once. */
static int quick_create(struct builder *b, struct template_resource *r, struct model_api *api)
{
	const char *target;
	struct model_route route = { .authorization = MODEL_AUTH_NONE, .id = "" };
	int rc = template_text(r, r->properties, "Target", NULL, &target, b->err);
	if (rc || !target) {
		return rc;
	}
	bool url = span_starts(span_of(target), SPAN("http"));
	cJSON *p = template_keep(b->arena, cJSON_CreateObject());
	cJSON_AddStringToObject(p, "IntegrationType", url ? "HTTP_PROXY" : "AWS_PROXY");
	cJSON_AddStringToObject(p, "IntegrationUri", target);
	cJSON_AddStringToObject(p, "PayloadFormatVersion", url ? "1.0" : "2.0");
	if (url) {
		cJSON_AddStringToObject(p, "IntegrationMethod", "ANY");
	}
	struct model_integration *integration = arena_alloc(b->arena, sizeof *integration);
	rc = template_text(r, r->properties, "RouteKey", "$default", &route.key, b->err);
	if (rc == 0) {
		rc = api_read_integration(b, r, p, integration);
	}
	if (rc == 0) {
		const char *credentials = json_str(r->properties, "CredentialsArn");
		integration->may_invoke = credentials != NULL;
		route.integration = integration;
		const struct model_stage stage = { .name = "$default", .access_log_format = "" };
		rc = add_stage(b, r, api, &stage);
	}
	return rc ? rc : api_add_route(b, r, api, &route);
}

static bool has_domain(struct builder *b, const struct model_api *api)
{
	TEMPLATE_FOR(r, &b->set, "AWS::ApiGatewayV2::ApiMapping")
	{
		const char *id;
		struct err err = ERR_INIT;
		if (template_text(r, r->properties, "ApiId", "", &id, &err) == 0 &&
			strcmp(id, api->id) == 0) {
			return true;
		}
	}
	return false;
}

/* An API without its default endpoint is reached by its custom domain, in whose place our listener stands:
 * there is no other. */
static int read_disabled(struct builder *b, struct template_resource *r, struct model_api *api)
{
	bool off;
	int rc = template_bool(r, r->properties, "DisableExecuteApiEndpoint", false, &off, b->err);
	api->disabled = rc == 0 && off && !has_domain(b, api);
	if (api->disabled) {
		build_note(b,
			"API '%s' answers 404 to all: its endpoint is disabled "
			"(DisableExecuteApiEndpoint), and no custom domain maps to it",
			r->logical_id);
	}
	return rc;
}

static int build_api(struct builder *b, struct template_resource *r)
{
	const char *protocol;
	int rc = template_text(r, r->properties, "ProtocolType", "HTTP", &protocol, b->err);
	if (rc) {
		return rc;
	}
	if (strcmp(protocol, "HTTP") != 0) {
		if (strcmp(protocol, "WEBSOCKET") != 0) {
			return template_fault(r, b->err, "ProtocolType",
				"'%s' must be HTTP or WEBSOCKET", protocol);
		}
		build_note(b, "WebSocket API '%s' is not emulated", r->logical_id);
		return 0;
	}
	struct model_api api = { .stack = r->stack->name,
		.logical_id = r->logical_id,
		.key = arena_strdup(b->arena, r->key),
		.id = build_ref(b, r) };
	api.endpoint = api.id ? build_attribute(b, r, "ApiEndpoint") : NULL;
	const char *title = json_str(json_get(json_get(r->properties, "Body"), "info"), "title");
	rc = api.endpoint ? template_text(r, r->properties, "Name", title ? title : r->logical_id,
				    &api.name, b->err)
			  : -ERR_INVALID;
	if (rc == 0) {
		rc = build_cors(b, r, json_get(r->properties, "CorsConfiguration"), &api.cors);
	}
	if (rc == 0) {
		rc = read_disabled(b, r, &api);
	}
	if (rc == 0) {
		struct model *m = b->m;
		m->apis = build_grow(b, m->apis, m->n_apis, sizeof *m->apis);
		m->apis[m->n_apis++] = api;
	}
	return rc;
}

/* What needs the finished list of APIs and their stages. */
static int build_contents(struct builder *b, struct template_resource *r)
{
	struct model_api *api = api_find(b, build_ref(b, r));
	const cJSON *body = json_get(r->properties, "Body");
	if (!api) {
		return 0;
	}
	int rc = body ? api_read_openapi(b, r, api, body) : 0;
	return rc ? rc : quick_create(b, r, api);
}

/* The service raises these quotas on request, so they are no errors (reference api-gateway 10). */
static void note_contents(struct builder *b, const struct model_api *api)
{
	const struct {
		const char *what;
		size_t n, quota;
	} counts[] = { { "routes", api->n_routes, 300 }, { "stages", api->n_stages, 10 },
		{ "authorizers", api->n_authorizers, 10 } };
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		if (counts[i].n > counts[i].quota) {
			build_note(b,
				"API '%s' has %zu %s: the service's quota is %zu unless raised",
				api->logical_id, counts[i].n, counts[i].what, counts[i].quota);
		}
	}
	if (!api->n_stages) {
		build_note(b, "API '%s' has no stage: every request gets 404", api->logical_id);
	}
}

int build_apis(struct builder *b)
{
	static const struct {
		const char *type;
		int (*build)(struct builder *b, struct template_resource *r);
	} steps[] = {
		{ "AWS::ApiGatewayV2::Api", build_api },
		{ "AWS::ApiGatewayV2::Stage", build_stage },
		{ "AWS::ApiGatewayV2::Api", build_contents },
	};
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		TEMPLATE_FOR(r, &b->set, steps[i].type)
		{
			int rc = steps[i].build(b, r);
			if (rc) {
				return rc;
			}
		}
	}
	int rc = api_read_routes(b);
	for (size_t i = 0; i < b->m->n_apis && rc == 0; i++) {
		note_contents(b, &b->m->apis[i]);
	}
	return rc;
}
