/* The cloud, as one object: the service port with Cognito Identity, STS, Lambda, console and bridge, and
 * for each app and stage that an agent brings a deployment with its APIs and logins. */
#pragma once

#include <uv.h>

#include "proxy/base/clock.h"
#include "proxy/base/err.h"

struct emulator;
struct bridge_server;

struct emulator_config {
	uv_loop_t *loop;
	const struct clock *clock;
	const char *host; /* "127.0.0.1" */
	const char *public_host; /* what URLs call this machine; NULL = "localhost" */
	unsigned
		port; /* service port; APIs and logins take the next ones; 0 = free ports everywhere */
	const char *state_dir; /* holds state.db; NULL = nothing survives */
	const char *account; /* 12 digits; NULL = the usual one */
	const char *token; /* what agents must present */
	const char *tls_cert,
		*tls_key; /* PEM files: agents may come over TLS too, on a port of their
					 * own; from beyond loopback they must. NULL = loopback only */
	const char *credentials_file; /* NULL = none */
	const char *const *allow_callbacks;
	size_t n_allow_callbacks;
	bool remote_login;
	bool own_agent; /* the one agent is this program's other half: its coming and going is no news */
};

struct emulator *emulator_open(const struct emulator_config *config, struct err *err) MUST_CHECK;
unsigned emulator_port(const struct emulator *e);
/* For the agent of the same process. */
struct bridge_server *emulator_bridge(const struct emulator *e);
/* Of the bridge over TLS; 0 = none. */
unsigned emulator_bridge_port(const struct emulator *e);
/* Refuses new work, says BYE to agents, closes every listener; then done. */
void emulator_close(struct emulator *e, void (*done)(void *ctx), void *ctx);
