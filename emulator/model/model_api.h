/* The parts of an HTTP API, however they were declared: as resources of their own or inside an OpenAPI
 * definition. `r` is the resource that errors name, `properties` an object with the members that the
 * CloudFormation resource of that part has. */
#pragma once

#include "emulator/model/builder.h"

int api_read_integration(struct builder *b, struct template_resource *r, const cJSON *properties,
	struct model_integration *out) MUST_CHECK;
int api_read_authorizer(struct builder *b, struct template_resource *r, const struct model_api *api,
	const char *id, const cJSON *properties, struct model_authorizer *out) MUST_CHECK;
/* Checks the key, settles who may invoke what, and adds the route. route->authorization and authorizer
 * are the caller's; integration may be NULL. */
int api_add_route(struct builder *b, struct template_resource *r, struct model_api *api,
	const struct model_route *route) MUST_CHECK;
/* NULL if the API has none of that id (by_name: of that name). */
const struct model_authorizer *api_authorizer(
	const struct model_api *api, const char *id, bool by_name);
/* The function in "arn:aws:apigateway:R:lambda:path/2015-03-31/functions/ARN/invocations", or the ARN
 * alone; NULL if the URI names none. */
const char *api_function_in(struct builder *b, const char *uri);
/* The physical name of a function by its ARN. One that is not in the app keeps the name in the ARN: the
 * cloud would try to invoke it, and answer 500 if it is not there. */
const char *api_function_name(struct builder *b, struct template_resource *r, const char *arn);
/* "1.0" (also when absent) or "2.0". */
int api_payload_version(struct builder *b, struct template_resource *r, const cJSON *properties,
	const char *property, bool *v2) MUST_CHECK;
/* Everything in an OpenAPI 3 definition (property Body). */
int api_read_openapi(struct builder *b, struct template_resource *r, struct model_api *api,
	const cJSON *body) MUST_CHECK;
/* Routes, integrations and authorizers that are resources. */
int api_read_routes(struct builder *b) MUST_CHECK;
/* The API of that id, NULL if the app has no such HTTP API. */
struct model_api *api_find(const struct builder *b, const char *id);
