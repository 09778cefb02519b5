#include "runtime/function_spec.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/file.h"
#include "runtime/pool/launch.h"

#define DEFAULT_MEMORY_MB 128
#define DEFAULT_TIMEOUT_S 3
#define MAX_TIMEOUT_S 900

static const char *text(struct arena *a, const char *s, const char *otherwise)
{
	return arena_strdup(a, s ? s : otherwise);
}

static unsigned read_timeout_ms(const cJSON *function)
{
	double s = json_num(function, "timeout", DEFAULT_TIMEOUT_S);
	return s > 0 && s < MAX_TIMEOUT_S ? (unsigned)(s * 1000) : MAX_TIMEOUT_S * 1000;
}

static void read_variables(struct env_spec *env, struct arena *a, const cJSON *object)
{
	size_t n = 0;
	JSON_FOR (item, object) {
		n += json_value(item) != NULL;
	}
	struct env_var *vars = arena_alloc(a, (n + 1) * sizeof *vars);
	JSON_FOR (item, object) {
		if (json_value(item) && env->n_variables < n) {
			vars[env->n_variables++] = (struct env_var){ arena_strdup(a, item->string),
				arena_strdup(a, json_value(item)) };
		}
	}
	env->variables = vars;
}

/* Function names are letters, digits, - and _; whatever else comes must not leave the folder. */
static char *folder_name(struct arena *a, const char *name)
{
	char *out = arena_strdup(a, name);
	for (char *c = out; *c; c++) {
		if (*c == '/' || *c == '.') {
			*c = '-';
		}
	}
	return out;
}

/* Where the code is, below the app's folder: SST's srcPath, or a template's Code; inline code gets a
 * folder of its own. */
static const char *read_src_path(struct function_spec *spec, struct arena *a, const cJSON *function)
{
	const cJSON *metadata = json_object(function, "metadata");
	const cJSON *code = json_get(function, "code");
	const char *src = json_str(metadata, "srcPath");
	spec->inline_code =
		json_str(code, "ZipFile") ? arena_strdup(a, json_str(code, "ZipFile")) : NULL;
	if (spec->inline_code && !src) {
		return arena_printf(a, "%s/inline", spec->order.outdir);
	}
	src = src ? src : json_value(code);
	return text(a, src && *src ? src : NULL, ".");
}

/* The folders of layers, separated by colons. */
static const char *read_layers(struct arena *a, const cJSON *function)
{
	struct buf out = BUF_INIT(64 * 1024);
	JSON_FOR (layer, json_array(json_object(function, "metadata"), "layers")) {
		const char *folder = json_value(layer);
		if (folder && !strchr(folder, ':')) {
			buf_addf(&out, "%s%s", out.len ? ":" : "", folder);
		}
	}
	const char *layers = arena_strdup(a, buf_cstr(&out));
	buf_fini(&out);
	return layers;
}

static const char *read_options(struct arena *a, const cJSON *function)
{
	const cJSON *metadata = json_object(function, "metadata");
	const cJSON *bundle = json_get(metadata, "bundle");
	if (!bundle || cJSON_IsNull(bundle) || cJSON_IsTrue(bundle)) {
		/* A template's code is run as it is, with its packages beside it. */
		return metadata && json_str(metadata, "construct") ? "" : "false";
	}
	struct buf out = BUF_INIT(256 * 1024);
	json_add_tree(&out, bundle);
	const char *options = arena_strndup(a, out.ptr, out.len);
	buf_fini(&out);
	return options;
}

int function_spec_read(struct function_spec *spec, struct arena *a, const cJSON *function,
	const struct function_place *place, struct err *err)
{
	const cJSON *metadata = json_object(function, "metadata");
	const cJSON *credentials = json_object(function, "credentials");
	const char *name = json_str(function, "name");
	const char *handler = json_str(metadata, "handler");
	handler = handler ? handler : json_str(function, "handler");
	if (!name || !*name || !handler) {
		return err_set(err, ERR_INVALID, "a function without name or handler");
	}
	*spec = (struct function_spec){ 0 };
	spec->arn = text(a, json_str(function, "arn"), "");
	spec->timeout_ms = read_timeout_ms(function);
	spec->shown = text(a, json_str(function, "shownHandler"), handler);
	spec->order = (struct build_order){ .function = arena_strdup(a, name),
		.runtime = text(a, json_str(function, "runtime"), "provided"),
		.entry = arena_strdup(a, handler),
		.app = arena_strdup(a, place->app_dir),
		.outdir = arena_printf(a, "%s/build/%s", place->stage_dir, folder_name(a, name)),
		.options = read_options(a, function) };
	const cJSON *sam = json_object(metadata, "build");
	spec->order.logical_id = text(a, json_str(function, "logicalId"), "");
	spec->order.method = text(a, json_str(sam, "BuildMethod"), "");
	spec->order.binary = text(a, json_str(json_object(sam, "BuildProperties"), "Binary"), "");
	spec->order.src_path = read_src_path(spec, a, function);
	const char *log_format = json_str(function, "logFormat");
	spec->env = (struct env_spec){ .function = spec->order.function,
		.runtime = spec->order.runtime,
		.memory_mb = (unsigned)json_num(function, "memory", DEFAULT_MEMORY_MB),
		.region = arena_strdup(a, place->region),
		.runtime_dir = arena_strdup(a, place->runtime_dir),
		.endpoint = arena_strdup(a, place->endpoint),
		.access_key_id = text(a, json_str(credentials, "accessKeyId"), ""),
		.secret_access_key = text(a, json_str(credentials, "secretAccessKey"), ""),
		.session_token = text(a, json_str(credentials, "sessionToken"), ""),
		.layers = read_layers(a, function),
		.json_logs = log_format && strcmp(log_format, "JSON") == 0 };
	read_variables(&spec->env, a, json_object(function, "environment"));
	return 0;
}

char *function_spec_key(const cJSON *function)
{
	struct buf out = BUF_INIT(4 * 1024 * 1024);
	JSON_FOR (item, function) {
		if (strcmp(item->string, "credentials") != 0) {
			buf_addf(&out, "%s=", item->string);
			json_add_tree(&out, item);
			buf_add_char(&out, '\n');
		}
	}
	return buf_take(&out, NULL);
}

int function_spec_write_inline(const struct function_spec *spec, struct err *err)
{
	if (!spec->inline_code) {
		return 0;
	}
	int rc = dir_make_private(spec->order.src_path, err);
	bool python = launch_kind_of(spec->order.runtime) == LAUNCH_PYTHON;
	AUTO_FREE char *path = xasprintf("%s/index.%s", spec->order.src_path, python ? "py" : "js");
	return rc ? rc : file_replace(path, span_of(spec->inline_code), 0600, err);
}
