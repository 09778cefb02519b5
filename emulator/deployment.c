/* Happy path of a model: APP -> parse -> model_build (which asks for addresses, and so opens listeners) ->
 * swapped into gateway, auth, lambda and cognito -> logins opened -> OUTPUTS.
 * Failures: not JSON, a template that cannot be evaluated, a busy port, a route the service would refuse:
 * OUTPUTS says so, nothing else changes.
 *
 * A model swapped out is freed when the gateway has released it (requests in flight still use it) and it is
 * not the current one. */
#include "emulator/deployment.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "emulator/cognito/cognito.h"
#include "emulator/control.h"
#include "emulator/gateway/function_url.h"
#include "emulator/gateway/gateway.h"
#include "emulator/history.h"
#include "emulator/lambda/invoke_api.h"
#include "emulator/login/login.h"
#include "emulator/narrate.h"
#include "emulator/outputs.h"
#include "emulator/service.h"
#include "proxy/base/console.h"
#include "proxy/base/log.h"
#include "proxy/base/list.h"

#define MAX_WAITING (96u << 20) /* bytes an agent may be behind before new work is refused */

struct agent {
	struct list link;
	struct bridge_peer *peer;
	unsigned running;
};

/* An invocation on its way: which agent has it. */
struct flight {
	uint64_t wire_id;
	struct agent *agent;
	UT_hash_handle hh;
};

struct provider {
	struct list link;
	struct login *login;
	char *issuer; /* without a trailing slash */
	char url[300];
};

struct deployment {
	struct deployment_config config;
	char *app, *stage;
	char service_url[300];
	struct lambda *lambda;
	struct auth *auth;
	struct gateway *gateway;
	struct function_urls *function_urls;
	struct cognito *cognito;
	struct invoke_api *invoke_api;
	struct history *history;
	struct list providers; /* struct provider */
	struct list agents; /* struct agent */
	struct flight *flights;
	struct model *model; /* NULL until the first APP */
	struct model *retired; /* released while the rooms were being given the next one */
	bool swapping;
	struct err listen_err; /* from inside model_build */
	unsigned closing_left;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

/* --- invocations --------------------------------------------------------------------------- */

/* The least busy agent: with several, work spreads. */
static struct agent *choose_agent(struct deployment *d)
{
	struct agent *best = NULL;
	LIST_FOR (node, &d->agents) {
		struct agent *a = container_of(node, struct agent, link);
		if (!best || a->running < best->running) {
			best = a;
		}
	}
	return best;
}

static int send_invoke(void *ctx, uint64_t wire_id, struct span meta, struct span payload)
{
	struct deployment *d = ctx;
	struct agent *a = choose_agent(d);
	if (!a) {
		return -ERR_UNAVAILABLE;
	}
	size_t waiting = bridge_peer_send(a->peer,
		&(struct wire_message){
			.type = WIRE_INVOKE, .id = wire_id, .meta = meta, .payload = payload });
	if (waiting > MAX_WAITING) {
		log_warn("emulator", "%s is %zu bytes behind", bridge_peer_name(a->peer), waiting);
	}
	struct flight *f = xalloc(sizeof *f);
	f->wire_id = wire_id;
	f->agent = a;
	a->running++;
	HASH_ADD(hh, d->flights, wire_id, sizeof f->wire_id, f);
	return 0;
}

static void send_to_flight(
	struct deployment *d, uint64_t wire_id, enum wire_type type, struct span meta)
{
	struct flight *f;
	HASH_FIND(hh, d->flights, &wire_id, sizeof wire_id, f);
	if (f) {
		bridge_peer_send(f->agent->peer,
			&(struct wire_message){ .type = type, .id = wire_id, .meta = meta });
	}
}

static void send_cancel(void *ctx, uint64_t wire_id)
{
	send_to_flight(ctx, wire_id, WIRE_CANCEL, SPAN("{}"));
}

static void send_credit(void *ctx, uint64_t wire_id, size_t bytes)
{
	char meta[48];
	int n = snprintf(meta, sizeof meta, "{\"bytes\":%zu}", bytes);
	send_to_flight(ctx, wire_id, WIRE_CREDIT, span_n(meta, (size_t)n));
}

static void on_dead_letter(void *ctx, const char *line)
{
	(void)ctx;
	console_line(STYLE_RED, "%s", line);
}

static void end_flight(struct deployment *d, uint64_t wire_id)
{
	struct flight *f;
	HASH_FIND(hh, d->flights, &wire_id, sizeof wire_id, f);
	if (f) {
		f->agent->running--;
		HASH_DEL(d->flights, f);
		free(f);
	}
}

static void on_invocation_start(void *ctx, const struct lambda_record *r)
{
	struct deployment *d = ctx;
	history_start(d->history, r);
	narrate_start(r);
}

static void on_invocation_end(void *ctx, const struct lambda_record *r)
{
	struct deployment *d = ctx;
	history_end(d->history, r);
	narrate_end(r);
}

/* --- news for the terminal ------------------------------------------------------------------ */

static void on_refused(void *ctx, const struct gateway_request *r, int status, const char *check,
	const char *reason)
{
	(void)ctx;
	narrate_refused(r, status, check, reason);
}

static void on_access_log(void *ctx, const char *api, struct span line)
{
	(void)ctx;
	narrate_access_log(api, line);
}

static void on_cognito_refused(
	void *ctx, const char *operation, const char *type, const char *reason)
{
	(void)ctx;
	narrate_service_refused("Cognito Identity", operation, type, reason);
}

/* --- the model ------------------------------------------------------------------------------ */

static void on_model_released(void *ctx, const struct model *model)
{
	struct deployment *d = ctx;
	/* Ours from the beginning; the gateway only read it. */
	struct model *m = (struct model *)(uintptr_t)model;
	if (d->swapping) {
		d->retired = m;
	} else if (m != d->model) {
		model_destroy(m);
	}
}

static void write_url(const struct deployment *d, char *out, size_t size, unsigned port)
{
	const char *host = d->config.emulator->public_host;
	bool v6 = strchr(host, ':') != NULL;
	snprintf(out, size, "http://%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

/* Opens the listener of an API or function URL on its first appearance; later models find it open. */
static const char *resolve_address(void *ctx, const char *kind, const char *key)
{
	struct deployment *d = ctx;
	static char url[320];
	bool api = strcmp(kind, "api") == 0;
	unsigned port =
		api ? gateway_port(d->gateway, key) : function_urls_port(d->function_urls, key);
	if (!port && !d->listen_err.code) {
		port = d->config.take_port(d->config.ctx);
		int rc = api ? gateway_listen(d->gateway, key, port, &d->listen_err)
			     : function_urls_listen(d->function_urls, key, port, &d->listen_err);
		if (rc == -ERR_BUSY) {
			service_explain_busy(&d->listen_err, port);
		}
		port = api ? gateway_port(d->gateway, key)
			   : function_urls_port(d->function_urls, key);
	}
	write_url(d, url, sizeof url, port);
	return url;
}

static struct provider *find_provider(struct deployment *d, const char *issuer)
{
	LIST_FOR (node, &d->providers) {
		struct provider *p = container_of(node, struct provider, link);
		if (strcmp(p->issuer, issuer) == 0) {
			return p;
		}
	}
	return NULL;
}

static void on_login_event(void *ctx, const struct login_event *event)
{
	struct deployment *d = ctx;
	(void)d;
	if (event->kind == LOGIN_REFUSED) {
		narrate_service_refused("login", event->issuer, "refused", event->detail);
	} else {
		narrate_login(event->issuer, event->user, event->detail);
	}
}

/* What the app knows a provider for. Lists live in the arena. */
struct wanted_login {
	const char *issuer; /* without a trailing slash */
	const char **clients;
	size_t n_clients;
	const char **audiences;
	size_t n_audiences;
};

struct wanted_logins {
	struct arena *arena;
	struct wanted_login *at;
	size_t n;
};

static void add_text(struct arena *arena, const char ***list, size_t *n, const char *text)
{
	for (size_t i = 0; i < *n; i++) {
		if (strcmp((*list)[i], text) == 0) {
			return;
		}
	}
	const char **grown = arena_alloc(arena, (*n + 1) * sizeof *grown);
	if (*n) {
		memcpy(grown, *list, *n * sizeof *grown);
	}
	grown[(*n)++] = text;
	*list = grown;
}

static struct wanted_login *want_login(struct wanted_logins *w, const char *issuer)
{
	size_t len = strlen(issuer);
	len -= len && issuer[len - 1] == '/';
	for (size_t i = 0; i < w->n; i++) {
		if (span_eq(span_of(w->at[i].issuer), span_n(issuer, len))) {
			return &w->at[i];
		}
	}
	struct wanted_login *grown = arena_alloc(w->arena, (w->n + 1) * sizeof *grown);
	if (w->n) {
		memcpy(grown, w->at, w->n * sizeof *grown);
	}
	grown[w->n].issuer = arena_strndup(w->arena, issuer, len);
	w->at = grown;
	return &grown[w->n++];
}

/* The providers of identity pools, and the issuers of JWT authorizers. An audience of an authorizer is an
 * API's identifier, or the client id when ID tokens are sent: the login accepts it as both. */
static void collect_logins(struct wanted_logins *w, const struct model *m)
{
	for (size_t i = 0; i < m->n_oidc; i++) {
		struct wanted_login *l = want_login(w, m->oidc[i].url);
		for (size_t c = 0; c < m->oidc[i].client_ids.n; c++) {
			add_text(w->arena, &l->clients, &l->n_clients, m->oidc[i].client_ids.at[c]);
		}
	}
	for (size_t i = 0; i < m->n_apis; i++) {
		for (size_t j = 0; j < m->apis[i].n_authorizers; j++) {
			const struct model_authorizer *a = &m->apis[i].authorizers[j];
			struct wanted_login *l =
				a->type == MODEL_AUTH_JWT ? want_login(w, a->issuer) : NULL;
			for (size_t k = 0; l && k < a->audience.n; k++) {
				add_text(w->arena, &l->audiences, &l->n_audiences,
					a->audience.at[k]);
			}
		}
	}
}

static int open_provider(struct deployment *d, const struct wanted_login *wanted,
	const struct login_app *app, struct err *err)
{
	const struct emulator_config *e = d->config.emulator;
	struct login_config config = { .loop = e->loop,
		.clock = e->clock,
		.store = d->config.store,
		.issuer = wanted->issuer,
		.allow_callbacks = e->allow_callbacks,
		.n_allow_callbacks = e->n_allow_callbacks,
		.host = e->host,
		.on_event = on_login_event,
		.ctx = d };
	struct login *login = login_create(&config, app, err);
	if (!login) {
		return err_wrap(err, "login for %s", wanted->issuer);
	}
	unsigned port = d->config.take_port(d->config.ctx);
	if (login_listen(login, e->host, port, err)) {
		int rc = err->code == ERR_BUSY ? service_explain_busy(err, port) : -(int)err->code;
		login_destroy(login);
		return rc;
	}
	auth_add_local_keys(d->auth, login_iss(login), login_jwks(login));
	struct provider *p = xalloc(sizeof *p);
	p->login = login;
	p->issuer = xstrdup(wanted->issuer);
	write_url(d, p->url, sizeof p->url, login_port(login));
	list_push_back(&d->providers, &p->link);
	return 0;
}

/* Opens what is new and tells the others what has changed. A provider that the app no longer names stays
 * open: somebody may be in the middle of a login. */
static int open_logins(struct deployment *d, const struct model *m, struct err *err)
{
	struct wanted_logins w = { .arena = arena_create() };
	int rc = 0;
	if (!d->config.emulator->remote_login) {
		collect_logins(&w, m);
	}
	for (size_t i = 0; i < w.n && !rc; i++) {
		struct wanted_login *l = &w.at[i];
		struct login_app app = { .name = d->app,
			.client_ids = l->clients,
			.n_client_ids = l->n_clients,
			.audiences = l->audiences,
			.n_audiences = l->n_audiences };
		struct provider *known = find_provider(d, l->issuer);
		if (known) {
			login_set_app(known->login, &app);
		} else {
			rc = open_provider(d, l, &app, err);
		}
	}
	arena_destroy(w.arena);
	return rc;
}

/* Into every room, or, on an error, into none. */
static int swap_model(struct deployment *d, struct model *m, struct err *err)
{
	struct model *old = d->model;
	/* The gateway may release `old` inside the call, while other rooms still point at it. */
	d->model = m;
	d->retired = NULL;
	d->swapping = true;
	int rc = gateway_set_model(d->gateway, m, err);
	d->swapping = false;
	if (rc) {
		d->model = old;
		return rc;
	}
	auth_set_model(d->auth, m);
	lambda_set_model(d->lambda, m);
	invoke_api_set_model(d->invoke_api, m);
	cognito_set_model(d->cognito, m);
	function_urls_set_model(d->function_urls, m);
	model_destroy(TAKE(d->retired));
	return 0;
}

static struct model *build_model(
	struct deployment *d, struct span payload, const cJSON *meta, struct err *err)
{
	AUTO_JSON cJSON *app = json_parse(payload, err);
	if (!app) {
		err_wrap(err, "the app's templates");
		return NULL;
	}
	const char *region = json_str(meta, "region");
	struct model_input in = { .app = d->app,
		.stage = d->stage,
		.region = region && *region ? region : "us-east-1",
		.account = d->config.emulator->account,
		.stacks = json_array(app, "stacks"),
		.resolve = resolve_address,
		.ctx = d };
	d->listen_err = (struct err)ERR_INIT;
	struct model *m = model_build(&in, err);
	if (m && d->listen_err.code) {
		*err = d->listen_err;
		model_destroy(m);
		return NULL;
	}
	return m;
}

/* --- the agent's messages ------------------------------------------------------------------- */

static int write_outputs(struct deployment *d, struct buf *out, struct err *err)
{
	struct outputs_login logins[32];
	size_t n = 0;
	LIST_FOR (node, &d->providers) {
		struct provider *p = container_of(node, struct provider, link);
		if (n < COUNT_OF(logins)) {
			logins[n++] = (struct outputs_login){ p->issuer, p->url };
		}
	}
	struct outputs_input in = { .model = d->model,
		.service = d->service_url,
		.service_port = d->config.service_port,
		.logins = logins,
		.n_logins = n,
		.store = d->config.store,
		.clock = d->config.emulator->clock };
	return outputs_write(&in, out, err);
}

static void send_outputs(
	struct bridge_peer *p, uint64_t id, const struct buf *outputs, const struct err *err)
{
	struct buf meta = BUF_INIT(16384);
	buf_add_char(&meta, '{');
	json_add_member_bool(&meta, "ok", err->code == ERR_NONE);
	if (err->code) {
		json_add_member(&meta, "error", span_of(err->msg));
	}
	buf_add_char(&meta, '}');
	bridge_peer_send(p, &(struct wire_message){ .type = WIRE_OUTPUTS,
				    .id = id,
				    .meta = buf_span(&meta),
				    .payload = buf_span(outputs) });
	buf_fini(&meta);
}

static void on_app(struct deployment *d, struct bridge_peer *p, const struct wire_message *message)
{
	struct err err = ERR_INIT;
	struct buf outputs = BUF_INIT(32u << 20);
	AUTO_JSON cJSON *meta = json_parse(message->meta, &err);
	struct model *m = meta ? build_model(d, message->payload, meta, &err) : NULL;
	if (m && (open_logins(d, m, &err) || swap_model(d, m, &err))) {
		model_destroy(m);
		m = NULL;
	}
	if (m && write_outputs(d, &outputs, &err)) {
		buf_clear(&outputs);
	}
	send_outputs(p, message->id, &outputs, &err);
	buf_fini(&outputs);
}

static void on_log(struct deployment *d, const struct wire_message *m)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *meta = json_parse(m->meta, &err);
	const char *request_id = json_str(meta, "requestId");
	if (request_id) {
		history_log(d->history, request_id, m->payload);
	}
}

void deployment_on_message(
	struct deployment *d, struct bridge_peer *p, const struct wire_message *m)
{
	switch (m->type) {
	case WIRE_APP:
		on_app(d, p, m);
		break;
	case WIRE_RESULT:
		end_flight(d, m->id);
		lambda_on_result(d->lambda, m->id, m->meta, m->payload);
		break;
	case WIRE_CHUNK:
		lambda_on_chunk(d->lambda, m->id, m->meta, m->payload);
		break;
	case WIRE_LOG:
		on_log(d, m);
		break;
	default:
		break;
	}
}

/* --- agents --------------------------------------------------------------------------------- */

void deployment_add_agent(struct deployment *d, struct bridge_peer *p)
{
	struct agent *a = xalloc(sizeof *a);
	a->peer = p;
	list_push_back(&d->agents, &a->link);
}

struct lost {
	struct deployment *deployment;
	struct agent *agent;
};

static bool is_lost(void *ctx, uint64_t wire_id)
{
	struct lost *lost = ctx;
	struct flight *f;
	HASH_FIND(hh, lost->deployment->flights, &wire_id, sizeof wire_id, f);
	return f && f->agent == lost->agent;
}

void deployment_remove_agent(struct deployment *d, struct bridge_peer *p, const char *why)
{
	LIST_FOR_SAFE (node, &d->agents) {
		struct agent *a = container_of(node, struct agent, link);
		if (a->peer != p) {
			continue;
		}
		if (!d->config.emulator->own_agent) {
			console_line(STYLE_YELLOW, "%s has left: %s", bridge_peer_name(p), why);
		}
		/* Off the list first, so that nothing new goes to it while its work ends. */
		list_remove(&a->link);
		struct lost lost = { d, a };
		lambda_on_agent_lost(d->lambda, is_lost, &lost);
		struct flight *f, *next;
		HASH_ITER (hh, d->flights, f, next) {
			if (f->agent == a) {
				HASH_DEL(d->flights, f);
				free(f);
			}
		}
		free(a);
	}
}

void deployment_remove_agents(struct deployment *d, const char *why)
{
	while (!list_empty(&d->agents)) {
		struct agent *a = container_of(d->agents.next, struct agent, link);
		deployment_remove_agent(d, a->peer, why);
	}
}

size_t deployment_agents(const struct deployment *d)
{
	size_t n = 0;
	LIST_FOR (node, &d->agents) {
		n++;
	}
	return n;
}

/* --- the service port ------------------------------------------------------------------------ */

/* On loopback unsigned calls pass, as every local tool sends them; a signature that is there is the
 * client's business. So do our own commands', which know the bridge's token. Beyond loopback the service is as strict as the cloud. */
static bool authorize_invoke(void *ctx, const struct http_request *r, const char *action,
	const char *resource, char *reason, size_t size)
{
	struct deployment *d = ctx;
	const struct emulator_config *e = d->config.emulator;
	if (service_is_loopback(e->host) || service_has_token(r, e->token)) {
		return true;
	}
	struct auth_caller caller;
	const char *check = "", *why = "", *aws_error = "";
	bool good = auth_verify_sigv4(d->auth, r, "lambda", 900, r->arena, &caller, &check, &why,
			    &aws_error) &&
		    auth_allowed(d->auth, &caller, action, resource, r, r->arena, &why);
	if (!good) {
		/* The rest explains, and is not for clients. */
		snprintf(reason, size, "%.*s", (int)strcspn(why, "\n"), why);
	}
	return good;
}

/* The provider of that issuer, or the only one. */
static struct provider *choose_provider(struct deployment *d, const char *issuer, struct err *err)
{
	struct provider *found = issuer[0] ? find_provider(d, issuer) : NULL;
	if (issuer[0] && !found) {
		err_set(err, ERR_NOT_FOUND, "the app has no login provider '%s'", issuer);
	} else if (!issuer[0] && list_empty(&d->providers)) {
		err_set(err, ERR_NOT_FOUND, "the app declares no login provider");
	} else if (!issuer[0] && d->providers.next->next != &d->providers) {
		err_set(err, ERR_INVALID,
			"the app has several login providers: name one with --provider");
	} else if (!issuer[0]) {
		found = container_of(d->providers.next, struct provider, link);
	}
	return found;
}

static int issue_tokens(void *ctx, const char *issuer, const char *user, const char *client_id,
	const char *scope, const char *audience, struct buf *out, struct err *err)
{
	struct provider *p = choose_provider(ctx, issuer, err);
	return p ? login_issue_tokens(p->login, user, client_id, scope, audience, out, err)
		 : -(int)err->code;
}

bool deployment_is_addressed(
	const struct deployment *d, const struct addressee *a, struct arena *arena)
{
	return d->model && addressee_is(a, d->model, arena);
}

bool deployment_on_request(struct deployment *d, struct http_exchange *x)
{
	const struct http_request *r = http_request(x);
	if (cognito_handles(r)) {
		cognito_request(d->cognito, x);
		return true;
	}
	if (invoke_api_handles(r->path)) {
		invoke_api_request(d->invoke_api, x);
		return true;
	}
	if (control_handles(r->path)) {
		control_request(&(struct control){ .model = d->model,
					.history = d->history,
					.issue_tokens = issue_tokens,
					.ctx = d },
			x);
		return true;
	}
	return false;
}

/* --- life ------------------------------------------------------------------------------------ */

static void create_rooms(struct deployment *d)
{
	const struct emulator_config *e = d->config.emulator;
	d->gateway = gateway_create(&(struct gateway_config){ .loop = e->loop,
		.clock = e->clock,
		.auth = d->auth,
		.lambda = d->lambda,
		.http = d->config.http,
		.host = e->host,
		/* Only machines read it; on a terminal REQUEST and RESPONSE say it better. */
		.events = { .on_refused = on_refused,
			.on_access_log = console_is_json() ? on_access_log : NULL },
		.released = on_model_released,
		.ctx = d });
	d->function_urls = function_urls_create(&(struct function_urls_config){ .loop = e->loop,
		.clock = e->clock,
		.auth = d->auth,
		.lambda = d->lambda,
		.host = e->host,
		.events = { .on_refused = on_refused },
		.ctx = d });
	d->cognito = cognito_create(&(struct cognito_config){ .clock = e->clock,
		.auth = d->auth,
		.store = d->config.store,
		.account = e->account,
		.region = "us-east-1",
		.on_refused = on_cognito_refused,
		.ctx = d });
	d->invoke_api = invoke_api_create(&(struct invoke_api_config){ .loop = e->loop,
		.clock = e->clock,
		.lambda = d->lambda,
		.authorize = authorize_invoke,
		.on_dead_letter = on_dead_letter,
		.ctx = d });
}

struct deployment *deployment_create(
	const struct deployment_config *c, const char *app, const char *stage, struct err *err)
{
	struct deployment *d = xalloc(sizeof *d);
	d->config = *c;
	d->app = xstrdup(app);
	d->stage = xstrdup(stage);
	d->history = history_create();
	list_init(&d->providers);
	list_init(&d->agents);
	write_url(d, d->service_url, sizeof d->service_url, c->service_port);
	d->lambda = lambda_create(c->emulator->loop, c->emulator->clock,
		&(struct lambda_dispatch){ .ctx = d,
			.send = send_invoke,
			.cancel = send_cancel,
			.credit = send_credit,
			.on_start = on_invocation_start,
			.on_end = on_invocation_end });
	d->auth = auth_create(&(struct auth_config){ .loop = c->emulator->loop,
				      .clock = c->emulator->clock,
				      .store = c->store,
				      .lambda = d->lambda,
				      .http = c->http,
				      .credentials_file = c->emulator->credentials_file,
				      .local_logins = !c->emulator->remote_login },
		err);
	if (!d->auth) {
		lambda_destroy(d->lambda);
		history_destroy(d->history);
		free(d->app);
		free(d->stage);
		free(d);
		return NULL;
	}
	create_rooms(d);
	return d;
}

static void free_deployment(struct deployment *d)
{
	invoke_api_destroy(d->invoke_api);
	cognito_destroy(d->cognito);
	auth_destroy(d->auth);
	lambda_destroy(d->lambda);
	history_destroy(d->history);
	model_destroy(d->model);
	struct flight *f, *next;
	HASH_ITER (hh, d->flights, f, next) {
		HASH_DEL(d->flights, f);
		free(f);
	}
	free(d->app);
	free(d->stage);
	free(d);
}

static void on_part_closed(void *ctx)
{
	struct deployment *d = ctx;
	if (--d->closing_left) {
		return;
	}
	void (*closed)(void *ctx) = d->closed;
	void *closed_ctx = d->closed_ctx;
	free_deployment(d);
	closed(closed_ctx);
}

void deployment_close(struct deployment *d, void (*done)(void *ctx), void *ctx)
{
	d->closed = done;
	d->closed_ctx = ctx;
	d->closing_left = 2;
	LIST_FOR_SAFE (node, &d->providers) {
		struct provider *p = container_of(node, struct provider, link);
		d->closing_left++;
		login_close(p->login, 0, on_part_closed, d);
		free(p->issuer);
		free(p);
	}
	function_urls_close(d->function_urls, 500, on_part_closed, d);
	gateway_close(d->gateway, 500, on_part_closed, d);
}

bool deployment_is(const struct deployment *d, const char *app, const char *stage)
{
	return strcmp(d->app, app) == 0 && strcmp(d->stage, stage) == 0;
}
