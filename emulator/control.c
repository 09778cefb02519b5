#include "emulator/control.h"

#include <stdlib.h>

#include "emulator/console_page.h"
#include "emulator/service.h"
#include "proxy/base/encode.h"
#include "proxy/base/json.h"

#define MAX_ANSWER (64u << 20)

bool control_handles(struct span path)
{
	return span_starts(path, SPAN("/_offstage/")) || span_is(path, "/console") ||
	       span_is(path, "/");
}

bool control_asks_for_app(struct span path)
{
	return span_starts(path, SPAN("/_offstage/"));
}

static void answer(struct http_exchange *x, int status, struct span type, struct buf *body)
{
	const struct http_header headers[] = { { SPAN("content-type"), type },
		{ SPAN("cache-control"), SPAN("no-store") },
		{ SPAN("x-content-type-options"), SPAN("nosniff") } };
	http_reply_buf(x,
		&(struct http_reply){ .status = status, .headers = headers, .n_headers = 3 }, body);
}

static void answer_json(struct http_exchange *x, int status, struct buf *body)
{
	answer(x, status, SPAN("application/json"), body);
}

void control_refuse_unnamed(const struct apps *apps, struct http_exchange *x)
{
	struct buf out = BUF_INIT(MAX_ANSWER);
	const struct model *m;
	buf_add_char(&out, '{');
	json_add_member(&out, "message",
		SPAN("several apps are connected: say which one with ?app=NAME&stage=NAME"));
	json_add_name(&out, "apps");
	buf_add_char(&out, '[');
	for (size_t i = 0; (m = apps_at(apps, i)); i++) {
		buf_add_str(&out, i ? ",{" : "{");
		json_add_member(&out, "app", span_of(m->app));
		json_add_member(&out, "stage", span_of(m->stage));
		buf_add_char(&out, '}');
	}
	buf_add_str(&out, "]}");
	answer_json(x, 400, &out);
	buf_fini(&out);
}

/* A decoded query parameter in the request's arena; ptr NULL if it is absent or empty. */
static struct span parameter(const struct http_request *r, const char *name)
{
	struct span rest = r->query;
	while (rest.ptr) {
		struct span value = span_cut(&rest, '&');
		struct span key = span_cut(&value, '=');
		if (span_is(key, name) && value.len) {
			struct buf out = BUF_INIT(16384);
			percent_decode(&out, value, true);
			struct span copy = arena_span(r->arena, buf_span(&out));
			buf_fini(&out);
			return copy;
		}
	}
	return (struct span){ NULL, 0 };
}

static void get_invocations(const struct control *c, struct http_exchange *x)
{
	const struct http_request *r = http_request(x);
	uint64_t limit = 0;
	struct span text = parameter(r, "limit");
	if (text.ptr && !span_u64(text, HISTORY_RECORDS, &limit)) {
		service_reply_message(x, 400, "limit must be a number from 0 to 1000");
		return;
	}
	struct history_filter f = { .function = parameter(r, "function"),
		.route = parameter(r, "route"),
		.request_id = parameter(r, "requestId"),
		.limit = (size_t)limit };
	struct buf out = BUF_INIT(MAX_ANSWER);
	history_write(c->history, &f, &out);
	answer_json(x, 200, &out);
	buf_fini(&out);
}

static void add_pool(struct buf *out, const struct model_pool *pool)
{
	buf_add_char(out, '{');
	json_add_member(out, "id", span_of(pool->id));
	json_add_member(out, "name", span_of(pool->name));
	json_add_name(out, "logins");
	buf_add_char(out, '[');
	for (size_t i = 0; i < pool->n_oidc; i++) {
		buf_add_str(out, i ? "," : "");
		buf_add_char(out, '{');
		json_add_member(out, "key", span_of(pool->oidc[i]->host));
		json_add_member(out, "provider", span_of(pool->oidc[i]->url));
		buf_add_char(out, '}');
	}
	buf_add_str(out, "]}");
}

static void get_app(const struct control *c, struct http_exchange *x)
{
	const struct model *m = c->model;
	struct buf out = BUF_INIT(MAX_ANSWER);
	buf_add_char(&out, '{');
	json_add_member(&out, "app", span_of(m->app));
	json_add_member(&out, "stage", span_of(m->stage));
	json_add_member(&out, "region", span_of(m->region));
	json_add_member(&out, "account", span_of(m->account));
	json_add_name(&out, "apis");
	buf_add_char(&out, '[');
	for (size_t i = 0; i < m->n_apis; i++) {
		buf_add_str(&out, i ? ",{" : "{");
		json_add_member(&out, "key", span_of(m->apis[i].key));
		json_add_member(&out, "id", span_of(m->apis[i].id));
		json_add_member(&out, "url", span_of(m->apis[i].endpoint));
		json_add_name(&out, "routes");
		buf_add_char(&out, '[');
		for (size_t j = 0; j < m->apis[i].n_routes; j++) {
			buf_add_str(&out, j ? "," : "");
			json_add_string(&out, span_of(m->apis[i].routes[j].key));
		}
		buf_add_str(&out, "]}");
	}
	buf_add_char(&out, ']');
	json_add_name(&out, "functions");
	buf_add_char(&out, '[');
	for (size_t i = 0; i < m->n_functions; i++) {
		buf_add_str(&out, i ? ",{" : "{");
		json_add_member(&out, "name", span_of(m->functions[i].name));
		json_add_member(&out, "handler", span_of(m->functions[i].shown_handler));
		buf_add_char(&out, '}');
	}
	buf_add_char(&out, ']');
	json_add_name(&out, "pools");
	buf_add_char(&out, '[');
	for (size_t i = 0; i < m->n_pools; i++) {
		buf_add_str(&out, i ? "," : "");
		add_pool(&out, &m->pools[i]);
	}
	buf_add_str(&out, "]}");
	answer_json(x, 200, &out);
	buf_fini(&out);
}

static void post_token(const struct control *c, struct http_exchange *x)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *in = json_parse(http_request(x)->body, &err);
	const char *user = json_str(in, "user");
	const char *provider = json_str(in, "provider");
	if (!in || !user) {
		service_reply_message(
			x, 400, in ? "\"user\" is missing: an e-mail address" : err.msg);
		return;
	}
	struct buf out = BUF_INIT(1u << 20);
	if (c->issue_tokens(c->ctx, provider ? provider : "", user, json_str(in, "clientId"),
		    json_str(in, "scope"), json_str(in, "audience"), &out, &err)) {
		service_reply_message(x, err.code == ERR_NOT_FOUND ? 404 : 400, err.msg);
	} else {
		answer_json(x, 200, &out);
	}
	buf_fini(&out);
}

static void get_console(struct http_exchange *x)
{
	struct buf page = BUF_INIT(1u << 20);
	buf_add_str(&page, console_page);
	answer(x, 200, SPAN("text/html; charset=utf-8"), &page);
	buf_fini(&page);
}

void control_request(const struct control *c, struct http_exchange *x)
{
	static const struct {
		const char *method, *path;
		void (*fn)(const struct control *c, struct http_exchange *x);
	} ROUTES[] = {
		{ "GET", "/_offstage/invocations", get_invocations },
		{ "GET", "/_offstage/app", get_app },
		{ "POST", "/_offstage/token", post_token },
	};
	const struct http_request *r = http_request(x);
	if (span_is(r->path, "/console") || span_is(r->path, "/")) {
		get_console(x);
		return;
	}
	for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++) {
		if (!span_is(r->path, ROUTES[i].path)) {
			continue;
		}
		if (!span_is(r->method, ROUTES[i].method)) {
			service_reply_message(x, 405, "this path has another method");
		} else if (!c->model) {
			service_reply_message(x, 503, "no app is connected to this emulator yet");
		} else {
			ROUTES[i].fn(c, x);
		}
		return;
	}
	service_reply_message(x, 404, "there is no such path under /_offstage/");
}
