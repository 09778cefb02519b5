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
const struct model_authorizer *api_authorizer(const struct model_api *api, const char *id, bool by_name);
/* Everything in an OpenAPI 3 definition (property Body). */
int api_read_openapi(struct builder *b, struct template_resource *r, struct model_api *api,
	const cJSON *body) MUST_CHECK;
/* Routes, integrations and authorizers that are resources. */
int api_read_routes(struct builder *b) MUST_CHECK;
/* The API of that id, NULL if the app has no such HTTP API. */
struct model_api *api_find(const struct builder *b, const char *id);
