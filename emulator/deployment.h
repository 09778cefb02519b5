/* One app at one stage: its model, its APIs and logins, its functions and the agents that run them. The
 * composition root of everything below it: this file and emulator.c are the only ones that know all rooms.
 *
 * An agent brings templates (APP); the deployment builds a model, opens what listens, swaps the model into
 * every room and answers with OUTPUTS. A model that cannot be built changes nothing: the old one stays. */
#pragma once

#include "emulator/auth/auth.h"
#include "emulator/emulator.h"
#include "emulator/model/apps.h"
#include "proxy/bridge/bridge_server.h"

struct deployment;

struct deployment_config {
	const struct emulator_config *emulator;
	struct store *store;
	struct http_client *http;
	unsigned service_port;
	/* The next port for an API or a login; 0 = any free one. */
	unsigned (*take_port)(void *ctx);
	struct apps apps; /* all of this emulator's */
	void *ctx;
};

struct deployment *deployment_create(const struct deployment_config *c, const char *app,
	const char *stage, struct err *err) MUST_CHECK;
/* Closes its listeners; the deployment is freed before done. No agent may be left. */
void deployment_close(struct deployment *d, void (*done)(void *ctx), void *ctx);

bool deployment_is(const struct deployment *d, const char *app, const char *stage);
/* Agents come and go; messages are theirs. */
void deployment_add_agent(struct deployment *d, struct bridge_peer *p);
/* The emulator is going: what its agents have in hand ends. */
void deployment_remove_agents(struct deployment *d, const char *why);
void deployment_remove_agent(struct deployment *d, struct bridge_peer *p, const char *why);
size_t deployment_agents(const struct deployment *d);
void deployment_on_message(
	struct deployment *d, struct bridge_peer *p, const struct wire_message *m);

/* What it runs now; NULL until the first APP. */
const struct model *deployment_model(const struct deployment *d);
/* Requests of the service port. False: not for this room. */
bool deployment_on_request(struct deployment *d, struct http_exchange *x);
