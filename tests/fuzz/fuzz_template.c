/* template: any JSON becomes a model or an error, and a model can be looked through. */
#include <stddef.h>
#include <stdint.h>

#include "emulator/model/model.h"
#include "proxy/base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *resolve(void *ctx, const char *kind, const char *key)
{
	(void)ctx;
	(void)key;
	return kind;
}

static void look_through(const struct model *m)
{
	for (size_t i = 0; i < m->n_functions; i++) {
		ENSURE(model_function(m, m->functions[i].arn) == &m->functions[i]);
	}
	for (size_t i = 0; i < m->n_apis; i++) {
		for (size_t j = 0; j < m->apis[i].n_routes; j++) {
			const struct model_route *r = &m->apis[i].routes[j];
			ENSURE(r->key && r->method && r->path && r->id);
			ENSURE((r->authorizer != NULL) ==
				(r->authorization == MODEL_AUTH_JWT ||
					r->authorization == MODEL_AUTH_CUSTOM));
		}
	}
	for (size_t i = 0; i < m->n_notes; i++) {
		ENSURE(m->notes[i].text);
	}
}

/* The input is a list of stacks, or one template. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *tree = json_parse(span_n((const char *)data, size), &err);
	if (!tree) {
		return 0;
	}
	AUTO_JSON cJSON *alone = json_parse(SPAN("[{\"name\":\"S\"}]"), &err);
	ENSURE(alone);
	const cJSON *stacks = json_get(tree, "stacks");
	if (!stacks) {
		cJSON_AddItemReferenceToObject(alone->child, "template", tree);
	}
	const struct model_input in = { .app = "app",
		.stage = "dev",
		.region = "us-east-1",
		.account = "123456789012",
		.stacks = stacks ? stacks : alone,
		.resolve = resolve };
	struct model *m = model_build(&in, &err);
	ENSURE(m || err.msg[0]);
	if (m) {
		look_through(m);
	}
	model_destroy(m);
	return 0;
}
