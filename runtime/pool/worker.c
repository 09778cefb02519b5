/* Happy path: open (API, then process) -> on_api_ready -> run -> on_api_response -> on_api_over -> run ...
 *
 * Failures: the process cannot be started (worker_open fails); it reports an init error or exits in
 * init (FATE_INIT_FAILED); init takes too long; it exits or is killed while it runs (Runtime.ExitError);
 * the time is up (Sandbox.Timedout, the group is killed); it breaks off a stream. The one way out is
 * on_child_ended: there the last answers are given, then the worker goes. The API is closed after
 * the process is dead, because official clients spin when their server goes first. */
#include "runtime/pool/worker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/encode.h"
#include "proxy/base/json.h"
#include "proxy/base/log.h"
#include "proxy/net/timer.h"
#include "runtime/pool/debugger.h"
#include "runtime/pool/lines.h"
#include "runtime/pool/memory.h"
#include "runtime/pool/platform_log.h"

#define INIT_LIMIT_MS 10000
#define STOP_GRACE_MS 300
#define STOP_DELAY_MS 50 /* whoever it makes place for is answered first */
/* At the memory, and for a debugger; a look costs as much as some invocations. */
#define LOOK_MS 250
#define INIT_ERROR_GRACE_MS 1500
#define TAIL_BYTES 4096
#define TAIL_MAX (512 * 1024)
#define LOG_MAX 8192 /* of what the platform says of one invocation */
#define USUAL_LOG 480 /* one allocation for most */

enum worker_state {
	STARTING,
	IDLE,
	BUSY,
	ENDING
};

/* The invocation being run. */
struct run {
	struct invocation *inv;
	uint64_t started_ns;
	double init_ms; /* a cold start's, else 0 */
	bool start_logged;
	bool answered;
	bool streaming;
	const char *failure; /* for REPORT: "" or an error type */
	struct buf tail; /* of the log, if asked for */
	bool held; /* the answer waits for the end of the log */
	bool held_ok;
	char held_type[64];
	struct buf held_body;
};

struct worker {
	struct worker_events const *events;
	void *owner;
	enum worker_state state;
	bool stopping; /* no new work; ends when what it runs is over */
	enum platform_log_format log_format;
	unsigned inspect_port; /* Node's inspector listens there; 0 = it does not */
	uint64_t limit_ns; /* since when time counts towards the limit that holds */
	uint64_t due_ns; /* when the timer fires; 0 = not armed */
	enum worker_fate fate;
	struct runtime_api *api;
	struct child *child;
	struct timer *timer;
	uint64_t spawned_ns;
	double init_ms; /* waits for the first invocation's REPORT */
	struct run run;
	struct list ahead; /* struct invocation: in the process, not begun; oldest first */
	struct lines lines[2]; /* stdout, stderr */
	struct memory_peak memory;
	bool greedy; /* was killed for its memory */
	char *function, *handler;
	unsigned memory_mb;
	char *init_error_type;
	struct buf init_error;
};

static uint64_t now_ns(void)
{
	return clock_mono_ns(&clock_system);
}

static double ms_between(uint64_t from_ns, uint64_t to_ns)
{
	return (double)(to_ns - from_ns) / 1e6;
}

static double ms_since(uint64_t ns)
{
	return ms_between(ns, now_ns());
}

static void set_state(struct worker *w, enum worker_state to)
{
	static const char *const names[] = { "starting", "idle", "busy", "ending" };
	static const bool allowed[4][4] = {
		[STARTING] = { false, true, false, true },
		[IDLE] = { false, false, true, true },
		[BUSY] = { false, true, true, true },
		[ENDING] = { false, false, false, true },
	};
	ENSURE(allowed[w->state][to]);
	log_debug("pool", "worker %d of %s: %s -> %s", worker_pid(w), w->function, names[w->state],
		names[to]);
	w->state = to;
}

/* ---- log ---- */

static void tail_add(struct run *r, struct span text)
{
	buf_add_span(&r->tail, text);
	if (r->tail.len > TAIL_MAX / 2) {
		buf_consume(&r->tail, r->tail.len - TAIL_BYTES);
	}
}

static void emit(struct worker *w, enum log_kind kind, struct span text)
{
	struct run *r = &w->run;
	if (r->inv && r->inv->log_tail) {
		tail_add(r, text);
	}
	w->events->on_log(w->events->ctx, w, r->inv, kind, text);
}

/* START goes out with the first line of the invocation, or with its END: the quiet ones cost one record. */
static void log_start(struct worker *w, struct buf *out)
{
	if (w->run.start_logged) {
		return;
	}
	const struct runtime_event *e = &w->run.inv->event;
	w->run.start_logged = true;
	platform_log_start(out, w->log_format, e->request_id, e->trace_id);
}

static void on_lines(void *ctx, int stream, struct span text)
{
	struct worker *w = ctx;
	if (w->run.inv && !w->run.start_logged) {
		struct buf start = BUF_INIT(LOG_MAX);
		log_start(w, &start);
		emit(w, LOG_PLATFORM, buf_span(&start));
		buf_fini(&start);
	}
	emit(w, stream == CHILD_STDOUT ? LOG_STDOUT : LOG_STDERR, text);
}

static void on_child_output(void *ctx, enum child_stream stream, struct span bytes)
{
	struct worker *w = ctx;
	lines_feed(&w->lines[stream], bytes);
}

/* Everything that the process has written so far is passed on. */
static void drain(struct worker *w)
{
	child_drain(w->child);
	lines_flush(&w->lines[CHILD_STDOUT]);
	lines_flush(&w->lines[CHILD_STDERR]);
}

static void log_end(struct worker *w, uint64_t end_ns, double ms)
{
	struct buf text = BUF_INIT(LOG_MAX);
	(void)buf_reserve(&text, USUAL_LOG);
	log_start(w, &text);
	struct platform_report report = { w->run.inv->event.request_id, ms, w->run.init_ms,
		w->memory_mb, memory_peak_mb(&w->memory, end_ns), w->run.failure };
	platform_log_report(&text, w->log_format, &report);
	emit(w, LOG_PLATFORM, buf_span(&text));
	buf_fini(&text);
}

static void log_init_timeout(struct worker *w)
{
	char text[96];
	int n = snprintf(text, sizeof text,
		"INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: timeout\n",
		ms_since(w->spawned_ns));
	emit(w, LOG_PLATFORM, span_n(text, (size_t)n));
}

/* ---- answers ---- */

/* A stream's bytes have left: what is said at its end is its error, in base64, or nothing. */
static void deliver(struct worker *w, bool ok, const char *type, struct span body)
{
	struct run *r = &w->run;
	uint64_t now = now_ns();
	(void)memory_peak_mb(&w->memory, now); /* the process may be gone when REPORT is written */
	struct outcome o = { .ok = ok,
		.error_type = type,
		.payload = r->streaming ? SPAN("") : body,
		.stream_error = r->streaming ? body : SPAN(""),
		.duration_ms = ms_between(r->started_ns, now),
		.detail = "" };
	if (r->inv->log_tail) {
		size_t n = r->tail.len < TAIL_BYTES ? r->tail.len : TAIL_BYTES;
		o.log_tail = span_n(r->tail.ptr + (r->tail.len - n), n);
	}
	w->events->on_outcome(w->events->ctx, w, r->inv, &o);
}

/* Answers now, or keeps the answer until the log is complete if the caller wants its tail. */
static void answer(struct worker *w, bool ok, const char *type, struct span body)
{
	struct run *r = &w->run;
	if (r->answered) {
		return;
	}
	r->answered = true;
	if (!r->inv->log_tail) {
		deliver(w, ok, type, body);
		return;
	}
	r->held = true;
	r->held_ok = ok;
	snprintf(r->held_type, sizeof r->held_type, "%s", type);
	buf_init(&r->held_body, RUNTIME_MAX_PAYLOAD);
	buf_add_span(&r->held_body, body);
}

/* A failure that the platform reports: errorType first (lambda.md 2.5). A stream that has begun carries
 * it at its end. */
static void answer_failure(struct worker *w, const char *type, const char *message)
{
	struct run *r = &w->run;
	r->failure = type;
	if (r->answered) {
		return;
	}
	struct buf body = BUF_INIT(8192);
	buf_add_char(&body, '{');
	json_add_member(&body, "errorType", span_of(type));
	json_add_member(&body, "errorMessage", span_of(message));
	buf_add_char(&body, '}');
	if (r->streaming) {
		struct buf encoded = BUF_INIT(16384);
		base64_encode(&encoded, buf_span(&body));
		answer(w, false, type, buf_span(&encoded));
		buf_fini(&encoded);
	} else {
		answer(w, false, type, buf_span(&body));
	}
	buf_fini(&body);
}

/* The invocation is over: log, the answer if it waited for that, memory. */
static double finish_run(struct worker *w, uint64_t end_ns)
{
	struct run *r = &w->run;
	double ms = ms_between(r->started_ns, end_ns);
	drain(w);
	log_end(w, end_ns, ms);
	if (r->held) {
		deliver(w, r->held_ok, r->held_type, buf_span(&r->held_body));
		buf_fini(&r->held_body);
	}
	buf_fini(&r->tail);
	invocation_destroy(r->inv);
	*r = (struct run){ .failure = "" };
	return ms;
}

/* ---- running ---- */

/* Whether the time is up. None passes while a debugger is attached (lambda.md 10.7). */
static bool is_late(struct worker *w, unsigned limit_ms)
{
	if (w->inspect_port && debugger_attached(w->inspect_port)) {
		w->limit_ns = now_ns();
		return false;
	}
	return ms_since(w->limit_ns) >= limit_ms;
}

static void arm(struct worker *w, uint64_t now, uint64_t ms)
{
	w->due_ns = now + ms * 1000000;
	timer_arm(w->timer, ms);
}

static void disarm(struct worker *w)
{
	w->due_ns = 0;
	timer_stop(w->timer);
}

/* Until the time is up or for the next look. */
static void arm_limit(struct worker *w, uint64_t now, unsigned limit_ms)
{
	double used = ms_between(w->limit_ns, now);
	double left = limit_ms - used;
	if (w->inspect_port || w->run.inv) {
		left = fmin(left, LOOK_MS - fmod(used, LOOK_MS));
	}
	arm(w, now, left > 0 ? (uint64_t)ceil(left) : 0);
}

/* A timer that an invocation before this one left running, and that fires early enough, serves this one too:
 * quick ones need not touch it. */
static void begin(struct worker *w, struct invocation *inv, uint64_t started_ns)
{
	w->run = (struct run){
		.inv = inv, .started_ns = started_ns, .init_ms = w->init_ms, .failure = ""
	};
	w->init_ms = 0;
	buf_init(&w->run.tail, TAIL_MAX);
	w->limit_ns = started_ns;
	unsigned first_ms = inv->timeout_ms < LOOK_MS ? inv->timeout_ms : LOOK_MS;
	if (!w->due_ns || w->due_ns > started_ns + first_ms * UINT64_C(1000000)) {
		arm_limit(w, started_ns, inv->timeout_ms);
	}
}

static void stamp_deadline(struct invocation *inv, double used_ms)
{
	inv->event.deadline_ms = clock_now_ms(&clock_system) + inv->timeout_ms - (int64_t)used_ms;
}

void worker_run(struct worker *w, struct invocation *inv)
{
	ENSURE(worker_has_room(w, true));
	list_remove(&inv->link);
	stamp_deadline(inv, 0);
	if (w->state == IDLE) {
		set_state(w, BUSY);
		begin(w, inv, now_ns());
	} else {
		list_push_back(&w->ahead, &inv->link);
	}
	runtime_api_deliver(w->api, &inv->event);
}

static void end_soon(struct worker *w, unsigned grace_ms)
{
	if (w->state != ENDING) {
		set_state(w, ENDING);
	}
	child_stop(w->child, grace_ms);
}

/* Where a debugger may be attached none: Node would wait for that to let go, and the port is needed at once. */
static unsigned stop_grace_ms(const struct worker *w)
{
	return w->inspect_port ? 0 : STOP_GRACE_MS;
}

/* It runs nothing and is to go. The death of a process is work for the kernel, so that waits. */
static void leave(struct worker *w)
{
	if (w->state == IDLE && w->inspect_port == 0) {
		arm(w, now_ns(), STOP_DELAY_MS);
	} else {
		end_soon(w, stop_grace_ms(w));
	}
}

static void on_api_ready(void *ctx)
{
	struct worker *w = ctx;
	if (w->state != STARTING) {
		return;
	}
	double init_ms = ms_since(w->spawned_ns);
	set_state(w, IDLE);
	if (w->run.inv) {
		/* Suppressed init: its time is part of the invocation. */
		set_state(w, BUSY);
		stamp_deadline(w->run.inv, init_ms);
		runtime_api_deliver(w->api, &w->run.inv->event);
	} else {
		disarm(w);
		w->init_ms = init_ms;
	}
	w->events->on_ready(w->events->ctx, w, init_ms);
}

static void on_api_init_error(void *ctx, struct span type, struct span body)
{
	struct worker *w = ctx;
	free(w->init_error_type);
	w->init_error_type = xstrndup(type.ptr ? type.ptr : "", type.len);
	buf_clear(&w->init_error);
	buf_add_span(&w->init_error, body);
	/* It ends by itself; if not, it is helped. */
	if (w->state == STARTING) {
		arm(w, now_ns(), INIT_ERROR_GRACE_MS);
	}
}

static void on_api_response(void *ctx, struct span body)
{
	answer(ctx, true, "", body);
}

/* Node, Python and Go name the type in the body only (lambda.md 1.6). */
static void on_api_error(void *ctx, struct span type, struct span body)
{
	struct worker *w = ctx;
	char name[64] = "";
	if (type.len > 0) {
		snprintf(name, sizeof name, "%.*s", SPAN_ARG(type));
	} else {
		AUTO_JSON cJSON *tree = json_parse(body, NULL);
		const char *text = json_str(tree, "errorType");
		snprintf(name, sizeof name, "%s", text ? text : "");
	}
	answer(w, false, name, body);
}

static void on_api_refused(void *ctx, const char *type, const char *message)
{
	answer_failure(ctx, type, message);
}

static void on_api_stream(void *ctx, struct span content_type)
{
	struct worker *w = ctx;
	w->run.streaming = true;
	w->events->on_chunk(w->events->ctx, w, w->run.inv, content_type, SPAN(""));
}

static void on_api_stream_data(void *ctx, struct span piece)
{
	struct worker *w = ctx;
	w->events->on_chunk(w->events->ctx, w, w->run.inv, (struct span){ NULL, 0 }, piece);
}

static void on_api_stream_end(void *ctx, bool complete, struct span type, struct span body)
{
	struct worker *w = ctx;
	if (!w->run.inv || !complete) {
		/* Its connection went; if the process did too, its exit says more, so that is awaited. */
		return;
	}
	char name[64];
	snprintf(name, sizeof name, "%.*s", SPAN_ARG(type));
	answer(w, type.len == 0, name, body);
}

static void on_api_over(void *ctx)
{
	struct worker *w = ctx;
	if (w->state != BUSY) {
		return;
	}
	uint64_t now = now_ns();
	double ms = finish_run(w, now);
	struct list *next = list_first(&w->ahead);
	if (next) {
		/* Its time starts now that the process can start it (design 10). */
		list_remove(next);
		begin(w, container_of(next, struct invocation, link), now);
	} else {
		set_state(w, IDLE);
		if (w->stopping) {
			leave(w);
		}
	}
	w->events->on_free(w->events->ctx, w, ms);
}

static void time_out(struct worker *w)
{
	char message[128];
	snprintf(message, sizeof message, "RequestId: %s Error: Task timed out after %.2f seconds",
		w->run.inv->event.request_id.ptr, w->run.inv->timeout_ms / 1000.0);
	end_soon(w, 0);
	w->fate = FATE_DIED;
	drain(w);
	answer_failure(w, "Sandbox.Timedout", message);
	/* The process cannot spin any more, and what it may still have sent must not be heard. */
	runtime_api_close(TAKE(w->api));
	finish_run(w, now_ns());
}

/* What the cloud's kernel would do; the exit is the answer. */
static void kill_greedy(struct worker *w, unsigned mb)
{
	char text[128];
	int n = snprintf(text, sizeof text,
		"RequestId: %s Error: killed, its %u MB are more than the function's %u MB\n",
		w->run.inv->event.request_id.ptr, mb, w->memory_mb);
	emit(w, LOG_PLATFORM, span_n(text, (size_t)n));
	w->greedy = true;
	child_stop(w->child, 0);
}

static void on_run_timer(struct worker *w)
{
	if (is_late(w, w->run.inv->timeout_ms)) {
		time_out(w);
		return;
	}
	uint64_t now = now_ns();
	bool look = ms_between(w->run.started_ns, now) >= LOOK_MS;
	unsigned mb = look ? memory_above_mb(worker_pid(w), w->memory_mb) : 0;
	if (mb > 0) {
		kill_greedy(w, mb);
	} else {
		arm_limit(w, now, w->run.inv->timeout_ms);
	}
}

static void on_init_timer(struct worker *w)
{
	if (w->init_error_type) {
		w->fate = FATE_INIT_FAILED;
		end_soon(w, 0);
		return;
	}
	if (!is_late(w, INIT_LIMIT_MS)) {
		arm_limit(w, now_ns(), INIT_LIMIT_MS);
		return;
	}
	w->fate = FATE_INIT_TIMEOUT;
	log_init_timeout(w);
	end_soon(w, 0);
}

static void on_timer(void *ctx)
{
	struct worker *w = ctx;
	w->due_ns = 0;
	if (w->run.inv) {
		on_run_timer(w);
	} else if (w->state == STARTING) {
		on_init_timer(w);
	} else if (w->state == IDLE && w->stopping) {
		end_soon(w, stop_grace_ms(w));
	}
}

/* ---- the end ---- */

static void exit_reason(const struct child_end *end, char *out, size_t size)
{
	char text[64];
	child_end_text(end, text, sizeof text);
	bool silent = end->signal == 0 && end->status == 0;
	if (silent) {
		snprintf(out, size, "Runtime exited without providing a reason");
	} else {
		snprintf(out, size, "Runtime exited with error: %s", text);
	}
}

static void exit_message(
	const struct worker *w, const struct child_end *end, char *out, size_t size)
{
	char reason[96];
	exit_reason(end, reason, sizeof reason);
	snprintf(out, size, "RequestId: %s Error: %s", w->run.inv->event.request_id.ptr, reason);
}

static void answer_exit(struct worker *w, const struct child_end *end)
{
	if (w->init_error_type) {
		/* During suppressed init the runtime's own words are the answer (lambda.md 1.5). */
		w->run.failure = "Runtime.InitError";
		answer(w, false, w->init_error_type, buf_span(&w->init_error));
		return;
	}
	char message[160];
	exit_message(w, end, message, sizeof message);
	answer_failure(w, "Runtime.ExitError", message);
	if (w->greedy) {
		/* The caller is told of the exit alone, the log why (lambda.md 2.5). */
		w->run.failure = "Runtime.OutOfMemory";
		w->memory.mb = w->memory_mb;
	}
}

static void worker_free(struct worker *w)
{
	if (w->api) {
		runtime_api_close(w->api);
	}
	timer_close(w->timer);
	lines_fini(&w->lines[0]);
	lines_fini(&w->lines[1]);
	buf_fini(&w->init_error);
	free(w->init_error_type);
	free(w->function);
	free(w->handler);
	free(w);
}

static void on_child_ended(void *ctx, const struct child_end *end)
{
	struct worker *w = ctx;
	lines_flush(&w->lines[CHILD_STDOUT]);
	lines_flush(&w->lines[CHILD_STDERR]);
	bool starting = w->state == STARTING;
	char reason[96] = "";
	if (w->run.inv) {
		answer_exit(w, end);
		finish_run(w, now_ns());
		w->fate = FATE_DIED;
	} else if (starting || w->fate == FATE_INIT_FAILED) {
		if (!w->init_error_type) {
			w->init_error_type = xstrdup("Runtime.ExitError");
			exit_reason(end, reason, sizeof reason);
		}
		w->fate = FATE_INIT_FAILED;
	} else if (w->state != ENDING) {
		w->fate = FATE_DIED;
	}
	set_state(w, ENDING);
	struct worker_end fate = { w->fate, w->init_error_type ? w->init_error_type : "",
		buf_span(&w->init_error), reason, &w->ahead };
	w->events->on_ended(w->events->ctx, w, &fate);
	worker_free(w);
}

void worker_stop(struct worker *w)
{
	w->stopping = true;
	if (w->state == IDLE || (w->state == STARTING && !w->run.inv)) {
		leave(w);
	}
}

void worker_kill(struct worker *w)
{
	w->stopping = true;
	end_soon(w, 0);
}

/* ---- start ---- */

static struct runtime_api *open_api(
	struct worker *w, uv_loop_t *loop, unsigned prefetch, struct err *err)
{
	struct runtime_api_config api = {
		.function = w->function,
		.version = "$LATEST",
		.handler = w->handler,
		.prefetch = prefetch,
		.ctx = w,
		.on_ready = on_api_ready,
		.on_init_error = on_api_init_error,
		.on_response = on_api_response,
		.on_error = on_api_error,
		.on_refused = on_api_refused,
		.on_stream = on_api_stream,
		.on_stream_data = on_api_stream_data,
		.on_stream_end = on_api_stream_end,
		.on_over = on_api_over,
	};
	return runtime_api_open(loop, &api, err);
}

static void assign_spare(struct worker *w, const struct worker_config *c, char *const *env)
{
	struct buf line = BUF_INIT(4 * 1024 * 1024);
	env_assignment(&line, c->spare_base, env, c->cwd);
	child_give(c->spare, w, on_child_output, on_child_ended);
	child_send(c->spare, buf_span(&line));
	buf_fini(&line);
	w->child = c->spare;
}

static int open_process(struct worker *w, const struct worker_config *c, struct err *err)
{
	struct arena *arena = arena_create();
	char **env = env_build(arena, c->env, environ, runtime_api_address(w->api));
	if (c->spare) {
		assign_spare(w, c, env);
	} else {
		struct child_config child = { .loop = c->loop,
			.argv = c->argv,
			.env = env,
			.cwd = c->cwd,
			.socket = c->prefetch > 0,
			.ctx = w,
			.on_output = on_child_output,
			.on_ended = on_child_ended };
		w->child = child_open(&child, err);
	}
	arena_destroy(arena);
	if (w->child && c->prefetch > 0) {
		runtime_api_adopt(w->api, child_socket(w->child));
	}
	return w->child ? 0 : -ERR_UNAVAILABLE;
}

struct worker *worker_open(const struct worker_config *c, struct err *err)
{
	struct worker *w = xalloc(sizeof *w);
	w->events = c->events;
	w->owner = c->owner;
	w->inspect_port = c->inspect_port;
	w->log_format = c->env->json_logs ? PLATFORM_LOG_JSON : PLATFORM_LOG_TEXT;
	w->function = xstrdup(c->env->function);
	w->handler = xstrdup(c->env->handler);
	w->memory_mb = c->env->memory_mb;
	w->run.failure = "";
	buf_init(&w->init_error, RUNTIME_MAX_PAYLOAD);
	list_init(&w->ahead);
	lines_init(&w->lines[CHILD_STDOUT], CHILD_STDOUT, on_lines, w);
	lines_init(&w->lines[CHILD_STDERR], CHILD_STDERR, on_lines, w);
	w->timer = timer_open(c->loop, on_timer, w);
	w->api = open_api(w, c->loop, c->prefetch, err);
	if (!w->api || open_process(w, c, err) != 0) {
		worker_free(w);
		return NULL;
	}
	w->spawned_ns = now_ns();
	memory_peak_init(&w->memory, worker_pid(w));
	if (c->first) {
		list_remove(&c->first->link);
		begin(w, c->first, w->spawned_ns);
	} else {
		w->limit_ns = w->spawned_ns;
		arm_limit(w, w->spawned_ns, INIT_LIMIT_MS);
	}
	return w;
}

void *worker_owner(const struct worker *w)
{
	return w->owner;
}

int worker_pid(const struct worker *w)
{
	return w->child ? child_pid(w->child) : 0;
}

bool worker_has_room(const struct worker *w, bool ahead)
{
	if (w->stopping || (w->state != IDLE && !(ahead && w->state == BUSY))) {
		return false;
	}
	return runtime_api_room(w->api) > 0;
}

double worker_running_ms(const struct worker *w)
{
	return w->run.inv ? ms_since(w->run.started_ns) : 0;
}

bool worker_runs(const struct worker *w, uint64_t id)
{
	return w->run.inv && w->run.inv->id == id;
}

void worker_pause(struct worker *w, bool paused)
{
	if (w->api) {
		runtime_api_pause(w->api, paused);
	}
}
