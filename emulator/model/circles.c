/* The search for resources that need each other. */
#include "emulator/model/template.h"
#include "proxy/base/alloc.h"

/* Depth first; a resource met again while it is being walked closes a circle. The walk goes by an
 * explicit stack, as chains may be as long as the template. */
struct walk {
	struct template_resource *at;
	size_t next;
};

static int circle_fault(const struct walk *path, size_t depth,
	const struct template_resource *again, struct err *err)
{
	struct buf names = BUF_INIT(300);
	bool inside = false;
	for (size_t i = 0; i < depth; i++) {
		inside = inside || path[i].at == again;
		if (inside) {
			buf_addf(&names, "%s%s", names.len ? ", " : "", path[i].at->logical_id);
		}
	}
	int rc =
		err_set(err, ERR_INVALID, "stack '%s': circular dependency between resources: [%s]",
			again->stack->name, buf_cstr(&names));
	buf_fini(&names);
	return rc;
}

static int walk_from(struct template_resource *start, struct walk *path, struct err *err)
{
	size_t depth = 0;
	path[depth++] = (struct walk){ start, 0 };
	start->walk = TEMPLATE_RUNNING;
	while (depth) {
		struct walk *top = &path[depth - 1];
		if (top->next == top->at->n_needs) {
			top->at->walk = TEMPLATE_KNOWN;
			depth--;
			continue;
		}
		struct template_resource *need = top->at->needs[top->next++];
		if (need->walk == TEMPLATE_RUNNING) {
			return circle_fault(path, depth, need, err);
		}
		if (need->walk == TEMPLATE_UNKNOWN) {
			need->walk = TEMPLATE_RUNNING;
			path[depth++] = (struct walk){ need, 0 };
		}
	}
	return 0;
}

int template_refuse_circles(struct template_stack *stack, struct err *err)
{
	AUTO_FREE struct walk *path = xcalloc(stack->n_resources + 1, sizeof *path);
	int rc = 0;
	for (size_t i = 0; i < stack->n_resources && rc == 0; i++) {
		if (stack->resources[i].walk == TEMPLATE_UNKNOWN) {
			rc = walk_from(&stack->resources[i], path, err);
		}
	}
	return rc;
}
