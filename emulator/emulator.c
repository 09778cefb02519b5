/* Opening and closing, and who gets what: agents go to their deployment, requests of the service port to
 * service.c's rules.
 *
 * Closing: no new connections -> agents are forgotten and hear BYE -> deployments close their listeners -> service listener,
 * HTTP client and store go -> done. Each step waits for the one before it. */
#include "emulator/emulator.h"

#include <stdio.h>
#include <stdlib.h>

#include "emulator/addressee.h"
#include "emulator/cognito/cognito.h"
#include "emulator/control.h"
#include "emulator/deployment.h"
#include "emulator/lambda/api_error.h"
#include "emulator/service.h"
#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "proxy/base/list.h"
#include "proxy/bridge/bridge_server.h"

struct entry {
	struct list link;
	struct deployment *deployment;
};

struct emulator {
	struct emulator_config config; /* strings below are ours */
	char *host, *public_host, *account, *token, *credentials_file;
	struct store *store;
	struct http_client *http;
	struct http_server *service;
	struct bridge_server *bridge;
	struct list deployments; /* struct entry */
	unsigned next_port; /* 0 = any */
	bool closing;
	unsigned closing_left; /* deployments not closed yet */
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static unsigned take_port(void *ctx)
{
	struct emulator *e = ctx;
	return e->next_port ? e->next_port++ : 0;
}

static struct deployment *deployment_at(struct list *node)
{
	return container_of(node, struct entry, link)->deployment;
}

static const struct model *nth_model(const struct emulator *e, size_t i, bool served)
{
	LIST_FOR (node, &e->deployments) {
		const struct deployment *d = deployment_at(node);
		if (deployment_model(d) && (!served || deployment_agents(d)) && !i--) {
			return deployment_model(d);
		}
	}
	return NULL;
}

/* What struct apps asks for: the models that are there by now. */
static const struct model *app_at(void *ctx, size_t i)
{
	return nth_model(ctx, i, false);
}

/* Those whose functions can run. */
static const struct model *served_app_at(void *ctx, size_t i)
{
	return nth_model(ctx, i, true);
}

/* --- agents ------------------------------------------------------------------------------- */

static struct deployment *deployment_for(
	struct emulator *e, const char *app, const char *stage, struct err *err)
{
	LIST_FOR (node, &e->deployments) {
		struct entry *entry = container_of(node, struct entry, link);
		if (deployment_is(entry->deployment, app, stage)) {
			return entry->deployment;
		}
	}
	struct deployment_config c = { .emulator = &e->config,
		.store = e->store,
		.http = e->http,
		.service_port = http_server_port(e->service),
		.take_port = take_port,
		.apps = { app_at, e },
		.ctx = e };
	struct deployment *d = deployment_create(&c, app, stage, err);
	if (d) {
		struct entry *entry = xalloc(sizeof *entry);
		entry->deployment = d;
		list_push_back(&e->deployments, &entry->link);
	}
	return d;
}

static void on_agent(void *ctx, struct bridge_peer *p, const char *app, const char *stage)
{
	struct emulator *e = ctx;
	struct err err = ERR_INIT;
	struct deployment *d = deployment_for(e, app, stage, &err);
	if (!d) {
		if (!e->config.own_agent) {
			console_problem("cannot take %s at stage %s: %s", app, stage, err.msg);
		}
		bridge_peer_drop(p, err.msg);
		return;
	}
	bridge_peer_set_data(p, d);
	deployment_add_agent(d, p);
}

static void on_message(void *ctx, struct bridge_peer *p, const struct wire_message *m)
{
	(void)ctx;
	struct deployment *d = bridge_peer_data(p);
	if (d) {
		deployment_on_message(d, p, m);
	}
}

static void on_link(void *ctx, struct bridge_peer *p, bool up, const char *why)
{
	(void)ctx;
	console_line(up ? STYLE_GREEN : STYLE_YELLOW, "%s: %s%s", bridge_peer_name(p),
		up ? "" : "connection lost, waiting for it to come back: ", why);
}

static void on_gone(void *ctx, struct bridge_peer *p, const char *why)
{
	(void)ctx;
	struct deployment *d = bridge_peer_data(p);
	if (d) {
		deployment_remove_agent(d, p, why);
	}
}

/* --- the service port ---------------------------------------------------------------------- */

static struct deployment *deployment_of(struct emulator *e, const struct model *m)
{
	LIST_FOR (node, &e->deployments) {
		if (deployment_model(deployment_at(node)) == m) {
			return deployment_at(node);
		}
	}
	return NULL;
}

static void refuse_addressee(struct http_exchange *x, const struct addressee *a)
{
	char message[256];
	snprintf(message, sizeof message,
		"app '%s' is not connected to this emulator at stage '%s'", a->app, a->stage);
	service_reply_message(x, 404, message);
}

/* With one app there is no question; with several, addressee.c knows. NULL: answered. */
static struct deployment *addressed(struct emulator *e, struct http_exchange *x)
{
	const struct http_request *r = http_request(x);
	struct list *first = list_first(&e->deployments);
	if (!first) {
		service_reply_message(x, 503, "no app is connected to this emulator yet");
		return NULL;
	}
	if (first->next == &e->deployments) {
		return deployment_at(first);
	}
	struct addressee a;
	const struct model *other;
	const struct apps apps = { app_at, e };
	addressee_read(&a, r, e->store);
	const struct model *m = addressee_choose(&a, &apps, r->arena, &other);
	if (other) {
		/* One whose agents have left does not stand in the way of one that runs. */
		const struct apps served = { served_app_at, e };
		const struct model *running = addressee_choose(&a, &served, r->arena, &other);
		m = running ? running : m;
	}
	if (other) {
		api_error_reply(x, 409, "ResourceConflictException",
			"function '%s' is in app '%s' at stage '%s' and in app '%s' at stage '%s': "
			"sign with credentials of the one that is meant",
			a.function, m->app, m->stage, other->app, other->stage);
		return NULL;
	}
	if (!m && a.app && a.stage) {
		refuse_addressee(x, &a);
		return NULL;
	}
	if (m && !(a.app && a.stage) && control_asks_for_app(r->path)) {
		control_refuse_unnamed(&apps, x);
		return NULL;
	}
	return m ? deployment_of(e, m) : deployment_at(first);
}

/* From another machine our own endpoints, which hand out anybody's tokens, are for who has the bridge's. */
static bool may_control(const struct emulator *e, const struct http_request *r)
{
	return !control_handles(r->path) || cognito_handles(r) || service_is_loopback(r->peer) ||
	       service_has_token(r, e->token);
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct emulator *e = ctx;
	const struct http_request *r = http_request(x);
	char refusal[256];
	struct service_names names = { e->host, e->public_host, http_server_port(e->service) };
	if (!service_admits(r, &names, refusal, sizeof refusal)) {
		service_reply_message(x, 403, refusal);
		return;
	}
	if (span_is(r->path, "/bridge")) {
		service_reply_message(x, 403,
			"agents connect here from this machine only; from others over TLS, by the "
			"URL that "
			"`offstage serve` prints");
		return;
	}
	if (!may_control(e, r)) {
		service_reply_message(x, 403,
			"from another machine this wants the bridge's token "
			"(Authorization: Bearer)");
		return;
	}
	struct deployment *d = addressed(e, x);
	if (d && !deployment_on_request(d, x)) {
		service_reply_message(x, 404, "no emulated service answers this request");
	}
}

static bool on_upgrade(void *ctx, struct span path, struct span head, int fd)
{
	struct emulator *e = ctx;
	return span_is(path, "/bridge") && !e->closing && service_is_loopback_socket(fd) &&
	       bridge_server_adopt(e->bridge, fd, head);
}

/* --- opening ------------------------------------------------------------------------------- */

static int open_store(struct emulator *e, const char *state_dir, struct err *err)
{
	AUTO_FREE char *path = state_dir ? xasprintf("%s/state.db", state_dir) : NULL;
	if (state_dir && dir_make_private(state_dir, err)) {
		return err_wrap(err, "state folder");
	}
	e->store = store_open(path, e->config.clock, err);
	return e->store ? 0 : -(int)err->code;
}

static int open_bridge(struct emulator *e, struct err *err)
{
	AUTO_FREE char *welcome =
		xasprintf("\"region\":\"\",\"account\":\"%s\"", e->config.account);
	e->bridge = bridge_server_create(&(struct bridge_server_config){ .loop = e->config.loop,
		.token = e->token,
		.tls = e->config.tls_cert != NULL,
		.welcome = welcome,
		.ctx = e,
		.on_agent = on_agent,
		.on_message = on_message,
		.on_link = on_link,
		.on_gone = on_gone });
	unsigned port = e->config.tls_cert ? take_port(e) : 0;
	if (e->config.tls_cert && bridge_server_listen(e->bridge, e->host, port, e->config.tls_cert,
					  e->config.tls_key, err)) {
		bridge_server_close(TAKE(e->bridge), NULL, NULL);
		return err->code == ERR_BUSY ? service_explain_busy(err, port) : -(int)err->code;
	}
	return 0;
}

static int open_service(struct emulator *e, struct err *err)
{
	e->service = http_server_open(e->config.loop, e->host, e->config.port,
		&(struct http_server_config){ .ctx = e,
			.on_request = on_request,
			.on_upgrade = on_upgrade,
			.max_body = 16u << 20,
			.max_head = 64u << 10,
			.idle_timeout_ms = 120000,
			.send_date = true },
		err);
	if (!e->service) {
		return err->code == ERR_BUSY
			       ? service_explain_busy(err, e->config.port)
			       : err_set(err, err->code,
					 "cannot listen on '%s' port %u: is it an address of this "
					 "machine (--host), and may you use the port (--port)?",
					 e->host, e->config.port);
	}
	e->next_port = e->config.port ? http_server_port(e->service) + 1 : 0;
	return 0;
}

static void free_emulator(struct emulator *e)
{
	store_close(e->store);
	free(e->host);
	free(e->public_host);
	free(e->account);
	free(e->token);
	free(e->credentials_file);
	free(e);
}

struct emulator *emulator_open(const struct emulator_config *config, struct err *err)
{
	struct emulator *e = xalloc(sizeof *e);
	e->config = *config;
	e->host = xstrdup(config->host);
	e->public_host = xstrdup(config->public_host ? config->public_host : "localhost");
	e->account = xstrdup(config->account ? config->account : "123456789012");
	e->token = xstrdup(config->token);
	e->credentials_file = config->credentials_file ? xstrdup(config->credentials_file) : NULL;
	e->config.host = e->host;
	e->config.public_host = e->public_host;
	e->config.account = e->account;
	e->config.token = e->token;
	e->config.credentials_file = e->credentials_file;
	list_init(&e->deployments);
	if (open_store(e, config->state_dir, err) || open_service(e, err)) {
		free_emulator(e);
		return NULL;
	}
	if (open_bridge(e, err)) {
		http_server_close(e->service, 0, NULL, NULL);
		free_emulator(e);
		return NULL;
	}
	e->http = http_client_create(config->loop);
	return e;
}

unsigned emulator_port(const struct emulator *e)
{
	return http_server_port(e->service);
}

struct bridge_server *emulator_bridge(const struct emulator *e)
{
	return e->bridge;
}

unsigned emulator_bridge_port(const struct emulator *e)
{
	return bridge_server_port(e->bridge);
}

/* --- closing ------------------------------------------------------------------------------- */

static void on_service_closed(void *ctx)
{
	struct emulator *e = ctx;
	void (*closed)(void *ctx) = e->closed;
	void *closed_ctx = e->closed_ctx;
	free_emulator(e);
	closed(closed_ctx);
}

static void close_service(struct emulator *e)
{
	http_client_destroy(e->http);
	http_server_close(e->service, 0, on_service_closed, e);
}

static void on_deployment_closed(void *ctx)
{
	struct emulator *e = ctx;
	if (--e->closing_left == 0) {
		close_service(e);
	}
}

static void on_bridge_closed(void *ctx)
{
	struct emulator *e = ctx;
	e->closing_left = 1; /* held while the loop below runs */
	LIST_FOR_SAFE (node, &e->deployments) {
		struct entry *entry = container_of(node, struct entry, link);
		list_remove(&entry->link);
		e->closing_left++;
		deployment_close(entry->deployment, on_deployment_closed, e);
		free(entry);
	}
	on_deployment_closed(e);
}

void emulator_close(struct emulator *e, void (*done)(void *ctx), void *ctx)
{
	ENSURE(!e->closing);
	e->closing = true;
	e->closed = done;
	e->closed_ctx = ctx;
	/* The bridge frees its peers without a word; nobody may still know one. */
	LIST_FOR (node, &e->deployments) {
		deployment_remove_agents(container_of(node, struct entry, link)->deployment,
			"the emulator is shutting down");
	}
	bridge_server_close(e->bridge, on_bridge_closed, e);
}
