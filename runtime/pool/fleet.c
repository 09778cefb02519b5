#include "runtime/pool/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/json.h"
#include "proxy/base/log.h"
#include "proxy/net/timer.h"
#include "runtime/pool/spares.h"

#define TEXT_OF(number) #number
#define AS_TEXT(macro) TEXT_OF(macro)
#define WAITING_TICK_MS 10
#define IDLE_TICK_MS 5000

struct fleet {
	struct fleet_config config;
	struct worker_events events;
	struct pool *pool;
	struct spares *spares; /* or NULL */
	struct timer *timer;
	struct list functions; /* struct fleet_function */
	enum {
		PACE_NONE,
		PACE_SLOW,
		PACE_FAST
	} pace; /* of the timer */
	bool closing;
	bool spares_gone;
	void (*done)(void *ctx);
	void *ctx;
};

struct fleet_function {
	struct list link;
	struct fleet *fleet;
	struct pool_function *pooled;
	void *data;
	bool closed; /* freed with its last worker */
	unsigned workers;
	struct arena *arena; /* of spec and launch */
	struct env_spec spec;
	struct launch launch;
	bool takes_spares;
	unsigned inspect_port; /* its own, kept while it is open; 0 = no debugger */
	struct err start_error; /* why the last worker could not be started */
};

static void finish_if_done(struct fleet *fl);
static void watch_time(struct fleet *fl);

/* ---- specs ---- */

static const char *copy(struct arena *a, const char *s)
{
	return s ? arena_strdup(a, s) : NULL;
}

static struct env_var *copy_vars(struct arena *a, const struct env_var *vars, size_t n)
{
	struct env_var *out = arena_alloc(a, (n + 1) * sizeof *out);
	for (size_t i = 0; i < n; i++) {
		out[i] = (struct env_var){ copy(a, vars[i].name), copy(a, vars[i].value) };
	}
	return out;
}

/* Variables that a process reads while it boots: a spare would have missed them. */
static bool needs_own_boot(const struct env_spec *spec)
{
	static const char *const prefixes[] = { "LD_", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS",
		"NODE_V8_COVERAGE", "NODE_PENDING", "NODE_ICU", "NODE_NO_", "OPENSSL_", "SSL_CERT",
		"UV_THREADPOOL_SIZE" };
	if (spec->layers && *spec->layers) {
		return true; /* libraries */
	}
	for (size_t i = 0; i < spec->n_variables; i++) {
		for (size_t k = 0; k < COUNT_OF(prefixes); k++) {
			if (strncmp(spec->variables[i].name, prefixes[k], strlen(prefixes[k])) ==
				0) {
				return true;
			}
		}
	}
	return false;
}

/* Only managed runtimes look for it. */
static const char *wrapper_of(const struct env_spec *spec, enum launch_kind kind)
{
	for (size_t i = 0; i < spec->n_variables && kind != LAUNCH_BINARY; i++) {
		if (strcmp(spec->variables[i].name, "AWS_LAMBDA_EXEC_WRAPPER") == 0) {
			return spec->variables[i].value;
		}
	}
	return NULL;
}

static void set_spec(struct fleet_function *f, const struct env_spec *spec)
{
	struct arena *a = arena_create();
	f->spec = (struct env_spec){
		.function = copy(a, spec->function),
		.handler = copy(a, spec->handler),
		.runtime = copy(a, spec->runtime),
		.memory_mb = spec->memory_mb,
		.region = copy(a, spec->region),
		.task_root = copy(a, spec->task_root),
		.layers = copy(a, spec->layers),
		.runtime_dir = copy(a, spec->runtime_dir),
		.endpoint = copy(a, spec->endpoint),
		.access_key_id = copy(a, spec->access_key_id),
		.secret_access_key = copy(a, spec->secret_access_key),
		.session_token = copy(a, spec->session_token),
		.json_logs = spec->json_logs,
		.variables = copy_vars(a, spec->variables, spec->n_variables),
		.n_variables = spec->n_variables,
		.extra = copy_vars(a, spec->extra, spec->n_extra),
		.n_extra = spec->n_extra,
	};
	struct launch_tools tools = f->fleet->config.tools;
	tools.inspect_port = f->inspect_port;
	f->launch = launch_build(a, &tools, f->spec.runtime, f->spec.memory_mb, f->spec.task_root);
	const char *wrapper = wrapper_of(&f->spec, f->launch.kind);
	if (wrapper) {
		launch_wrap(&f->launch, a, wrapper);
	}
	f->takes_spares = f->fleet->spares && f->launch.kind == LAUNCH_NODE && !wrapper &&
			  !needs_own_boot(&f->spec);
	arena_destroy(f->arena);
	f->arena = a;
}

/* ---- what the pool decides ---- */

static int check_start(const struct fleet_function *f, struct err *err)
{
	const char *program = f->launch.argv[0];
	if (f->launch.kind == LAUNCH_BINARY && access(program, X_OK) != 0) {
		return err_set(
			err, ERR_NOT_FOUND, "Couldn't find valid bootstrap(s): [%s]", program);
	}
	return 0;
}

static void *op_start(void *ctx, struct seat *seat, struct invocation *first)
{
	struct fleet *fl = ctx;
	struct fleet_function *f = pool_function_data(seat->function);
	f->start_error = (struct err)ERR_INIT;
	if (fl->closing || check_start(f, &f->start_error) != 0) {
		return NULL;
	}
	bool ours = f->launch.kind != LAUNCH_BINARY;
	struct env_var tuning[] = { { "OFFSTAGE_PREFETCH", AS_TEXT(RUNTIME_MAX_AHEAD) },
		{ "OFFSTAGE_RUNTIME_FD", AS_TEXT(CHILD_SOCKET_FD) } };
	struct env_spec spec = f->spec;
	if (ours) {
		spec.extra = tuning;
		spec.n_extra = COUNT_OF(tuning);
	}
	struct worker_config config = { .loop = fl->config.loop,
		.events = &fl->events,
		.env = &spec,
		.argv = f->launch.argv,
		.cwd = f->spec.task_root,
		.prefetch = ours ? RUNTIME_MAX_AHEAD : 0,
		.inspect_port = f->launch.kind == LAUNCH_NODE ? f->inspect_port : 0,
		.first = first,
		.owner = seat };
	if (f->takes_spares) {
		bool crowded = pool_is_crowded(fl->pool);
		config.spare = spares_take(fl->spares, f->spec.memory_mb, crowded);
		config.spare_base = spares_base(fl->spares);
	}
	struct worker *w = worker_open(&config, &f->start_error);
	f->workers += w != NULL;
	return w;
}

static void op_run(void *ctx, struct seat *seat, struct invocation *inv)
{
	(void)ctx;
	worker_run(seat->worker, inv);
}

static bool op_has_room(void *ctx, const struct seat *seat, bool ahead)
{
	(void)ctx;
	return worker_has_room(seat->worker, ahead);
}

static double op_running_ms(void *ctx, const struct seat *seat)
{
	(void)ctx;
	return worker_running_ms(seat->worker);
}

static void op_stop(void *ctx, struct seat *seat)
{
	struct fleet *fl = ctx;
	if (fl->closing) {
		worker_kill(seat->worker);
	} else {
		worker_stop(seat->worker);
	}
}

static void op_fail(void *ctx, struct pool_function *pooled, struct invocation *inv,
	const char *type, struct span body)
{
	struct fleet *fl = ctx;
	struct fleet_function *f = pool_function_data(pooled);
	struct buf made = BUF_INIT(4096);
	if (body.len == 0) {
		char message[640];
		snprintf(message, sizeof message, "RequestId: %s Error: %s",
			inv->event.request_id.ptr,
			fl->closing           ? "Offstage is going down"
			: *f->start_error.msg ? f->start_error.msg
					      : "The function was removed");
		buf_add_char(&made, '{');
		json_add_member(&made, "errorType", span_of(type));
		json_add_member(&made, "errorMessage", span_of(message));
		buf_add_char(&made, '}');
		body = buf_span(&made);
	}
	struct outcome o = { .error_type = type, .payload = body, .detail = "" };
	fl->config.on_outcome(fl->config.ctx, f, inv, &o);
	buf_fini(&made);
	invocation_destroy(inv);
}

static const struct pool_ops pool_ops = { op_start, op_run, op_has_room, op_running_ms, op_stop,
	op_fail };

/* ---- what the workers tell ---- */

static struct fleet_function *function_of(const struct worker *w)
{
	struct seat *seat = worker_owner(w);
	return pool_function_data(seat->function);
}

static void on_ready(void *ctx, struct worker *w, double init_ms)
{
	pool_seat_ready(worker_owner(w), init_ms);
	watch_time(ctx);
}

static void on_outcome(
	void *ctx, struct worker *w, const struct invocation *inv, const struct outcome *outcome)
{
	struct fleet *fl = ctx;
	fl->config.on_outcome(fl->config.ctx, function_of(w), inv, outcome);
}

static void on_chunk(void *ctx, struct worker *w, const struct invocation *inv,
	struct span content_type, struct span piece)
{
	struct fleet *fl = ctx;
	fl->config.on_chunk(fl->config.ctx, function_of(w), inv, content_type, piece);
}

static void on_free(void *ctx, struct worker *w, double busy_ms)
{
	pool_seat_free(worker_owner(w), busy_ms);
	watch_time(ctx);
}

static void on_log(void *ctx, struct worker *w, const struct invocation *inv, enum log_kind kind,
	struct span text)
{
	struct fleet *fl = ctx;
	fl->config.on_log(fl->config.ctx, function_of(w), inv, kind, text);
}

static void function_free_if_done(struct fleet_function *f)
{
	if (f->closed && f->workers == 0) {
		list_remove(&f->link);
		arena_destroy(f->arena);
		free(f);
	}
}

static void on_ended(void *ctx, struct worker *w, const struct worker_end *end)
{
	struct fleet *fl = ctx;
	struct fleet_function *f = function_of(w);
	enum seat_end how = end->fate == FATE_INIT_FAILED    ? SEAT_INIT_FAILED
			    : end->fate == FATE_INIT_TIMEOUT ? SEAT_INIT_TIMEOUT
							     : SEAT_GONE;
	f->workers--;
	if (*end->reason) {
		err_set(&f->start_error, ERR_UNAVAILABLE, "%s", end->reason);
	}
	pool_seat_ended(worker_owner(w), how, end->error_type, end->error, end->unstarted);
	function_free_if_done(f);
	watch_time(fl);
	finish_if_done(fl);
}

/* ---- time ---- */

/* The timer runs fast while invocations wait, slowly while there are workers to retire. */
static void watch_time(struct fleet *fl)
{
	bool waiting = pool_is_waiting(fl->pool);
	if (fl->closing || fl->pace == PACE_FAST || (fl->pace == PACE_SLOW && !waiting)) {
		return;
	}
	fl->pace = waiting ? PACE_FAST : PACE_SLOW;
	timer_arm(fl->timer, waiting ? WAITING_TICK_MS : IDLE_TICK_MS);
}

static void on_tick(void *ctx)
{
	struct fleet *fl = ctx;
	fl->pace = PACE_NONE;
	pool_tick(fl->pool);
	if (pool_seats(fl->pool) > 0 || pool_is_waiting(fl->pool)) {
		watch_time(fl);
	}
}

/* ---- life ---- */

struct fleet *fleet_open(const struct fleet_config *config)
{
	struct fleet *fl = xalloc(sizeof *fl);
	fl->config = *config;
	fl->events = (struct worker_events){ fl, on_ready, on_outcome, on_chunk, on_free, on_log,
		on_ended };
	list_init(&fl->functions);
	struct pool_config pool = { .ops = &pool_ops,
		.ctx = fl,
		.clock = &clock_system,
		.max_workers = config->max_workers,
		.one_each = config->tools.inspect_port != 0 };
	fl->pool = pool_create(&pool);
	fl->timer = timer_open(config->loop, on_tick, fl);
	if (config->spares && config->tools.inspect_port == 0) {
		fl->spares = spares_open(config->loop, &fl->config.tools);
	}
	return fl;
}

static bool is_inspected_at(const struct fleet *fl, unsigned port)
{
	LIST_FOR (node, &fl->functions) {
		const struct fleet_function *f = container_of(node, struct fleet_function, link);
		if (!f->closed && f->inspect_port == port) {
			return true;
		}
	}
	return false;
}

/* The first function that runs has the port asked for, the next the one after it. */
static unsigned choose_inspect_port(const struct fleet *fl)
{
	unsigned port = fl->config.tools.inspect_port;
	while (port && is_inspected_at(fl, port)) {
		port++;
	}
	return port;
}

struct fleet_function *fleet_function_open(
	struct fleet *fl, const struct env_spec *spec, void *data)
{
	struct fleet_function *f = xalloc(sizeof *f);
	f->fleet = fl;
	f->data = data;
	f->inspect_port = choose_inspect_port(fl);
	set_spec(f, spec);
	f->pooled = pool_function_open(fl->pool, f, f->launch.kind != LAUNCH_BINARY);
	list_push_back(&fl->functions, &f->link);
	if (f->takes_spares) {
		spares_prepare(fl->spares, f->spec.memory_mb);
	}
	return f;
}

void *fleet_function_data(const struct fleet_function *f)
{
	return f->data;
}

const char *fleet_function_name(const struct fleet_function *f)
{
	return f->spec.function;
}

void fleet_function_renew(struct fleet_function *f, const struct env_spec *spec)
{
	set_spec(f, spec);
	pool_function_renew(f->pooled);
	watch_time(f->fleet);
}

void fleet_function_close(struct fleet_function *f)
{
	f->closed = true;
	f->data = NULL;
	pool_function_close(TAKE(f->pooled));
	function_free_if_done(f);
}

void fleet_invoke(struct fleet_function *f, struct invocation *inv)
{
	struct fleet *fl = f->fleet;
	pool_submit(f->pooled, inv);
	watch_time(fl);
}

bool fleet_cancel(struct fleet_function *f, uint64_t id)
{
	struct invocation *inv = pool_withdraw(f->pooled, id);
	invocation_destroy(inv);
	return inv != NULL;
}

static bool runs(const struct seat *seat, uint64_t id)
{
	return worker_runs(seat->worker, id);
}

void fleet_pause(struct fleet_function *f, uint64_t id, bool paused)
{
	struct seat *seat = pool_find_seat(f->pooled, runs, id);
	if (seat) {
		worker_pause(seat->worker, paused);
	}
}

void fleet_warm(struct fleet_function *f)
{
	pool_warm(f->pooled);
}

void fleet_expect(struct fleet *fl, const struct env_spec *spec)
{
	bool node = launch_kind_of(spec->runtime) == LAUNCH_NODE;
	if (fl->spares && node && !needs_own_boot(spec)) {
		spares_prepare(fl->spares, spec->memory_mb);
	}
}

unsigned fleet_workers(const struct fleet *fl)
{
	return pool_seats(fl->pool);
}

static void finish_if_done(struct fleet *fl)
{
	if (!fl->closing || !fl->spares_gone || pool_seats(fl->pool) > 0 ||
		!list_empty(&fl->functions)) {
		return;
	}
	void (*done)(void *ctx) = fl->done;
	void *ctx = fl->ctx;
	pool_destroy(fl->pool);
	timer_close(fl->timer);
	free(fl);
	if (done) {
		done(ctx);
	}
}

static void on_spares_gone(void *ctx)
{
	struct fleet *fl = ctx;
	fl->spares_gone = true;
	finish_if_done(fl);
}

/* Each function is closed here if its owner has not done so. */
void fleet_close(struct fleet *fl, void (*done)(void *ctx), void *ctx)
{
	fl->closing = true;
	fl->done = done;
	fl->ctx = ctx;
	timer_stop(fl->timer);
	LIST_FOR_SAFE (node, &fl->functions) {
		struct fleet_function *f = container_of(node, struct fleet_function, link);
		if (!f->closed) {
			fleet_function_close(f);
		}
	}
	pool_kill(fl->pool);
	if (fl->spares) {
		spares_close(fl->spares, on_spares_gone, fl);
	} else {
		on_spares_gone(fl);
	}
}
