#include "emulator/gateway/snapshot.h"

#include <stdlib.h>

#include "emulator/gateway/cors.h"
#include "emulator/gateway/http_proxy.h"
#include "emulator/gateway/mapping.h"
#include "proxy/base/alloc.h"

struct snapshot {
	unsigned holds;
	const struct model *model;
	void (*released)(void *ctx, const struct model *model);
	void *ctx;
	struct snapshot_api *apis;
	size_t n_apis;
};

static void destroy(struct snapshot *s)
{
	for (size_t i = 0; i < s->n_apis; i++) {
		route_table_destroy(s->apis[i].routes);
		free(s->apis[i].throttles);
	}
	free(s->apis);
	free(s);
}

static int check_mappings(const struct model_mappings *all,
	int (*check)(const struct model_mapping *m, struct err *err), struct err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < all->n; i++) {
		rc = check(&all->at[i], err);
	}
	return rc;
}

static int check_integration(const struct model_integration *in, struct err *err)
{
	int rc = check_mappings(&in->request_mappings, mapping_check_request, err);
	for (size_t i = 0; rc == 0 && i < in->n_responses; i++) {
		rc = check_mappings(&in->responses[i].mappings, mapping_check_response, err);
	}
	return rc;
}

static int check_integrations(const struct model_api *api, struct err *err)
{
	for (size_t i = 0; i < api->n_routes; i++) {
		const struct model_integration *in = api->routes[i].integration;
		if (in && check_integration(in, err)) {
			return err_wrap(
				err, "API '%s': route '%s'", api->logical_id, api->routes[i].key);
		}
	}
	return 0;
}

static int add_api(struct snapshot *s, const struct model_api *api, struct err *err)
{
	struct snapshot_api *view = &s->apis[s->n_apis++];
	*view = (struct snapshot_api){ .model = s->model, .api = api, .owner = s };
	if (api->cors && cors_check(api->cors, err)) {
		return err_wrap(err, "API '%s'", api->logical_id);
	}
	if (check_integrations(api, err)) {
		return -(int)ERR_INVALID;
	}
	for (size_t i = 0; i < api->n_routes; i++) {
		view->streams |= http_proxy_streams(&api->routes[i]);
	}
	view->routes = route_table_create(api, err);
	if (!view->routes) {
		return -(int)ERR_INVALID;
	}
	view->throttles = xcalloc(api->n_stages * api->n_routes + 1, sizeof *view->throttles);
	for (size_t i = 0; i < api->n_stages; i++) {
		for (size_t k = 0; k < api->n_routes; k++) {
			throttle_init(&view->throttles[i * api->n_routes + k], &api->stages[i],
				api->routes[k].key);
		}
	}
	return 0;
}

struct snapshot *snapshot_create(const struct model *model,
	void (*released)(void *ctx, const struct model *model), void *ctx, struct err *err)
{
	struct snapshot *s = xalloc(sizeof *s);
	*s = (struct snapshot){ .holds = 1, .model = model, .released = released, .ctx = ctx };
	s->apis = xcalloc(model->n_apis + 1, sizeof *s->apis);
	for (size_t i = 0; i < model->n_apis; i++) {
		if (add_api(s, &model->apis[i], err)) {
			destroy(s);
			return NULL;
		}
	}
	return s;
}

static const struct snapshot_api *api_of(const struct snapshot *s, const char *id)
{
	for (size_t i = 0; i < s->n_apis; i++) {
		if (strcmp(s->apis[i].api->id, id) == 0) {
			return &s->apis[i];
		}
	}
	return NULL;
}

/* Most swaps leave the order as it was. NULL if the route is new. */
static const struct throttle *throttle_of(
	const struct snapshot_api *old, const char *stage, const char *route_key, size_t guess)
{
	const struct model_api *api = old->api;
	for (size_t i = 0; i < api->n_stages; i++) {
		if (strcmp(api->stages[i].name, stage) != 0) {
			continue;
		}
		for (size_t k = 0; k < api->n_routes; k++) {
			size_t at = (guess + k) % api->n_routes;
			if (strcmp(api->routes[at].key, route_key) == 0) {
				return &old->throttles[i * api->n_routes + at];
			}
		}
	}
	return NULL;
}

void snapshot_carry_on(struct snapshot *s, const struct snapshot *old)
{
	for (size_t a = 0; a < s->n_apis; a++) {
		const struct model_api *api = s->apis[a].api;
		const struct snapshot_api *before = api_of(old, api->id);
		for (size_t i = 0; before && i < api->n_stages * api->n_routes; i++) {
			struct throttle *t = &s->apis[a].throttles[i];
			size_t route = i % api->n_routes;
			const struct throttle *was =
				t->limited
					? throttle_of(before, api->stages[i / api->n_routes].name,
						  api->routes[route].key, route)
					: NULL;
			if (was) {
				throttle_carry_on(t, was);
			}
		}
	}
}

void snapshot_hold(struct snapshot *s)
{
	s->holds++;
}

void snapshot_drop(struct snapshot *s)
{
	ENSURE(s->holds > 0);
	if (--s->holds) {
		return;
	}
	void (*released)(void *ctx, const struct model *model) = s->released;
	void *ctx = s->ctx;
	const struct model *model = s->model;
	destroy(s);
	if (released) {
		released(ctx, model);
	}
}

struct snapshot_api *snapshot_find(struct snapshot *s, const char *api_key)
{
	for (size_t i = 0; i < s->n_apis; i++) {
		if (strcmp(s->apis[i].api->key, api_key) == 0) {
			return &s->apis[i];
		}
	}
	return NULL;
}

struct throttle *snapshot_throttle(
	struct snapshot_api *api, const struct model_stage *stage, const struct model_route *route)
{
	size_t at = (size_t)(stage - api->api->stages) * api->api->n_routes;
	return &api->throttles[at + (size_t)(route - api->api->routes)];
}
