#include "emulator/outputs.h"

#include "proxy/base/alloc.h"
#include "proxy/base/json.h"

/* A worker keeps its credentials for life and has no metadata service to renew them from, so they last
 * longer than the cloud's. */
#define CREDENTIALS_MS (7ll * 24 * 3600 * 1000)

#define LABEL "abcdefghijklmnopqrstuvwxyz0123456789-"

/* The text after "<id>.execute-api.<region>.amazonaws.com[.cn]"; NULL if it does not begin so. */
static const char *skip_api_host(const char *text, const char *id)
{
	static const char SERVICE[] = ".execute-api.", SUFFIX[] = ".amazonaws.com", CHINA[] = ".cn";
	size_t n = strlen(id);
	if (strncmp(text, id, n) != 0 || strncmp(text + n, SERVICE, strlen(SERVICE)) != 0) {
		return NULL;
	}
	const char *region = text + n + strlen(SERVICE);
	const char *rest = region + strspn(region, LABEL);
	if (strncmp(rest, SUFFIX, strlen(SUFFIX)) != 0) {
		return NULL;
	}
	rest += strlen(SUFFIX);
	return strncmp(rest, CHINA, strlen(CHINA)) == 0 ? rest + strlen(CHINA) : rest;
}

/* A template may put an API's address in the cloud together by itself, as SAM's examples do with Fn::Sub.
 * Whoever reads it here wants the one that answers. */
static void localize(struct buf *out, const struct model *m, const char *text)
{
	static const char HTTPS[] = "https://";
	for (const char *at = text; *at;) {
		bool scheme = strncmp(at, HTTPS, strlen(HTTPS)) == 0;
		const char *rest = NULL;
		bool amid = at > text && strspn(at - 1, LABEL "."); /* in a longer name */
		for (size_t i = 0; !amid && !rest && i < m->n_apis; i++) {
			const char *local = m->apis[i].endpoint;
			rest = skip_api_host(at + (scheme ? strlen(HTTPS) : 0), m->apis[i].id);
			if (rest) {
				buf_add_str(out, scheme ? local : local + strlen("http://"));
			}
		}
		if (!rest) {
			buf_add_char(out, *at);
		}
		at = rest ? rest : at + 1;
	}
}

static void add_local(struct buf *out, const struct model *m, const char *name, const char *value)
{
	struct buf text = BUF_INIT(1u << 20);
	localize(&text, m, value);
	json_add_member(out, name, buf_span(&text));
	buf_fini(&text);
}

static void add_outputs(struct buf *out, const struct model *m)
{
	json_add_name(out, "outputs");
	buf_add_char(out, '{');
	for (size_t s = 0; s < m->stacks.n; s++) {
		json_add_name(out, m->stacks.at[s]);
		buf_add_char(out, '{');
		for (size_t i = 0; i < m->n_outputs; i++) {
			if (strcmp(m->outputs[i].stack, m->stacks.at[s]) == 0) {
				add_local(out, m, m->outputs[i].name, m->outputs[i].value);
			}
		}
		buf_add_char(out, '}');
	}
	buf_add_char(out, '}');
}

static void add_addresses(struct buf *out, const struct outputs_input *in)
{
	const struct model *m = in->model;
	json_add_name(out, "apis");
	buf_add_char(out, '{');
	for (size_t i = 0; i < m->n_apis; i++) {
		json_add_member(out, m->apis[i].key, span_of(m->apis[i].endpoint));
	}
	buf_add_char(out, '}');
	json_add_name(out, "login");
	buf_add_char(out, '{');
	for (size_t i = 0; i < in->n_logins; i++) {
		json_add_member(out, in->logins[i].issuer, span_of(in->logins[i].url));
	}
	buf_add_char(out, '}');
	json_add_name(out, "notes");
	buf_add_char(out, '[');
	for (size_t i = 0; i < m->n_notes; i++) {
		buf_add_str(out, i ? "," : "");
		json_add_string(out, span_of(m->notes[i].text));
	}
	buf_add_char(out, ']');
}

static int add_credentials(struct buf *out, const struct outputs_input *in,
	const struct model_function *f, struct err *err)
{
	if (!f->role_arn[0]) {
		return 0;
	}
	struct arena *arena = arena_create();
	struct store_credentials c = { .expires_ms = clock_now_ms(in->clock) + CREDENTIALS_MS,
		.role_arn = f->role_arn,
		.session_name = f->name,
		.identity_id = "",
		.pool_id = "",
		.amr = "",
		.session_policy = "" };
	int rc = store_credentials_issue(in->store, &c, arena, err);
	if (!rc) {
		json_add_name(out, "credentials");
		buf_add_char(out, '{');
		json_add_member(out, "accessKeyId", span_of(c.access_key));
		json_add_member(out, "secretAccessKey", span_of(c.secret));
		json_add_member(out, "sessionToken", span_of(c.session_token));
		buf_add_char(out, '}');
	}
	arena_destroy(arena);
	return rc;
}

static void add_tree(struct buf *out, const char *name, const cJSON *tree)
{
	json_add_name(out, name);
	if (tree) {
		json_add_tree(out, tree);
	} else {
		buf_add_str(out, "null");
	}
}

static int add_function(struct buf *out, const struct outputs_input *in,
	const struct model_function *f, struct err *err)
{
	buf_add_char(out, '{');
	json_add_member(out, "name", span_of(f->name));
	json_add_member(out, "arn", span_of(f->arn));
	json_add_member(out, "logicalId", span_of(f->logical_id));
	json_add_member(out, "stack", span_of(f->stack));
	json_add_member(out, "handler", span_of(f->handler));
	json_add_member(out, "shownHandler", span_of(f->shown_handler));
	json_add_member(out, "runtime", span_of(f->runtime));
	json_add_member_int(out, "timeout", f->timeout_s);
	json_add_member_int(out, "memory", f->memory_mb);
	json_add_member_int(out, "reserved", f->reserved_concurrency);
	json_add_member(out, "logFormat", span_of(f->log_format));
	json_add_member(out, "architecture", span_of(f->architecture));
	json_add_name(out, "environment");
	buf_add_char(out, '{');
	for (size_t i = 0; i < f->n_env; i++) {
		add_local(out, in->model, f->env[i].name, f->env[i].value);
	}
	buf_add_char(out, '}');
	add_tree(out, "code", f->code);
	add_tree(out, "metadata", f->metadata);
	int rc = add_credentials(out, in, f, err);
	buf_add_char(out, '}');
	return rc;
}

int outputs_write(const struct outputs_input *in, struct buf *out, struct err *err)
{
	const struct model *m = in->model;
	buf_add_char(out, '{');
	json_add_member(out, "app", span_of(m->app));
	json_add_member(out, "region", span_of(m->region));
	json_add_member(out, "account", span_of(m->account));
	json_add_member(out, "service", span_of(in->service));
	AUTO_FREE char *console = xasprintf("%s/console", in->service);
	AUTO_FREE char *bridge = xasprintf("ws%s/bridge", in->service + strlen("http"));
	json_add_member(out, "console", span_of(console));
	json_add_member(out, "bridge", span_of(bridge));
	add_addresses(out, in);
	add_outputs(out, m);
	json_add_name(out, "functions");
	buf_add_char(out, '[');
	for (size_t i = 0; i < m->n_functions; i++) {
		buf_add_str(out, i ? "," : "");
		int rc = add_function(out, in, &m->functions[i], err);
		if (rc) {
			return rc;
		}
	}
	buf_add_str(out, "]}");
	return 0;
}
