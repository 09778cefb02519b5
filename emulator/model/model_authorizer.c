/* Authorizers of HTTP APIs (reference api-gateway 6, 8). */
#include "emulator/model/model_api.h"
#include "proxy/base/alloc.h"

const struct model_authorizer *api_authorizer(
	const struct model_api *api, const char *id, bool by_name)
{
	for (size_t i = 0; i < api->n_authorizers; i++) {
		const struct model_authorizer *a = &api->authorizers[i];
		if (strcmp(by_name ? a->name : a->id, id) == 0) {
			return a;
		}
	}
	return NULL;
}

static int check_sources(
	struct builder *b, struct template_resource *r, const struct model_authorizer *a)
{
	static const char *const prefixes[] = { "$request.header.", "$request.querystring.",
		"$context.", "$stageVariables." };
	size_t allowed = a->type == MODEL_AUTH_JWT ? 2 : COUNT_OF(prefixes);
	for (size_t i = 0; i < a->identity_sources.n; i++) {
		const char *source = a->identity_sources.at[i];
		bool fits = false;
		for (size_t j = 0; j < allowed; j++) {
			size_t n = strlen(prefixes[j]);
			fits = fits || (strncmp(source, prefixes[j], n) == 0 && source[n]);
		}
		if (!fits) {
			return template_fault(r, b->err, "IdentitySource",
				"'%s' must be like $request.header.NAME or "
				"$request.querystring.NAME",
				source);
		}
	}
	return 0;
}

static int read_jwt(struct builder *b, struct template_resource *r, const cJSON *properties,
	struct model_authorizer *a)
{
	const cJSON *jwt = json_get(properties, "JwtConfiguration");
	a->type = MODEL_AUTH_JWT;
	int rc = template_text(r, jwt, "Issuer", "", &a->issuer, b->err);
	if (rc == 0) {
		rc = template_texts(r, jwt, "Audience", &a->audience, b->err);
	}
	if (rc == 0 && !span_starts(span_of(a->issuer), SPAN("https://")) &&
		!span_starts(span_of(a->issuer), SPAN("http://"))) {
		rc = template_fault(
			r, b->err, "JwtConfiguration.Issuer", "'%s' must be a URL", a->issuer);
	}
	/* Quotas that the service does not raise (reference api-gateway 6). */
	if (rc == 0 && a->audience.n > 50) {
		rc = template_fault(r, b->err, "JwtConfiguration.Audience",
			"has %zu entries, at most 50 are allowed", a->audience.n);
	}
	if (rc == 0 && a->identity_sources.n != 1) {
		rc = template_fault(
			r, b->err, "IdentitySource", "a JWT authorizer needs exactly one");
	}
	return rc;
}

static bool authorizer_permitted(struct builder *b, struct template_resource *r,
	const struct model_api *api, const struct model_authorizer *a)
{
	const struct model_function *f = build_find_function(b, a->function);
	const char *source = arena_printf(b->arena, "arn:aws:execute-api:%s:%s:%s/authorizers/%s",
		b->m->region, b->m->account, api->id, a->id);
	if (!f || build_may_invoke(b, f, &source, 1)) {
		return true;
	}
	build_note(b,
		"authorizer '%s' of API '%s' answers 500: no AWS::Lambda::Permission lets it "
		"invoke "
		"function '%s'",
		r->logical_id, api->logical_id, f->logical_id);
	return false;
}

static int read_custom(struct builder *b, struct template_resource *r, const struct model_api *api,
	const cJSON *properties, struct model_authorizer *a)
{
	const char *uri;
	double ttl;
	a->type = MODEL_AUTH_CUSTOM;
	int rc = template_text(r, properties, "AuthorizerUri", "", &uri, b->err);
	const char *arn = rc == 0 ? api_function_in(b, uri) : NULL;
	if (rc == 0 && !arn) {
		rc = template_fault(r, b->err, "AuthorizerUri", "'%s' names no function", uri);
	}
	if (rc == 0) {
		rc = api_payload_version(
			b, r, properties, "AuthorizerPayloadFormatVersion", &a->payload_v2);
	}
	if (rc == 0) {
		rc = template_bool(r, properties, "EnableSimpleResponses", false,
			&a->simple_responses, b->err);
	}
	if (rc == 0 && a->simple_responses && !a->payload_v2) {
		rc = template_fault(r, b->err, "EnableSimpleResponses",
			"needs AuthorizerPayloadFormatVersion 2.0");
	}
	/* The service's default is not known; emulators and the CDK have 300 (reference api-gateway 8). */
	if (rc == 0) {
		rc = template_number(
			r, properties, "AuthorizerResultTtlInSeconds", 300, &ttl, b->err);
	}
	if (rc == 0 && (ttl < 0 || ttl > 3600)) {
		rc = template_fault(
			r, b->err, "AuthorizerResultTtlInSeconds", "must be from 0 to 3600");
	}
	if (rc == 0) {
		a->ttl_s = (unsigned)ttl;
		a->function = api_function_name(b, r, arn);
		a->may_invoke = json_str(properties, "AuthorizerCredentialsArn") ||
				authorizer_permitted(b, r, api, a);
	}
	return rc;
}

int api_read_authorizer(struct builder *b, struct template_resource *r, const struct model_api *api,
	const char *id, const cJSON *properties, struct model_authorizer *out)
{
	const char *type;
	struct model_authorizer a = {
		.logical_id = r->logical_id, .id = id, .issuer = "", .function = ""
	};
	int rc = template_text(r, properties, "AuthorizerType", "", &type, b->err);
	if (rc == 0) {
		rc = template_text(r, properties, "Name", r->logical_id, &a.name, b->err);
	}
	if (rc == 0) {
		rc = template_texts(r, properties, "IdentitySource", &a.identity_sources, b->err);
	}
	if (rc == 0 && strcmp(type, "JWT") == 0) {
		rc = read_jwt(b, r, properties, &a);
	} else if (rc == 0 && strcmp(type, "REQUEST") == 0) {
		rc = read_custom(b, r, api, properties, &a);
	} else if (rc == 0) {
		rc = template_fault(
			r, b->err, "AuthorizerType", "'%s' must be JWT or REQUEST", type);
	}
	if (rc == 0) {
		rc = check_sources(b, r, &a);
	}
	*out = a;
	return rc;
}
