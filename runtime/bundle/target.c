#include "runtime/bundle/target.h"

#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/arena.h"
#include "proxy/base/file.h"
#include "runtime/bundle/cache.h"

/* A build on its way; outlives a target that is destroyed meanwhile. */
struct building {
	struct target *target; /* NULL: nobody waits for it */
};

struct target {
	struct target_config config;
	const struct bundler *bundler;
	struct arena *arena; /* of the order's strings */
	struct inputs *inputs;
	char *cache; /* path */
	struct building *building;
	bool tried; /* the cache was looked at, or a build has ended */
	bool ok;
	bool unkept; /* the cache does not have it yet */
	char *root, *handler, *message, *problem;
};

static void set(char **slot, const char *value)
{
	char *copy = xstrdup(value ? value : "");
	free(*slot);
	*slot = copy;
}

struct build_order build_order_copy(struct arena *a, const struct build_order *o)
{
	struct build_order copy = *o;
	const char **const strings[] = { &copy.function, &copy.runtime, &copy.entry, &copy.src_path,
		&copy.app, &copy.outdir, &copy.options, &copy.logical_id, &copy.method,
		&copy.binary };
	for (size_t i = 0; i < COUNT_OF(strings); i++) {
		*strings[i] = arena_strdup(a, *strings[i] ? *strings[i] : "");
	}
	return copy;
}

struct target *target_create(const struct target_config *config)
{
	struct target *t = xalloc(sizeof *t);
	const struct build_order *o = &config->order;
	struct arena *a = arena_create();
	t->config = *config;
	t->arena = a;
	t->config.order = build_order_copy(a, o);
	t->bundler = bundler_for(o);
	t->inputs = inputs_create(config->watch);
	t->cache = xasprintf("%s/cache.json", o->outdir);
	return t;
}

void target_destroy(struct target *t)
{
	if (!t) {
		return;
	}
	if (t->building) {
		t->building->target = NULL;
	}
	inputs_destroy(t->inputs);
	arena_destroy(t->arena);
	free(t->cache);
	free(t->root);
	free(t->handler);
	free(t->message);
	free(t->problem);
	free(t);
}

static void add_question(const struct target *t, struct buf *out)
{
	const struct build_order *o = &t->config.order;
	buf_addf(out, "%s\n%s\n%s\n%s\n%s\n%s\n%d\n%s", t->bundler->name, o->function, o->runtime,
		o->entry, o->src_path, o->app, o->minify, o->options);
}

/* An earlier run's build, if it holds. */
static bool use_cache(struct target *t)
{
	struct buf question = BUF_INIT(1024 * 1024);
	add_question(t, &question);
	AUTO_JSON cJSON *kept =
		cache_load(t->cache, buf_span(&question), t->config.order.app, t->inputs);
	buf_fini(&question);
	const char *root = json_str(kept, "root"), *handler = json_str(kept, "handler");
	if (!root || !handler || access(root, R_OK) != 0) {
		return false;
	}
	set(&t->root, root);
	set(&t->handler, handler);
	t->ok = true;
	return true;
}

static void write_cache(const struct target *t)
{
	struct buf question = BUF_INIT(1024 * 1024), result = BUF_INIT(64 * 1024);
	struct err err = ERR_INIT;
	add_question(t, &question);
	buf_add_char(&result, '{');
	json_add_member(&result, "root", span_of(t->root));
	json_add_member(&result, "handler", span_of(t->handler));
	buf_add_char(&result, '}');
	if (dir_make_private(t->config.order.outdir, &err) == 0) {
		cache_store(t->cache, buf_span(&question), t->config.order.app, buf_span(&result),
			t->inputs);
	}
	buf_fini(&question);
	buf_fini(&result);
}

void target_keep(struct target *t)
{
	/* A build whose inputs went on changing is of no use to a later run. */
	if (t->unkept && !t->building && inputs_check(t->inputs) == INPUTS_SAME) {
		t->unkept = false;
		write_cache(t);
	}
}

static void on_report(void *ctx, const struct build_report *r)
{
	struct building *b = ctx;
	struct target *t = b->target;
	free(b);
	if (!t) {
		return;
	}
	bool was_ok = t->ok;
	t->building = NULL;
	t->tried = true;
	t->ok = r->ok;
	inputs_end(t->inputs, r->inputs, r->n_inputs, r->missing, r->n_missing);
	bool changed = r->changed;
	if (r->ok) {
		changed |= !was_ok || !t->root || strcmp(t->root, r->root) != 0;
		set(&t->root, r->root);
		set(&t->handler, r->handler);
	} else {
		set(&t->message, r->message);
		set(&t->problem, r->problem);
	}
	t->unkept = r->ok && t->bundler->cached;
	t->config.on_built(t->config.ctx, changed, r->ms);
}

static void begin(struct target *t)
{
	t->building = xalloc(sizeof *t->building);
	t->building->target = t;
	inputs_begin(t->inputs);
	t->config.on_begin(t->config.ctx);
	/* What lies in its folder now decides who builds it. */
	t->bundler = bundler_for(&t->config.order);
	t->bundler->build(&t->config.means, &t->config.order, on_report, t->building);
}

static enum target_state settled(const struct target *t)
{
	return t->ok ? TARGET_READY : TARGET_BROKEN;
}

static enum target_state rebuild(struct target *t)
{
	begin(t);
	return t->building ? TARGET_BUILDING : settled(t);
}

enum target_state target_check(struct target *t)
{
	if (t->building) {
		return TARGET_BUILDING;
	}
	if (!t->tried) {
		t->tried = true;
		if (!t->bundler->cached || !use_cache(t)) {
			return rebuild(t);
		}
		t->config.on_built(t->config.ctx, true, 0);
		return TARGET_READY;
	}
	if (t->config.frozen && t->ok) {
		return TARGET_READY;
	}
	switch (inputs_check(t->inputs)) {
	case INPUTS_SAME:
		return settled(t);
	case INPUTS_UNSETTLED:
		return TARGET_UNSETTLED;
	case INPUTS_CHANGED:
		break;
	}
	return rebuild(t);
}

bool target_is_good(const struct target *t)
{
	return t->ok;
}

const char *target_root(const struct target *t)
{
	return t->root;
}

const char *target_handler(const struct target *t)
{
	return t->handler;
}

const char *target_message(const struct target *t)
{
	return t->message;
}

const char *target_problem(const struct target *t)
{
	return t->problem;
}
