/* The developer's half of Offstage: evaluates the app and sends it over the bridge, learns what functions
 * there are, keeps their code fresh, runs their invocations and answers them. */
#pragma once

#include <uv.h>

#include "proxy/base/err.h"
#include "proxy/base/json.h"

struct agent;
struct bridge_server;

struct agent_config {
	uv_loop_t *loop;
	const char *app_dir; /* absolute, real */
	const char *stage;
	const char *stage_dir; /* absolute; <app>/.offstage/<stage>: build/, log/, synth.json */
	const char *runtime_dir; /* absolute; holds bootstrap/, bundle/builder/ and synth/ */
	const char *node; /* NULL = "node" by PATH */
	struct bridge_server *local; /* the emulator's end in this process; NULL = by url */
	const char *url; /* of the bridge: wss://host:4511/bridge */
	const char *token; /* NULL or "" = none */
	const char *
		fingerprint; /* of the emulator's certificate; NULL or "" = ordinary verification */
	unsigned max_concurrency; /* processes at once; 0 = default */
	unsigned inspect_port; /* 0 = no debugger */
	bool frozen; /* files are read once and not watched */
	void *ctx;
	/* The emulator serves the app as it is now; the OUTPUTS payload, valid for the call. Again after each
	 * change of the stacks. */
	void (*on_ready)(void *ctx, const cJSON *outputs);
	/* The app, as it is now, cannot be evaluated or emulated; text is for the terminal. What was served
	 * before, if anything, goes on. */
	void (*on_failed)(void *ctx, const char *text);
	/* The connection to the emulator is down / is back. NULL = nobody cares. */
	void (*on_link)(void *ctx, bool up, const char *why);
	/* The session is over for good. agent_close is still to be called. */
	void (*on_gone)(void *ctx, const char *why);
};

/* Copies the config and begins at once; callbacks come later. NULL with err if files cannot be watched. */
struct agent *agent_open(const struct agent_config *config, struct err *err) MUST_CHECK;
/* Answers what is open, ends all processes, says BYE, frees; then done. */
void agent_close(struct agent *a, void (*done)(void *ctx), void *ctx);
