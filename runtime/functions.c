/* An invocation's way: INVOKE -> drain file events -> is the code that of the files?
 *   yes       -> fleet
 *   no        -> a build begins; it waits ("asked"), and runs on what the build makes of the files
 *   building  -> it came after that build began, so the build may have read older files: it waits for
 *                the end, and the files are looked at again ("late")
 *   saving    -> it waits until the writer has closed the file, two seconds at most */
#include "runtime/functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "proxy/base/console.h"
#include "proxy/base/log.h"
#include "proxy/net/timer.h"
#include "runtime/bundle/target.h"
#include "runtime/function_spec.h"

#define SAVING_MS 5
#define KEEP_MS 200 /* after the last build: answers and further saves go first */
#define STREAM_WINDOW (1024 * 1024) /* bytes on their way to the emulator, per stream */

struct function {
	struct functions *owner;
	char *name; /* the key */
	char *key; /* of its settings */
	bool present; /* in the latest OUTPUTS */
	bool used; /* was invoked: kept fresh ahead of requests */
	struct arena *arena; /* of spec */
	struct function_spec spec;
	struct target *target;
	struct fleet_function *fleet; /* NULL until there is code to run */
	struct list asked; /* struct invocation; will run on the build in progress */
	struct list late; /* struct invocation; came during a build or a save */
	UT_hash_handle hh;
};

/* A streamed result in progress. */
struct stream {
	struct list link;
	struct function *function;
	uint64_t id;
	size_t owed; /* sent and not yet taken */
	bool paused;
};

struct functions {
	struct functions_config config;
	struct fleet *fleet;
	struct toolchain *toolchain;
	struct function *all; /* by name */
	struct list streams;
	struct timer *timer; /* while a file is being saved */
	struct timer *keeper; /* writes what was built to the cache */
	char *region, *endpoint;
	bool closing;
	void (*done)(void *ctx);
	void *ctx;
};

/* ---- answers that need no process ---- */

static void fail(struct functions *fs, struct invocation *inv, const char *type,
	const char *message, const char *detail)
{
	struct buf body = BUF_INIT(512 * 1024);
	buf_add_char(&body, '{');
	json_add_member(&body, "errorType", span_of(type));
	json_add_member(&body, "errorMessage", span_of(message));
	buf_add_char(&body, '}');
	struct outcome o = { .error_type = type, .payload = buf_span(&body), .detail = detail };
	fs->config.on_outcome(fs->config.ctx, inv->id, &o);
	buf_fini(&body);
	invocation_destroy(inv);
}

static void fail_build(struct function *f, struct invocation *inv)
{
	AUTO_FREE char *message = xasprintf(
		"The function %s failed to build: %s", f->spec.shown, target_message(f->target));
	fail(f->owner, inv, "build_failure", message, target_problem(f->target));
}

static struct invocation *take_first(struct list *l)
{
	struct list *node = list_first(l);
	list_remove(node);
	return container_of(node, struct invocation, link);
}

static void fail_waiting(struct function *f, const char *message)
{
	while (!list_empty(&f->asked)) {
		fail(f->owner, take_first(&f->asked), "Sandbox.Closed", message, "");
	}
	while (!list_empty(&f->late)) {
		fail(f->owner, take_first(&f->late), "Sandbox.Closed", message, "");
	}
}

/* ---- builds ---- */

static void move_all(struct list *to, struct list *from)
{
	while (!list_empty(from)) {
		struct list *node = list_first(from);
		list_remove(node);
		list_push_back(to, node);
	}
}

/* Gives to the fleet, or answers, what the code at hand may serve. */
static void serve(struct function *f, struct list *waiting, bool good)
{
	struct list now;
	list_init(&now);
	move_all(&now, waiting);
	while (!list_empty(&now)) {
		struct invocation *inv = take_first(&now);
		if (good) {
			fleet_invoke(f->fleet, inv);
		} else {
			fail_build(f, inv);
		}
	}
}

static void on_build_begins(void *ctx)
{
	struct function *f = ctx;
	/* Whoever waits came before the bundler reads its first file. */
	move_all(&f->asked, &f->late);
	AUTO_FREE char *text =
		xasprintf("Functions: Building %s %s...", f->spec.order.src_path, f->spec.shown);
	f->owner->config.on_note(f->owner->config.ctx, "building", f->name, text);
}

static void load(struct function *f)
{
	f->spec.env.task_root = target_root(f->target);
	f->spec.env.handler = target_handler(f->target);
	if (f->fleet) {
		fleet_function_renew(f->fleet, &f->spec.env);
	} else {
		f->fleet = fleet_function_open(f->owner->fleet, &f->spec.env, f);
	}
	/* The first request after a save finds the new code loaded. */
	if (list_empty(&f->asked) && f->used) {
		fleet_warm(f->fleet);
	}
}

static void note_built(struct function *f, double ms)
{
	struct functions_config *c = &f->owner->config;
	AUTO_FREE char *text = xasprintf("Functions: Done building %s %s (%.0fms)",
		f->spec.order.src_path, f->spec.shown, ms);
	c->on_note(c->ctx, "built", f->name, text);
}

static void on_built(void *ctx, bool changed, double ms)
{
	struct function *f = ctx;
	bool good = target_is_good(f->target);
	if (good && ms > 0) {
		note_built(f, ms);
	} else if (!good) {
		f->owner->config.on_note(
			f->owner->config.ctx, "build-error", f->name, target_problem(f->target));
	}
	if (good && (changed || !f->fleet)) {
		load(f);
	}
	if (good && ms > 0) {
		timer_arm(f->owner->keeper, KEEP_MS);
	}
	serve(f, &f->asked, good);
	if (!list_empty(&f->late)) {
		/* Not from inside the target's own call. */
		timer_arm(f->owner->timer, 0);
	}
}

/* Looks at the files and does what can be done for those who wait. True: a file is being saved, look again
 * soon. */
static bool advance(struct function *f)
{
	switch (target_check(f->target)) {
	case TARGET_READY:
		serve(f, &f->late, true);
		return false;
	case TARGET_BROKEN:
		serve(f, &f->late, false);
		return false;
	case TARGET_BUILDING:
		return false;
	case TARGET_UNSETTLED:
		return true;
	}
	return false;
}

static void on_timer(void *ctx)
{
	functions_refresh(ctx);
}

void functions_refresh(struct functions *fs)
{
	bool again = false;
	if (fs->closing) {
		return;
	}
	watch_drain(fs->config.watch);
	struct function *f, *next;
	HASH_ITER (hh, fs->all, f, next) {
		again |= f->used && advance(f);
	}
	if (again) {
		timer_arm(fs->timer, SAVING_MS);
	}
}

static void keep_all(void *ctx)
{
	struct functions *fs = ctx;
	watch_drain(fs->config.watch);
	struct function *f, *next;
	HASH_ITER (hh, fs->all, f, next) {
		target_keep(f->target);
	}
}

/* ---- invocations ---- */

static struct invocation *open_invocation(
	const struct function *f, const struct invocation_order *order)
{
	struct invocation_order own = *order;
	if (!own.arn.len) {
		own.arn = span_of(f->spec.arn);
	}
	if (!own.timeout_ms) {
		own.timeout_ms = f->spec.timeout_ms;
	}
	return invocation_create(&own);
}

void functions_invoke(struct functions *fs, struct span name, const struct invocation_order *order)
{
	struct function *f;
	HASH_FIND(hh, fs->all, name.ptr, name.len, f);
	if (!f || fs->closing) {
		AUTO_FREE char *message = xasprintf("Function not found: %.*s", SPAN_ARG(name));
		fail(fs, invocation_create(order), "Sandbox.Closed",
			fs->closing ? "Offstage is going down" : message, "");
		return;
	}
	struct invocation *inv = open_invocation(f, order);
	f->used = true;
	watch_drain(fs->config.watch);
	list_push_back(&f->late, &inv->link);
	if (advance(f)) {
		timer_arm(fs->timer, SAVING_MS);
	}
}

static bool withdraw(struct list *l, uint64_t id)
{
	LIST_FOR (node, l) {
		struct invocation *inv = container_of(node, struct invocation, link);
		if (inv->id == id) {
			invocation_destroy(inv);
			return true;
		}
	}
	return false;
}

void functions_cancel(struct functions *fs, uint64_t id)
{
	struct function *f, *next;
	HASH_ITER (hh, fs->all, f, next) {
		if (withdraw(&f->late, id) || withdraw(&f->asked, id) ||
			(f->fleet && fleet_cancel(f->fleet, id))) {
			return;
		}
	}
}

/* ---- the fleet's news ---- */

static struct stream *find_stream(struct functions *fs, uint64_t id)
{
	LIST_FOR (node, &fs->streams) {
		struct stream *s = container_of(node, struct stream, link);
		if (s->id == id) {
			return s;
		}
	}
	return NULL;
}

static void stream_free(struct stream *s)
{
	if (s) {
		list_remove(&s->link);
		free(s);
	}
}

static void on_outcome(void *ctx, struct fleet_function *ff, const struct invocation *inv,
	const struct outcome *outcome)
{
	(void)ff;
	struct functions *fs = ctx;
	if (!list_empty(&fs->streams)) {
		stream_free(find_stream(fs, inv->id));
	}
	fs->config.on_outcome(fs->config.ctx, inv->id, outcome);
}

static void on_chunk(void *ctx, struct fleet_function *ff, const struct invocation *inv,
	struct span content_type, struct span piece)
{
	struct functions *fs = ctx;
	struct stream *s = find_stream(fs, inv->id);
	if (!s) {
		s = xalloc(sizeof *s);
		s->function = fleet_function_data(ff);
		s->id = inv->id;
		list_push_back(&fs->streams, &s->link);
	}
	s->owed += piece.len;
	if (s->owed > STREAM_WINDOW && !s->paused && s->function) {
		s->paused = true;
		fleet_pause(ff, inv->id, true);
	}
	fs->config.on_chunk(fs->config.ctx, inv->id, content_type, piece);
}

void functions_credit(struct functions *fs, uint64_t id, size_t bytes)
{
	struct stream *s = find_stream(fs, id);
	if (!s) {
		return;
	}
	s->owed -= bytes < s->owed ? bytes : s->owed;
	if (s->paused && s->function && s->owed <= STREAM_WINDOW / 2) {
		s->paused = false;
		fleet_pause(s->function->fleet, id, false);
	}
}

static void on_log(void *ctx, struct fleet_function *ff, const struct invocation *inv,
	enum log_kind kind, struct span text)
{
	struct functions *fs = ctx;
	fs->config.on_log(fs->config.ctx, fleet_function_name(ff), inv ? inv->id : 0,
		inv ? inv->event.request_id.ptr : "", kind, text);
}

/* ---- which functions there are ---- */

static void function_free(struct function *f)
{
	struct functions *fs = f->owner;
	HASH_DEL(fs->all, f);
	fail_waiting(f, fs->closing ? "Offstage is going down" : "The function was removed");
	LIST_FOR_SAFE (node, &fs->streams) {
		struct stream *s = container_of(node, struct stream, link);
		if (s->function == f) {
			/* Nobody can pause it any more, so it must not stand still. */
			if (s->paused) {
				fleet_pause(f->fleet, s->id, false);
			}
			s->paused = false;
			s->function = NULL;
		}
	}
	if (f->fleet) {
		fleet_function_close(f->fleet);
	}
	target_destroy(f->target);
	arena_destroy(f->arena);
	free(f->name);
	free(f->key);
	free(f);
}

static void function_add(struct functions *fs, const cJSON *json, char *key)
{
	struct function *f = xalloc(sizeof *f);
	struct function_place place = { fs->config.app_dir, fs->config.stage_dir,
		fs->config.runtime_dir, fs->region, fs->endpoint };
	struct err err = ERR_INIT;
	f->arena = arena_create();
	if (function_spec_read(&f->spec, f->arena, json, &place, &err) != 0 ||
		function_spec_write_inline(&f->spec, &err) != 0) {
		console_problem("%s", err.msg);
		arena_destroy(f->arena);
		free(f);
		free(key);
		return;
	}
	f->owner = fs;
	f->spec.order.minify = fs->config.frozen;
	f->spec.env.frozen = fs->config.frozen;
	f->name = xstrdup(f->spec.order.function);
	f->key = key;
	f->present = true;
	list_init(&f->asked);
	list_init(&f->late);
	struct target_config target = { .means = { fs->config.helper, fs->toolchain },
		.watch = fs->config.watch,
		.order = f->spec.order,
		.frozen = fs->config.frozen,
		.ctx = f,
		.on_begin = on_build_begins,
		.on_built = on_built };
	f->target = target_create(&target);
	HASH_ADD_KEYPTR(hh, fs->all, f->name, strlen(f->name), f);
	fleet_expect(fs->fleet, &f->spec.env);
}

/* One that is as it was stays; one whose settings changed is made anew, and those who wait move over. */
static void update_one(struct functions *fs, const cJSON *json)
{
	const char *name = json_str(json, "name");
	struct function *f = NULL;
	if (!name) {
		return;
	}
	HASH_FIND_STR(fs->all, name, f);
	char *key = function_spec_key(json);
	if (f && strcmp(f->key, key) == 0) {
		free(key);
		f->present = true;
		return;
	}
	struct list waiting;
	list_init(&waiting);
	bool used = f && f->used;
	if (f) {
		move_all(&waiting, &f->asked);
		move_all(&waiting, &f->late);
		function_free(f);
	}
	function_add(fs, json, key);
	HASH_FIND_STR(fs->all, name, f);
	if (f) {
		f->used = used;
		move_all(&f->late, &waiting);
	}
	while (!list_empty(&waiting)) {
		fail(fs, take_first(&waiting), "Sandbox.Closed", "The function was removed", "");
	}
	if (f && used) {
		timer_arm(fs->timer, 0);
	}
}

void functions_update(struct functions *fs, const cJSON *outputs)
{
	struct function *f, *next;
	HASH_ITER (hh, fs->all, f, next) {
		f->present = false;
	}
	const char *region = json_str(outputs, "region"), *service = json_str(outputs, "service");
	free(fs->region);
	free(fs->endpoint);
	fs->region = xstrdup(region ? region : "us-east-1");
	fs->endpoint = xstrdup(service ? service : "");
	JSON_FOR (json, json_array(outputs, "functions")) {
		update_one(fs, json);
	}
	HASH_ITER (hh, fs->all, f, next) {
		if (!f->present) {
			function_free(f);
		}
	}
}

/* ---- life ---- */

struct functions *functions_open(const struct functions_config *config)
{
	struct functions *fs = xalloc(sizeof *fs);
	fs->config = *config;
	list_init(&fs->streams);
	fs->timer = timer_open(config->loop, on_timer, fs);
	fs->keeper = timer_open(config->loop, keep_all, fs);
	struct fleet_config fleet = { .loop = config->loop,
		.tools = { config->node, config->runtime_dir, config->inspect_port },
		.max_workers = config->max_workers,
		.spares = true,
		.ctx = fs,
		.on_outcome = on_outcome,
		.on_chunk = on_chunk,
		.on_log = on_log };
	fs->fleet = fleet_open(&fleet);
	fs->toolchain = toolchain_open(config->loop);
	return fs;
}

static void on_toolchain_closed(void *ctx)
{
	struct functions *fs = ctx;
	void (*done)(void *ctx) = fs->done;
	void *done_ctx = fs->ctx;
	while (!list_empty(&fs->streams)) {
		stream_free(container_of(list_first(&fs->streams), struct stream, link));
	}
	timer_close(fs->timer);
	timer_close(fs->keeper);
	free(fs->region);
	free(fs->endpoint);
	free(fs);
	done(done_ctx);
}

static void on_fleet_closed(void *ctx)
{
	struct functions *fs = ctx;
	toolchain_close(fs->toolchain, on_toolchain_closed, fs);
}

void functions_close(struct functions *fs, void (*done)(void *ctx), void *ctx)
{
	fs->closing = true;
	fs->done = done;
	fs->ctx = ctx;
	timer_stop(fs->timer);
	timer_stop(fs->keeper);
	keep_all(fs);
	struct function *f, *next;
	HASH_ITER (hh, fs->all, f, next) {
		function_free(f);
	}
	fleet_close(fs->fleet, on_fleet_closed, fs);
}
