/* Python, executables that the developer's own tools make, JavaScript as it is: nothing is built. The folder is the task
 * root, and every file in it an input. */
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "runtime/bundle/bundler.h"
#include "runtime/bundle/tree.h"

static bool takes(const struct build_order *order)
{
	(void)order;
	return true;
}

static void build(
	const struct build_means *means, const struct build_order *o, build_fn fn, void *ctx)
{
	(void)means;
	AUTO_FREE char *below = xasprintf("%s/%s", o->app, o->src_path);
	AUTO_FREE char *root = realpath(o->src_path[0] == '/' ? o->src_path : below, NULL);
	AUTO_FREE char *problem = NULL;
	struct tree files = { NULL, 0 };
	struct build_report r = {
		.ok = root != NULL, .changed = true, .root = root, .handler = o->entry
	};
	if (root) {
		files = tree_list(root, false, NULL);
	} else {
		problem = xasprintf("The code folder \"%s\" of the function %s does not exist",
			o->src_path, o->function);
		r.message = r.problem = problem;
	}
	memcpy(&r.inputs, &files.at, sizeof r.inputs);
	r.n_inputs = files.n;
	fn(ctx, &r);
	tree_fini(&files);
}

const struct bundler bundler_plain = { "plain", takes, build, false };

const struct bundler *bundler_for(const struct build_order *order)
{
	static const struct bundler *const special[] = { &bundler_native, &bundler_esbuild };
	for (size_t i = 0; i < COUNT_OF(special); i++) {
		if (special[i]->takes(order)) {
			return special[i];
		}
	}
	return &bundler_plain;
}
