#include "runtime/pool/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"
#include "proxy/base/json.h"

#define VARS_MAX 4096

/* An environment being put together: later values replace earlier ones of the same name. */
struct env {
	struct arena *arena;
	char **vars; /* room for VARS_MAX and NULL */
	size_t n;
};

static size_t name_length(const char *var)
{
	return strcspn(var, "=");
}

static char **find(struct env *e, const char *name, size_t len)
{
	for (size_t i = 0; i < e->n; i++) {
		if (strncmp(e->vars[i], name, len) == 0 && e->vars[i][len] == '=') {
			return &e->vars[i];
		}
	}
	return NULL;
}

static void set(struct env *e, const char *name, const char *value)
{
	if (!value) {
		return;
	}
	char **slot = find(e, name, strlen(name));
	if (!slot) {
		if (e->n == VARS_MAX) {
			return;
		}
		slot = &e->vars[e->n++];
	}
	*slot = arena_printf(e->arena, "%s=%s", name, value);
}

static const char *get(struct env *e, const char *name)
{
	char **slot = find(e, name, strlen(name));
	return slot ? *slot + strlen(name) + 1 : NULL;
}

/* The developer's variables that must not reach a handler: other accounts' keys and settings, another
 * Lambda's marks, and ours. */
static bool is_foreign(const char *var)
{
	static const char *const prefixes[] = { "AWS_", "_AWS_", "_LAMBDA_", "LAMBDA_", "OFFSTAGE_",
		"_HANDLER=", "_X_AMZN_TRACE_ID=" };
	for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
		if (strncmp(var, prefixes[i], strlen(prefixes[i])) == 0) {
			return true;
		}
	}
	return false;
}

static struct env env_start(struct arena *a, char *const *parent)
{
	struct env e = { a, arena_alloc(a, (VARS_MAX + 1) * sizeof(char *)), 0 };
	for (size_t i = 0; parent[i] && e.n < VARS_MAX; i++) {
		if (strchr(parent[i], '=') && !is_foreign(parent[i])) {
			e.vars[e.n++] = arena_strdup(a, parent[i]);
		}
	}
	return e;
}

static void set_all(struct env *e, const struct env_var *vars, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		set(e, vars[i].name, vars[i].value);
	}
}

/* Names that a function's own settings cannot take (lambda.md 2.1): keys with a leading underscore are
 * dropped; what the platform sets wins anyway, by coming later. */
static void set_own(struct env *e, const struct env_spec *spec)
{
	AUTO_FREE char *options = NULL;
	const char *inherited = get(e, "NODE_OPTIONS");
	if (inherited && *inherited) {
		options = xstrdup(inherited);
	}
	for (size_t i = 0; i < spec->n_variables; i++) {
		const struct env_var *v = &spec->variables[i];
		if (v->name[0] == '\0' || v->name[0] == '_' || strchr(v->name, '=')) {
			continue;
		}
		if (options && strcmp(v->name, "NODE_OPTIONS") == 0) {
			/* The developer's debugger and the function's own flags both count (sst.md 4.3). */
			set(e, v->name, arena_printf(e->arena, "%s %s", options, v->value));
		} else {
			set(e, v->name, v->value);
		}
	}
}

static void set_log_names(struct env *e, const struct env_spec *spec)
{
	char id[33];
	id_random(id, 32, ID_HEX);
	id[32] = '\0';
	time_t now = time(NULL);
	struct tm day;
	gmtime_r(&now, &day);
	set(e, "AWS_LAMBDA_LOG_GROUP_NAME",
		arena_printf(e->arena, "/aws/lambda/%s", spec->function));
	set(e, "AWS_LAMBDA_LOG_STREAM_NAME",
		arena_printf(e->arena, "%04d/%02d/%02d/[$LATEST]%s", day.tm_year + 1900,
			day.tm_mon + 1, day.tm_mday, id));
	if (spec->json_logs) {
		set(e, "AWS_LAMBDA_LOG_FORMAT", "JSON");
	}
}

static void set_if_absent(struct env *e, const char *name, const char *value)
{
	if (!get(e, name)) {
		set(e, name, value);
	}
}

static bool is_provided(const char *runtime)
{
	/* SST's "go" and "rust" are deployed as `provided`. */
	return strncmp(runtime, "provided", 8) == 0 || strncmp(runtime, "go", 2) == 0 ||
	       strcmp(runtime, "rust") == 0;
}

static void set_platform(struct env *e, const struct env_spec *spec, const char *api)
{
	set(e, "_HANDLER", spec->handler);
	set(e, "AWS_REGION", spec->region);
	set(e, "AWS_DEFAULT_REGION", spec->region);
	if (!is_provided(spec->runtime)) {
		set(e, "AWS_EXECUTION_ENV", arena_printf(e->arena, "AWS_Lambda_%s", spec->runtime));
	}
	set(e, "AWS_LAMBDA_FUNCTION_NAME", spec->function);
	set(e, "AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
	set(e, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", arena_printf(e->arena, "%u", spec->memory_mb));
	set(e, "AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
	set_log_names(e, spec);
	set(e, "AWS_LAMBDA_RUNTIME_API", api);
	set(e, "AWS_ACCESS_KEY_ID", spec->access_key_id);
	set(e, "AWS_SECRET_ACCESS_KEY", spec->secret_access_key);
	set(e, "AWS_SESSION_TOKEN", spec->session_token);
	set_if_absent(e, "AWS_ENDPOINT_URL", spec->endpoint);
	set_if_absent(e, "AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
	/* Where a daemon would listen: X-Ray's SDKs send into the void, as datagrams. */
	set_if_absent(e, "AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000");
	set(e, "_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1");
	set(e, "_AWS_XRAY_DAEMON_PORT", "2000");
	set(e, "AWS_XRAY_LOG_LEVEL", "silent");
	set(e, "LAMBDA_TASK_ROOT", spec->task_root);
	set(e, "LAMBDA_RUNTIME_DIR", spec->runtime_dir);
	set(e, "PWD", spec->task_root);
	if (!spec->frozen) {
		set(e, "IS_LOCAL", "true");
	}
}

/* Adds a path below each layer. */
static void add_layers(const struct env_spec *spec, struct buf *out, const char *below)
{
	struct span rest = span_of(spec->layers ? spec->layers : "");
	while (rest.len > 0) {
		struct span layer = span_cut(&rest, ':');
		buf_addf(out, "%s%.*s/%s", out->len ? ":" : "", SPAN_ARG(layer), below);
	}
}

static void set_list(struct env *e, const char *name, struct buf *list, const char *last)
{
	if (last && *last) {
		buf_addf(list, "%s%s", list->len ? ":" : "", last);
	}
	if (list->len > 0) {
		set(e, name, arena_strdup(e->arena, buf_cstr(list)));
	}
	buf_clear(list);
}

/* Where modules, programs and libraries of layers are found (lambda.md 2.1), unless the function says otherwise;
 * what the developer's shell has comes after. */
static void set_search_paths(struct env *e, const struct env_spec *spec)
{
	struct buf list = BUF_INIT(256 * 1024);
	unsigned major = 0;
	if (sscanf(spec->runtime, "nodejs%u", &major) == 1) {
		AUTO_FREE char *versioned = xasprintf("nodejs/node%u/node_modules", major);
		add_layers(spec, &list, versioned);
		add_layers(spec, &list, "nodejs/node_modules");
		buf_addf(&list, "%s%s", list.len ? ":" : "", spec->task_root);
		set_list(e, "NODE_PATH", &list, get(e, "NODE_PATH"));
	} else if (strncmp(spec->runtime, "python", 6) == 0) {
		AUTO_FREE char *versioned = xasprintf("python/lib/%s/site-packages", spec->runtime);
		add_layers(spec, &list, "python");
		add_layers(spec, &list, versioned);
		set_list(e, "PYTHONPATH", &list, get(e, "PYTHONPATH"));
	}
	if (spec->layers && *spec->layers) {
		const char *path = get(e, "PATH");
		buf_add_str(&list, path ? path : "/usr/local/bin:/usr/bin:/bin");
		add_layers(spec, &list, "bin");
		set_list(e, "PATH", &list, NULL);
		add_layers(spec, &list, "lib");
		set_list(e, "LD_LIBRARY_PATH", &list, get(e, "LD_LIBRARY_PATH"));
	}
	buf_fini(&list);
}

/* The cloud's time zone and language, unless the function chooses its own. */
static void set_locale(struct env *e, const struct env_spec *spec)
{
	set(e, "TZ", ":UTC");
	set(e, "LANG", "en_US.UTF-8");
	for (size_t i = 0; i < spec->n_variables; i++) {
		const char *name = spec->variables[i].name;
		if (strcmp(name, "TZ") == 0 || strcmp(name, "LANG") == 0) {
			set(e, name, spec->variables[i].value);
		}
	}
}

char **env_build(struct arena *a, const struct env_spec *spec, char *const *parent, const char *api)
{
	struct env e = env_start(a, parent);
	set_search_paths(&e, spec);
	set_own(&e, spec);
	set_locale(&e, spec);
	set_platform(&e, spec, api);
	set_all(&e, spec->extra, spec->n_extra);
	e.vars[e.n] = NULL;
	return e.vars;
}

char **env_base(struct arena *a, char *const *parent, const struct env_var *extra, size_t n_extra)
{
	struct env e = env_start(a, parent);
	set_all(&e, extra, n_extra);
	e.vars[e.n] = NULL;
	return e.vars;
}

static bool has_name(char *const *vars, const char *var)
{
	size_t len = name_length(var);
	for (size_t i = 0; vars[i]; i++) {
		if (name_length(vars[i]) == len && strncmp(vars[i], var, len) == 0) {
			return true;
		}
	}
	return false;
}

void env_assignment(struct buf *out, char *const *base, char *const *env, const char *cwd)
{
	buf_add_str(out, "{\"env\":{");
	for (size_t i = 0; env[i]; i++) {
		size_t len = name_length(env[i]);
		json_add_string(out, span_n(env[i], len));
		buf_add_char(out, ':');
		json_add_string(out, span_of(env[i] + len + 1));
		buf_add_str(out, env[i + 1] ? "," : "");
	}
	buf_add_str(out, "},\"unset\":[");
	const char *comma = "";
	for (size_t i = 0; base[i]; i++) {
		if (!has_name(env, base[i])) {
			buf_add_str(out, comma);
			json_add_string(out, span_n(base[i], name_length(base[i])));
			comma = ",";
		}
	}
	buf_add_str(out, "]");
	json_add_member(out, "cwd", span_of(cwd));
	buf_add_str(out, "}\n");
}
