/* route pattern: lines of route keys, the last line a request path. Keys are refused or make a tree; what
 * matches lies within the path, and no key makes matching visit a node twice. */
#include <stddef.h>
#include <stdint.h>

#include "emulator/gateway/route.h"
#include "emulator/gateway/route_key.h"
#include "proxy/base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_ROUTES 32

static void check(const struct route_table *t, const struct model_api *api, struct span path)
{
	struct route_match m;
	struct span rest;
	route_stage(api, path, &rest);
	if (!route_match(t, SPAN("GET"), path, &m)) {
		return;
	}
	for (size_t i = 0; i < m.n_params; i++) {
		struct span v = m.params[i].value;
		ENSURE(*m.params[i].name);
		ENSURE(v.ptr >= path.ptr && v.ptr + v.len <= path.ptr + path.len);
	}
	ENSURE(m.steps <= 4096);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 4096) {
		return 0;
	}
	struct arena *a = arena_create();
	struct model_route *routes = arena_alloc(a, MAX_ROUTES * sizeof *routes);
	struct model_stage stage = { .name = "dev" };
	struct model_api api = {
		.logical_id = "Api", .routes = routes, .stages = &stage, .n_stages = 1
	};
	struct span rest = span_n((const char *)data, size);
	struct span path = SPAN("/");
	while (rest.ptr && api.n_routes < MAX_ROUTES) {
		struct span line = span_cut(&rest, '\n');
		if (!rest.ptr) {
			path = line.len ? line : path;
			break;
		}
		struct span method, pattern;
		const char *key = arena_strndup(a, line.ptr, line.len);
		if (!route_key_parse(span_of(key), &method, &pattern, NULL)) {
			routes[api.n_routes++].key = key;
		}
	}
	struct route_table *t = route_table_create(&api, NULL);
	if (t) {
		check(t, &api, path);
		route_table_destroy(t);
	}
	arena_destroy(a);
	return 0;
}
