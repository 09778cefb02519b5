/* Up:   evaluate the stacks (or take the kept evaluation) -> bridge -> WELCOME -> APP -> OUTPUTS -> ready
 * Then: INVOKE -> functions -> CHUNK..., RESULT; file events -> rebuild, or evaluate and APP again
 * Down: functions (processes end, open invocations are answered) -> helper -> bridge BYE -> free */
#include "runtime/agent.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/arena.h"
#include "proxy/base/console.h"
#include "proxy/base/log.h"
#include "proxy/bridge/bridge_client.h"
#include "proxy/net/timer.h"
#include "runtime/functions.h"
#include "runtime/messages.h"
#include "runtime/output.h"
#include "runtime/stacks.h"

#define DEFAULT_REGION "us-east-1"
#define LOOK_AGAIN_MS 5

struct agent {
	struct agent_config config; /* its strings in the arena */
	struct arena *arena;
	struct watch *watch;
	struct helper *helper;
	struct functions *functions;
	struct stacks *stacks;
	struct output *output;
	struct bridge_client *bridge; /* NULL until the app's name is known */
	struct timer *timer; /* looks at files after events, outside the drain */
	struct buf app; /* APP's payload: the latest evaluation */
	struct buf app_meta;
	struct buf result_meta; /* RESULT's, while it is sent */
	char *app_name;
	uint64_t app_count; /* the id of the latest APP */
	bool welcome; /* the session is up and wants APPs */
	bool closing;
	void (*done)(void *ctx);
	void *ctx;
};

static void send_message(
	struct agent *a, enum wire_type type, uint64_t id, struct span meta, struct span payload)
{
	struct wire_message m = { type, id, meta, payload };
	if (a->bridge) {
		bridge_client_send(a->bridge, &m);
	}
}

/* ---- the app ---- */

static void send_app(struct agent *a)
{
	if (a->welcome && a->app.len > 0) {
		send_message(
			a, WIRE_APP, ++a->app_count, buf_span(&a->app_meta), buf_span(&a->app));
	}
}

static void note(struct agent *a, const char *kind, const char *function, const char *text)
{
	struct buf meta = BUF_INIT(512 * 1024);
	messages_note(&meta, kind, function, text);
	send_message(a, WIRE_NOTE, 0, buf_span(&meta), SPAN(""));
	buf_fini(&meta);
}

static void on_welcome(void *ctx, const char *region, const char *account)
{
	struct agent *a = ctx;
	(void)region;
	(void)account;
	a->welcome = true;
	send_app(a);
}

static void on_link(void *ctx, bool up, const char *why)
{
	struct agent *a = ctx;
	log_info("agent", "bridge %s: %s", up ? "up" : "down", why);
	if (a->config.on_link && !a->closing) {
		a->config.on_link(a->config.ctx, up, why);
	}
}

static void on_bridge_gone(void *ctx, const char *why)
{
	struct agent *a = ctx;
	a->welcome = false;
	a->config.on_gone(a->config.ctx, why);
}

static void on_message(void *ctx, const struct wire_message *m);

static void open_bridge(struct agent *a)
{
	struct bridge_client_config config = { .loop = a->config.loop,
		.local = a->config.local,
		.url = a->config.url,
		.token = a->config.token,
		.fingerprint = a->config.fingerprint,
		.app = a->app_name,
		.stage = a->config.stage,
		.ctx = a,
		.on_welcome = on_welcome,
		.on_message = on_message,
		.on_link = on_link,
		.on_gone = on_bridge_gone };
	struct err err = ERR_INIT;
	a->bridge = bridge_client_open(&config, &err);
	if (!a->bridge) {
		a->config.on_gone(a->config.ctx, err.msg);
	}
}

static void show_list(const cJSON *list, const char *member)
{
	JSON_FOR (item, list) {
		const char *text = member ? json_str(item, member) : json_value(item);
		if (text) {
			console_line(member ? STYLE_YELLOW : STYLE_PLAIN, "%s", text);
		}
	}
}

static void on_stacks(void *ctx, const cJSON *result)
{
	struct agent *a = ctx;
	const cJSON *app = json_object(result, "app");
	const char *name = json_str(app, "name"), *region = json_str(app, "region");
	show_list(json_array(result, "output"), NULL);
	show_list(json_array(result, "warnings"), "message");
	buf_clear(&a->app_meta);
	messages_app(&a->app_meta, name ? name : "app", region ? region : DEFAULT_REGION);
	struct buf before = a->app;
	buf_init(&a->app, before.max);
	messages_stacks(&a->app, json_array(result, "stacks"));
	bool same = span_eq(buf_span(&before), buf_span(&a->app));
	buf_fini(&before);
	if (!a->bridge) {
		a->app_name = xstrdup(name ? name : "app");
		open_bridge(a);
	} else if (same) {
		note(a, "synth", "", "Stacks: No changes to deploy.");
	} else {
		send_app(a);
	}
}

static void on_stacks_begin(void *ctx)
{
	struct agent *a = ctx;
	if (a->bridge) {
		console_line(STYLE_GREY, "Stacks: Synthesizing changes...");
		note(a, "synth", "", "Stacks: Synthesizing changes...");
	}
}

static void on_stacks_error(void *ctx, const char *problem)
{
	struct agent *a = ctx;
	note(a, "synth-error", "", problem);
	a->config.on_failed(a->config.ctx, problem);
}

static void on_outputs(struct agent *a, const struct wire_message *m, const cJSON *meta)
{
	if (m->id != a->app_count) {
		return; /* an answer to an app that is history */
	}
	struct err err = ERR_INIT;
	if (!json_bool(meta, "ok", false)) {
		const char *error = json_str(meta, "error");
		a->config.on_failed(a->config.ctx, error ? error : "the emulator refused the app");
		return;
	}
	AUTO_JSON cJSON *outputs = json_parse(m->payload, &err);
	if (!outputs) {
		a->config.on_failed(a->config.ctx, err.msg);
		return;
	}
	functions_update(a->functions, outputs);
	a->config.on_ready(a->config.ctx, outputs);
}

/* ---- invocations ---- */

static void on_invoke(struct agent *a, const struct wire_message *m)
{
	struct buf text = BUF_INIT(2 * 1024 * 1024);
	struct invocation_order order;
	struct span function = messages_order(m, &order, &text);
	functions_invoke(a->functions, function, &order);
	buf_fini(&text);
}

static void on_message(void *ctx, const struct wire_message *m)
{
	struct agent *a = ctx;
	struct err err = ERR_INIT;
	if (m->type == WIRE_INVOKE && !a->closing) {
		on_invoke(a, m);
		return;
	}
	AUTO_JSON cJSON *meta = json_parse(m->meta.len ? m->meta : SPAN("{}"), &err);
	if (!meta || a->closing) {
		return;
	}
	switch (m->type) {
	case WIRE_OUTPUTS:
		on_outputs(a, m, meta);
		break;
	case WIRE_CANCEL:
		functions_cancel(a->functions, m->id);
		break;
	case WIRE_CREDIT:
		functions_credit(a->functions, m->id, (size_t)json_num(meta, "bytes", 0));
		break;
	default:
		log_debug("agent", "%s is not for agents", wire_type_name(m->type));
	}
}

static void on_outcome(void *ctx, uint64_t id, const struct outcome *outcome)
{
	struct agent *a = ctx;
	buf_clear(&a->result_meta);
	messages_result(&a->result_meta, outcome);
	send_message(a, WIRE_RESULT, id, buf_span(&a->result_meta), outcome->payload);
}

static void on_chunk(void *ctx, uint64_t id, struct span content_type, struct span piece)
{
	struct buf meta = BUF_INIT(64 * 1024);
	messages_chunk(&meta, content_type);
	send_message(ctx, WIRE_CHUNK, id, buf_span(&meta), piece);
	buf_fini(&meta);
}

static void on_log(void *ctx, const char *function, uint64_t id, const char *request_id,
	enum log_kind kind, struct span text)
{
	struct agent *a = ctx;
	/* What a handler said is the emulator's business, too; START, END and REPORT say what RESULT does. */
	if (kind != LOG_PLATFORM) {
		struct buf meta = BUF_INIT(16 * 1024);
		messages_log(&meta, function, request_id, kind);
		send_message(a, WIRE_LOG, id, buf_span(&meta), text);
		buf_fini(&meta);
	}
	output_add(a->output, function, request_id, kind, text);
}

static void on_note(void *ctx, const char *kind, const char *function, const char *text)
{
	struct agent *a = ctx;
	struct buf members = BUF_INIT(512 * 1024);
	json_add_member(&members, "kind", span_of(kind));
	json_add_member(&members, "function", span_of(function));
	json_add_member(&members, "text", span_of(text));
	console_event("rebuild", buf_span(&members));
	buf_fini(&members);
	if (strcmp(kind, "build-error") == 0) {
		console_problem("Functions: %s failed to build\n%s", function, text);
	} else {
		console_line(STYLE_GREY, "%s", text);
	}
	note(a, kind, function, text);
}

/* ---- files ---- */

static void on_change(void *ctx)
{
	struct agent *a = ctx;
	if (!a->closing && !a->config.frozen) {
		timer_arm(a->timer, 0);
	}
}

static void on_timer(void *ctx)
{
	struct agent *a = ctx;
	watch_drain(a->watch);
	functions_refresh(a->functions);
	if (stacks_check(a->stacks)) {
		timer_arm(a->timer, LOOK_AGAIN_MS);
	}
}

/* ---- life ---- */

static void open_parts(struct agent *a)
{
	const struct agent_config *c = &a->config;
	struct helper_config helper = {
		.loop = c->loop, .node = c->node, .runtime_dir = c->runtime_dir
	};
	a->helper = helper_open(&helper);
	struct functions_config functions = { .loop = c->loop,
		.helper = a->helper,
		.watch = a->watch,
		.app_dir = c->app_dir,
		.stage_dir = c->stage_dir,
		.runtime_dir = c->runtime_dir,
		.node = c->node,
		.max_workers = c->max_concurrency,
		.inspect_port = c->inspect_port,
		.frozen = c->frozen,
		.ctx = a,
		.on_outcome = on_outcome,
		.on_chunk = on_chunk,
		.on_log = on_log,
		.on_note = on_note };
	a->functions = functions_open(&functions);
	struct stacks_config stacks = { .helper = a->helper,
		.watch = a->watch,
		.app_dir = c->app_dir,
		.stage_dir = c->stage_dir,
		.stage = c->stage,
		.frozen = c->frozen,
		.ctx = a,
		.on_begin = on_stacks_begin,
		.on_stacks = on_stacks,
		.on_error = on_stacks_error };
	a->stacks = stacks_create(&stacks);
	a->output = output_open(c->loop, c->stage_dir);
	a->timer = timer_open(c->loop, on_timer, a);
}

static void copy_config(struct agent *a, const struct agent_config *config)
{
	a->config = *config;
	a->arena = arena_create();
	const char **const strings[] = { &a->config.app_dir, &a->config.stage, &a->config.stage_dir,
		&a->config.runtime_dir, &a->config.node, &a->config.url, &a->config.token,
		&a->config.fingerprint };
	a->config.node = config->node ? config->node : "node";
	for (size_t i = 0; i < COUNT_OF(strings); i++) {
		*strings[i] = arena_strdup(a->arena, *strings[i] ? *strings[i] : "");
	}
}

static void agent_free(struct agent *a)
{
	arena_destroy(a->arena);
	buf_fini(&a->app);
	buf_fini(&a->app_meta);
	buf_fini(&a->result_meta);
	free(a->app_name);
	free(a);
}

struct agent *agent_open(const struct agent_config *config, struct err *err)
{
	struct agent *a = xalloc(sizeof *a);
	copy_config(a, config);
	struct watch_config watch = { config->loop, a, on_change };
	a->watch = watch_open(&watch, err);
	if (!a->watch) {
		agent_free(a);
		return NULL;
	}
	if (!config->frozen && watch_tree(a->watch, config->app_dir, err) != 0) {
		watch_close(a->watch);
		agent_free(a);
		return NULL;
	}
	buf_init(&a->app, 32 * 1024 * 1024);
	buf_init(&a->app_meta, 64 * 1024);
	buf_init(&a->result_meta, 1024 * 1024);
	open_parts(a);
	timer_arm(a->timer, 0);
	return a;
}

static void on_bridge_closed(void *ctx)
{
	struct agent *a = ctx;
	void (*done)(void *ctx) = a->done;
	void *done_ctx = a->ctx;
	stacks_destroy(a->stacks);
	output_close(a->output);
	timer_close(a->timer);
	watch_close(a->watch);
	agent_free(a);
	done(done_ctx);
}

static void on_helper_closed(void *ctx)
{
	struct agent *a = ctx;
	if (a->bridge) {
		bridge_client_close(TAKE(a->bridge), on_bridge_closed, a);
	} else {
		on_bridge_closed(a);
	}
}

static void on_functions_closed(void *ctx)
{
	struct agent *a = ctx;
	helper_close(a->helper, on_helper_closed, a);
}

void agent_close(struct agent *a, void (*done)(void *ctx), void *ctx)
{
	if (a->closing) {
		return;
	}
	a->closing = true;
	a->done = done;
	a->ctx = ctx;
	timer_stop(a->timer);
	functions_close(a->functions, on_functions_closed, a);
}
