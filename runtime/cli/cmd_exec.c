/* offstage exec [DIR] -- COMMAND: a throw-away copy of the app's cloud on free ports, COMMAND against it, its
 * exit code back.
 *
 * Happy path: up -> ready -> COMMAND starts with the addresses in its environment -> ends -> down.
 * Failures: the app does not come up (1, COMMAND never starts); COMMAND cannot be started (127 or 126, as a
 * shell says); a signal is passed on to COMMAND and we end when it does; we are killed: the guard ends COMMAND
 * and all that it started, and the next exec sweeps the folder we left. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "proxy/base/ids.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/environment.h"
#include "runtime/cli/paths.h"
#include "runtime/cli/run.h"
#include "runtime/cli/scratch.h"

struct exec {
	const struct options *options;
	uv_loop_t *loop;
	uv_process_t process;
	bool started;
	char *endpoints; /* path */
	char *credentials; /* path of the static user's file */
	char access_key[21], secret[41];
};

static void on_command_exit(uv_process_t *process, int64_t status, int signal_number)
{
	run_on_signal(NULL, NULL);
	uv_close((uv_handle_t *)process, NULL);
	run_stop(signal_number ? 128 + signal_number : (int)status);
}

/* Then Ctrl-C has reached COMMAND without us, and a second one means "at once" to many a test runner. */
static bool in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static bool pass_on(void *ctx, int number)
{
	struct exec *e = ctx;
	if (e->started && !(number == SIGINT && in_foreground())) {
		uv_kill(e->process.pid, number);
	}
	return e->started;
}

static void start_command(struct exec *e, const cJSON *endpoints)
{
	struct environment env;
	environment_init(&env);
	environment_for_app(&env, endpoints, e->endpoints, e->access_key, e->secret);
	uv_stdio_container_t stdio[3] = { { .flags = UV_INHERIT_FD, .data.fd = 0 },
		{ .flags = UV_INHERIT_FD, .data.fd = 1 },
		{ .flags = UV_INHERIT_FD, .data.fd = 2 } };
	char **argv = environment_guard(&env, e->options->child);
	uv_process_options_t o = { .exit_cb = on_command_exit,
		.file = argv[0],
		.args = argv,
		.env = environment_take(&env),
		.stdio_count = 3,
		.stdio = stdio };
	e->process.data = e;
	console_flush();
	int rc = uv_spawn(e->loop, &e->process, &o);
	if (rc) {
		console_problem("cannot start a process: %s", uv_strerror(rc));
		uv_close((uv_handle_t *)&e->process, NULL);
		run_stop(126);
	} else {
		e->started = true;
		run_on_signal(pass_on, e);
	}
	environment_fini(&env);
}

static void on_ready(void *ctx, const cJSON *endpoints, const cJSON *outputs, bool first)
{
	(void)outputs;
	if (first) {
		start_command(ctx, endpoints);
	}
}

/* A static IAM user of this copy alone, for AWS clients in the command. */
static int write_credentials(struct exec *e, const char *dir, struct err *err)
{
	memcpy(e->access_key, "AKIA", 4);
	id_random(e->access_key + 4, 16, ID_BASE32);
	id_random(e->secret, 40, ID_BASE64);
	e->credentials = xasprintf("%s/credentials", dir);
	AUTO_FREE char *text =
		xasprintf("[exec]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
			e->access_key, e->secret);
	return file_replace(e->credentials, span_of(text), 0600, err);
}

static int run_copy(struct exec *e, const struct paths *p, const char *scratch, struct err *err)
{
	uv_loop_t loop;
	struct options options = *e->options;
	if (!options.credentials) {
		if (write_credentials(e, scratch, err)) {
			return EXIT_FAILED;
		}
		options.credentials = e->credentials;
	}
	e->endpoints = xasprintf("%s/endpoints.json", scratch);
	e->loop = &loop;
	ENSURE(uv_loop_init(&loop) == 0);
	console_mute(); /* the terminal is the command's */
	int code = run_app(&loop, &(struct run){ .options = &options,
					  .app_dir = p->app,
					  .stage_dir = scratch,
					  .runtime_dir = p->runtime,
					  .on_ready = on_ready,
					  .ctx = e });
	ENSURE(uv_loop_close(&loop) == 0);
	return code;
}

int cmd_exec(const struct options *o)
{
	struct paths p;
	struct err err = ERR_INIT;
	struct exec e = { .options = o };
	char *scratch = NULL;
	int code = EXIT_FAILED;
	if (!paths_find(&p, o, &err)) {
		scratch = scratch_create(&err);
	}
	if (scratch) {
		code = run_copy(&e, &p, scratch, &err);
		scratch_destroy(scratch);
	}
	if (err.code) {
		console_problem("%s", err.msg);
	}
	free(e.endpoints);
	free(e.credentials);
	paths_fini(&p);
	return code;
}
