#include "runtime/cli/run.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "emulator/emulator.h"
#include "emulator/service.h"
#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "proxy/base/heap.h"
#include "proxy/base/ids.h"
#include "proxy/net/awake.h"
#include "runtime/agent.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/endpoints.h"
#include "runtime/cli/host.h"

#define TOKEN_LEN 40
#define FLUSH_MS 10
#define FLUSHES_AT_ONCE 4
#define TRIM_MS 5000
#define TRIM_FROM (32 * 1024 * 1024) /* bytes that the heap holds for nobody */

struct running {
	uv_loop_t *loop;
	const struct run *run;
	struct emulator *emulator;
	struct agent *agent;
	char token[TOKEN_LEN + 1]; /* between the halves, when both are here */
	char *endpoints; /* path; removed at the end if it was written */
	bool is_ready;
	uv_signal_t signals[3];
	struct awake *awake;
	uv_prepare_t flusher; /* terminal output leaves soon, but not line by line */
	uv_timer_t flush_later;
	uv_timer_t trimmer;
	size_t unused; /* bytes of the heap, at the last trim */
	uint64_t window_ms; /* since when `flushes` counts */
	unsigned flushes;
	bool (*signal_fn)(void *ctx, int number);
	void *signal_ctx;
	bool stopping;
	int exit_code;
};

/* One program runs one app; a second would be a second process. */
static struct running *current;

static void on_emulator_closed(void *ctx)
{
	struct running *r = ctx;
	for (size_t i = 0; i < COUNT_OF(r->signals); i++) {
		uv_close((uv_handle_t *)&r->signals[i], NULL);
	}
	uv_close((uv_handle_t *)&r->flusher, NULL);
	uv_close((uv_handle_t *)&r->flush_later, NULL);
	uv_close((uv_handle_t *)&r->trimmer, NULL);
	awake_close(r->awake);
}

static void on_agent_closed(void *ctx)
{
	struct running *r = ctx;
	if (r->emulator) {
		emulator_close(r->emulator, on_emulator_closed, r);
	} else {
		on_emulator_closed(r);
	}
}

static void stop(struct running *r, int exit_code)
{
	if (r->stopping) {
		return;
	}
	r->stopping = true;
	r->exit_code = exit_code;
	if (r->agent) {
		agent_close(r->agent, on_agent_closed, r);
	} else {
		on_agent_closed(r);
	}
}

void run_stop(int exit_code)
{
	if (current) {
		stop(current, exit_code);
	}
}

void run_on_signal(bool (*fn)(void *ctx, int number), void *ctx)
{
	if (current) {
		current->signal_fn = fn;
		current->signal_ctx = ctx;
	}
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct running *r = handle->data;
	if (r->signal_fn && r->signal_fn(r->signal_ctx, number)) {
		return;
	}
	if (r->stopping && number == SIGINT) {
		/* Twice: the developer does not want to wait. */
		console_problem("stopped at once");
		_exit(EXIT_INTERRUPTED);
	}
	stop(r, number == SIGINT ? EXIT_INTERRUPTED : EXIT_DONE);
}

static void on_flush_later(uv_timer_t *handle)
{
	(void)handle;
	console_flush();
}

/* At once when it is quiet, so that a line appears as it happens; after a few in one FLUSH_MS only every
 * FLUSH_MS: under load a write for each request would cost more than the request's own. */
static void on_turn(uv_prepare_t *handle)
{
	struct running *r = handle->data;
	if (!console_has_pending()) {
		return;
	}
	uint64_t since = uv_now(r->loop) - r->window_ms;
	if (since >= FLUSH_MS) {
		r->window_ms = uv_now(r->loop);
		r->flushes = 0;
		since = 0;
	}
	if (r->flushes < FLUSHES_AT_ONCE) {
		r->flushes++;
		console_flush();
	} else if (!uv_is_active((uv_handle_t *)&r->flush_later)) {
		uv_timer_start(&r->flush_later, on_flush_later, FLUSH_MS - since, 0);
	}
}

static void on_trim(uv_timer_t *handle)
{
	struct running *r = handle->data;
	r->unused = heap_give_back(TRIM_FROM, r->unused);
}

/* --- the agent's news ------------------------------------------------------------------------ */

static void on_outputs(void *ctx, const cJSON *outputs)
{
	struct running *r = ctx;
	struct buf text = BUF_INIT(16u << 20);
	struct err err = ERR_INIT;
	endpoints_write(&text, outputs, r->run->options->stage, (long)getpid());
	AUTO_JSON cJSON *endpoints = json_parse(buf_span(&text), &err);
	ENSURE(endpoints);
	if (file_replace(r->endpoints, buf_span(&text), 0600, &err)) {
		console_problem("%s", err.msg);
		stop(r, EXIT_FAILED);
	} else {
		bool first = !r->is_ready;
		r->is_ready = true;
		r->run->on_ready(r->run->ctx, endpoints, outputs, first);
	}
	buf_fini(&text);
}

/* The app cannot be emulated as declared. If it was running it stays up on its last good model. */
static void on_failed(void *ctx, const char *text)
{
	struct running *r = ctx;
	console_problem("%s", text);
	if (!r->is_ready) {
		stop(r, EXIT_FAILED);
	}
}

/* Within one process the link is no news. */
static void on_link(void *ctx, bool up, const char *why)
{
	struct running *r = ctx;
	if (!r->run->remote) {
		return;
	}
	struct buf members = BUF_INIT(4096);
	json_add_member_bool(&members, "up", up);
	json_add_member(&members, "reason", span_of(why));
	console_event("link", buf_span(&members));
	buf_fini(&members);
	const char *what = r->is_ready ? "Connection to the emulator lost, trying to get it back"
				       : "Cannot reach the emulator yet, still trying";
	console_line(up ? STYLE_GREEN : STYLE_YELLOW, "%s%s%s",
		up ? "Connected to the emulator" : what, up ? "" : ": ", up ? "" : why);
}

static void on_gone(void *ctx, const char *why)
{
	struct running *r = ctx;
	if (!r->stopping) {
		console_problem("%s", why);
		stop(r, EXIT_FAILED);
	}
}

/* --- up --------------------------------------------------------------------------------------- */

static void watch_signals(struct running *r)
{
	static const int NUMBERS[] = { SIGINT, SIGTERM, SIGHUP };
	for (size_t i = 0; i < COUNT_OF(NUMBERS); i++) {
		uv_signal_init(r->loop, &r->signals[i]);
		r->signals[i].data = r;
		uv_signal_start(&r->signals[i], on_signal, NUMBERS[i]);
	}
	uv_timer_init(r->loop, &r->flush_later);
	r->trimmer.data = r;
	uv_timer_init(r->loop, &r->trimmer);
	uv_timer_start(&r->trimmer, on_trim, TRIM_MS, TRIM_MS);
	r->flusher.data = r;
	uv_prepare_init(r->loop, &r->flusher);
	uv_prepare_start(&r->flusher, on_turn);
}

static const char *token_of(const struct running *r)
{
	return r->run->token ? r->run->token : r->token;
}

static int open_emulator(struct running *r, struct err *err)
{
	const struct run *run = r->run;
	const struct options *o = run->options;
	char public_host[HOST_MAX];
	host_public(o->host, run->for_others, public_host);
	r->emulator = emulator_open(&(struct emulator_config){ .loop = r->loop,
					    .clock = &clock_system,
					    .host = o->host,
					    .public_host = public_host,
					    .port = o->port,
					    .state_dir = run->state_dir,
					    .token = token_of(r),
					    .tls_cert = run->tls_cert,
					    .tls_key = run->tls_key,
					    .credentials_file = o->credentials,
					    .allow_callbacks = o->allow_callbacks,
					    .n_allow_callbacks = o->n_allow_callbacks,
					    .remote_login = o->remote_login,
					    .own_agent = run->app_dir != NULL },
		err);
	if (!r->emulator) {
		return -(int)err->code;
	}
	if (run->on_listening) {
		run->on_listening(run->ctx, r->emulator);
	}
	return 0;
}

static int open_agent(struct running *r, struct err *err)
{
	const struct run *run = r->run;
	const struct run_remote *remote = run->remote;
	r->agent = agent_open(&(struct agent_config){ .loop = r->loop,
				      .app_dir = run->app_dir,
				      .stage_dir = run->stage_dir,
				      .runtime_dir = run->runtime_dir,
				      .stage = run->options->stage,
				      .local = remote ? NULL : emulator_bridge(r->emulator),
				      .url = remote ? remote->url : "",
				      .fingerprint = remote ? remote->fingerprint : "",
				      .token = token_of(r),
				      .max_concurrency = run->options->max_concurrency,
				      .inspect_port = run->options->inspect,
				      .frozen = run->frozen,
				      .on_ready = on_outputs,
				      .on_failed = on_failed,
				      .on_link = on_link,
				      .on_gone = on_gone,
				      .ctx = r },
		err);
	return r->agent ? 0 : -(int)err->code;
}

static int open_halves(struct running *r, struct err *err)
{
	if (!r->run->remote && open_emulator(r, err)) {
		return -(int)err->code;
	}
	return r->run->app_dir ? open_agent(r, err) : 0;
}

int run_app(uv_loop_t *loop, const struct run *run)
{
	struct running r = { .loop = loop, .run = run };
	struct err err = ERR_INIT;
	current = &r;
	id_random(r.token, TOKEN_LEN, ID_URLSAFE);
	r.endpoints = xasprintf("%s/endpoints.json", run->stage_dir ? run->stage_dir : "");
	watch_signals(&r);
	r.awake = awake_open(loop);
	if (open_halves(&r, &err)) {
		console_problem("%s", err.msg);
		stop(&r, EXIT_FAILED);
	}
	uv_run(loop, UV_RUN_DEFAULT);
	if (r.is_ready) {
		unlink(r.endpoints);
	}
	free(r.endpoints);
	current = NULL;
	return r.exit_code;
}

int run_alone(const struct run *run)
{
	uv_loop_t loop;
	ENSURE(uv_loop_init(&loop) == 0);
	int code = run_app(&loop, run);
	int rc = uv_loop_close(&loop);
	if (rc) {
		uv_print_all_handles(&loop, stderr);
	}
	ENSURE(rc == 0);
	return code;
}
