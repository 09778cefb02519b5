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

#include "emulator/agents.h"
#include "emulator/cognito/cognito.h"
#include "emulator/control.h"
#include "emulator/gateway/function_url.h"
#include "emulator/gateway/gateway.h"
#include "emulator/history.h"
#include "emulator/lambda/invoke_api.h"
#include "emulator/logins.h"
#include "emulator/narrate.h"
#include "emulator/outputs.h"
#include "emulator/service.h"
#include "proxy/base/alloc.h"
#include "proxy/base/console.h"

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
	struct logins *logins;
	struct agents *agents;
	struct model *model; /* NULL until the first APP */
	struct model *retired; /* released while the rooms were being given the next one */
	bool swapping;
	struct err listen_err; /* from inside model_build */
	unsigned closing_left;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

/* --- invocations --------------------------------------------------------------------------- */

static int send_invoke(void *ctx, uint64_t wire_id, struct span meta, struct span payload)
{
	struct deployment *d = ctx;
	return agents_invoke(d->agents, wire_id, meta, payload);
}

static void send_cancel(void *ctx, uint64_t wire_id)
{
	struct deployment *d = ctx;
	agents_tell(d->agents, wire_id, WIRE_CANCEL, SPAN("{}"));
}

static void send_credit(void *ctx, uint64_t wire_id, size_t bytes)
{
	struct deployment *d = ctx;
	char meta[48];
	int n = snprintf(meta, sizeof meta, "{\"bytes\":%zu}", bytes);
	agents_tell(d->agents, wire_id, WIRE_CREDIT, span_n(meta, (size_t)n));
}

static void on_dead_letter(void *ctx, const char *line)
{
	(void)ctx;
	console_line(STYLE_RED, "%s", line);
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
	service_write_url(d->config.emulator->public_host, port, url, sizeof url);
	return url;
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
	if (m) {
		m->since_ms = clock_now_ms(d->config.emulator->clock);
	}
	return m;
}

/* --- the agent's messages ------------------------------------------------------------------- */

static int write_outputs(struct deployment *d, struct buf *out, struct err *err)
{
	struct outputs_login logins[32];
	size_t n = logins_list(d->logins, logins, COUNT_OF(logins));
	struct outputs_input in = { .model = d->model,
		.service = d->service_url,
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
	if (m && (logins_open(d->logins, m, &err) || swap_model(d, m, &err))) {
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
		agents_ended(d->agents, m->id);
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
	agents_add(d->agents, p);
}

static bool is_same(void *ctx, uint64_t wire_id)
{
	return *(const uint64_t *)ctx == wire_id;
}

static void on_lost(void *ctx, uint64_t wire_id)
{
	struct deployment *d = ctx;
	lambda_on_agent_lost(d->lambda, is_same, &wire_id);
}

void deployment_remove_agent(struct deployment *d, struct bridge_peer *p, const char *why)
{
	if (agents_remove(d->agents, p, on_lost, d) && !d->config.emulator->own_agent) {
		console_line(STYLE_YELLOW, "%s has left: %s", bridge_peer_name(p), why);
	}
}

void deployment_remove_agents(struct deployment *d, const char *why)
{
	struct bridge_peer *p;
	while ((p = agents_any(d->agents))) {
		deployment_remove_agent(d, p, why);
	}
}

size_t deployment_agents(const struct deployment *d)
{
	return agents_count(d->agents);
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

static int issue_tokens(void *ctx, const char *issuer, const char *user, const char *client_id,
	const char *scope, const char *audience, struct buf *out, struct err *err)
{
	struct deployment *d = ctx;
	return logins_issue_tokens(d->logins, issuer, user, client_id, scope, audience, out, err);
}

const struct model *deployment_model(const struct deployment *d)
{
	return d->model;
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
	d->logins = logins_create(&(struct logins_config){ .emulator = e,
		.store = d->config.store,
		.auth = d->auth,
		.app = d->app,
		.take_port = d->config.take_port,
		.ctx = d->config.ctx });
	d->cognito = cognito_create(&(struct cognito_config){ .clock = e->clock,
		.auth = d->auth,
		.store = d->config.store,
		.account = e->account,
		.region = "us-east-1",
		.apps = d->config.apps,
		.on_refused = on_cognito_refused,
		.ctx = d });
	d->invoke_api = invoke_api_create(&(struct invoke_api_config){ .loop = e->loop,
		.clock = e->clock,
		.lambda = d->lambda,
		.apps = d->config.apps,
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
	d->agents = agents_create();
	service_write_url(
		c->emulator->public_host, c->service_port, d->service_url, sizeof d->service_url);
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
				      .credentials_file = c->emulator->credentials_file },
		err);
	if (!d->auth) {
		lambda_destroy(d->lambda);
		history_destroy(d->history);
		agents_destroy(d->agents);
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
	agents_destroy(d->agents);
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
	d->closing_left = 3;
	logins_close(d->logins, on_part_closed, d);
	function_urls_close(d->function_urls, 500, on_part_closed, d);
	gateway_close(d->gateway, 500, on_part_closed, d);
}

bool deployment_is(const struct deployment *d, const char *app, const char *stage)
{
	return strcmp(d->app, app) == 0 && strcmp(d->stage, stage) == 0;
}
