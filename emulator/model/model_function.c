/* Functions, their URLs, permissions and settings for asynchronous invokes. */
#include "emulator/model/builder.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

static bool name_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
	return n > 0 && n <= 64 && name[n] == '\0';
}

static int read_bounded(struct builder *b, struct template_resource *r, const char *name,
	unsigned least, unsigned most, unsigned otherwise, unsigned *out)
{
	double value;
	int rc = template_number(r, r->properties, name, otherwise, &value, b->err);
	if (rc == 0 && (value < least || value > most || value != (unsigned)value)) {
		rc = template_fault(
			r, b->err, name, "must be a whole number from %u to %u", least, most);
	}
	if (rc == 0) {
		*out = (unsigned)value;
	}
	return rc;
}

static int read_environment(
	struct builder *b, struct template_resource *r, struct model_function *f)
{
	const cJSON *variables = json_get(json_get(r->properties, "Environment"), "Variables");
	JSON_FOR (item, variables) {
		f->env = build_grow(b, f->env, f->n_env, sizeof *f->env);
		struct model_pair *pair = &f->env[f->n_env++];
		pair->name = item->string ? item->string : "";
		int rc = template_text(r, variables, pair->name, "", &pair->value, b->err);
		if (rc || !*pair->name) {
			return template_fault(r, b->err, "Environment.Variables",
				"'%s' must be text", pair->name);
		}
	}
	return 0;
}

static int read_sizes(struct builder *b, struct template_resource *r, struct model_function *f)
{
	int rc = read_bounded(b, r, "Timeout", 1, 900, 3, &f->timeout_s);
	if (rc == 0) {
		rc = read_bounded(b, r, "MemorySize", 128, 10240, 128, &f->memory_mb);
	}
	unsigned reserved = 0;
	f->reserved_concurrency = -1;
	if (rc == 0 && json_get(r->properties, "ReservedConcurrentExecutions")) {
		rc = read_bounded(b, r, "ReservedConcurrentExecutions", 0, 100000, 0, &reserved);
		f->reserved_concurrency = (int)reserved;
	}
	return rc;
}

static int read_texts(struct builder *b, struct template_resource *r, struct model_function *f)
{
	const cJSON *logging = json_get(r->properties, "LoggingConfig");
	struct model_strings architectures;
	int rc = template_text(r, r->properties, "Runtime", "", &f->runtime, b->err);
	if (rc == 0) {
		rc = template_text(r, r->properties, "Handler", "", &f->handler, b->err);
	}
	if (rc == 0) {
		rc = template_text(r, r->properties, "Role", "", &f->role_arn, b->err);
	}
	if (rc == 0) {
		rc = template_text(r, r->properties, "Description", "", &f->description, b->err);
	}
	if (rc == 0) {
		rc = template_text(r, logging, "LogFormat", "Text", &f->log_format, b->err);
	}
	if (rc == 0) {
		rc = template_texts(r, r->properties, "Architectures", &architectures, b->err);
		f->architecture = rc == 0 && architectures.n ? architectures.at[0] : "x86_64";
	}
	return rc;
}

static int check_function(
	struct builder *b, struct template_resource *r, const struct model_function *f)
{
	if (!name_valid(f->name)) {
		return template_fault(r, b->err, "FunctionName",
			"'%s' must be 1 to 64 letters, digits, '-' or '_'", f->name);
	}
	const char *package = json_str(r->properties, "PackageType");
	bool image = (package && strcmp(package, "Image") == 0) || json_get(f->code, "ImageUri");
	if (!image && !*f->runtime) {
		return template_fault(r, b->err, "Runtime", "is missing");
	}
	if (!image && !*f->handler) {
		return template_fault(r, b->err, "Handler", "is missing");
	}
	if (strcmp(f->architecture, "x86_64") != 0 && strcmp(f->architecture, "arm64") != 0) {
		return template_fault(r, b->err, "Architectures", "'%s' must be x86_64 or arm64",
			f->architecture);
	}
	if (strcmp(f->log_format, "Text") != 0 && strcmp(f->log_format, "JSON") != 0) {
		return template_fault(r, b->err, "LoggingConfig.LogFormat",
			"'%s' must be Text or JSON", f->log_format);
	}
	for (size_t i = 0; i < b->m->n_functions; i++) {
		if (strcmp(b->m->functions[i].name, f->name) == 0) {
			return template_fault(r, b->err, "FunctionName",
				"'%s' has the name '%s' too", b->m->functions[i].logical_id,
				f->name);
		}
	}
	return 0;
}

static int build_function(struct builder *b, struct template_resource *r)
{
	struct model_function f = { .stack = r->stack->name,
		.logical_id = r->logical_id,
		.name = build_ref(b, r),
		.url_id = "",
		.url_auth = "",
		.max_retries = 2,
		.code = json_get(r->properties, "Code"),
		.metadata = r->metadata };
	f.arn = f.name ? build_attribute(b, r, "Arn") : NULL;
	int rc = f.arn ? read_texts(b, r, &f) : -ERR_INVALID;
	if (rc == 0) {
		rc = read_sizes(b, r, &f);
	}
	if (rc == 0) {
		rc = read_environment(b, r, &f);
	}
	if (rc == 0) {
		rc = check_function(b, r, &f);
	}
	if (rc) {
		return rc;
	}
	const char *shown = json_str(r->metadata, "handler");
	f.shown_handler = shown ? shown : f.handler;
	struct model *m = b->m;
	m->functions = build_grow(b, m->functions, m->n_functions, sizeof *m->functions);
	m->functions[m->n_functions++] = f;
	return 0;
}

/* The function that a property names. What is not of this app leaves *out NULL. */
static int named_function(struct builder *b, struct template_resource *r, const char *property,
	struct model_function **out)
{
	const char *name;
	int rc = template_text(r, r->properties, property, NULL, &name, b->err);
	*out = rc == 0 && name ? build_find_function(b, name) : NULL;
	if (rc == 0 && !name) {
		rc = template_fault(r, b->err, property, "is missing");
	}
	return rc;
}

static int build_permission(struct builder *b, struct template_resource *r)
{
	struct model_function *f;
	struct build_permission p;
	int rc = named_function(b, r, "FunctionName", &f);
	const struct {
		const char *name;
		const char **out;
	} texts[] = {
		{ "Action", &p.action },
		{ "Principal", &p.principal },
		{ "SourceArn", &p.source_arn },
		{ "SourceAccount", &p.source_account },
		{ "FunctionUrlAuthType", &p.url_auth },
	};
	for (size_t i = 0; i < COUNT_OF(texts) && rc == 0; i++) {
		rc = template_text(r, r->properties, texts[i].name, "", texts[i].out, b->err);
	}
	if (rc || !f) {
		return rc;
	}
	if (!*p.action || !*p.principal) {
		return template_fault(r, b->err, *p.action ? "Principal" : "Action", "is missing");
	}
	p.function = f;
	b->permissions = build_grow(b, b->permissions, b->n_permissions, sizeof *b->permissions);
	b->permissions[b->n_permissions++] = p;
	return 0;
}

/* '*' any run, '?' one character (IAM's string matching, reference api-gateway 7). */
static bool like(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;
	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			resume = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*') {
		pattern++;
	}
	return !*pattern;
}

bool build_may_invoke(const struct builder *b, const struct model_function *f,
	const char *const *sources, size_t n)
{
	for (size_t i = 0; i < b->n_permissions; i++) {
		const struct build_permission *p = &b->permissions[i];
		bool fits = p->function == f && like(p->action, "lambda:InvokeFunction") &&
			    (strcmp(p->principal, "apigateway.amazonaws.com") == 0 ||
				    strcmp(p->principal, "*") == 0) &&
			    (!*p->source_account || strcmp(p->source_account, b->m->account) == 0);
		if (fits && !*p->source_arn) {
			return true;
		}
		for (size_t j = 0; j < n && fits; j++) {
			if (like(p->source_arn, sources[j])) {
				return true;
			}
		}
	}
	return false;
}

/* A URL of AuthType NONE answers the world only if a permission for that type says so (reference api-gateway
 * 12). One that names a role or user lets him call a URL of AWS_IAM, whatever his own policies say. Accounts
 * and services are left out: of the same account, they only leave the decision to those policies. */
static void read_url_permissions(struct builder *b, struct model_function *f)
{
	struct model_strings *callers = &f->url_callers;
	for (size_t i = 0; i < b->n_permissions; i++) {
		const struct build_permission *p = &b->permissions[i];
		if (p->function != f || !like(p->action, "lambda:InvokeFunctionUrl") ||
			(*p->url_auth && strcmp(p->url_auth, f->url_auth) != 0)) {
			continue;
		}
		if (strcmp(p->principal, "*") == 0) {
			f->url_public = true;
		} else if (strncmp(p->principal, "arn:", 4) == 0) {
			callers->at = build_grow(b, callers->at, callers->n, sizeof *callers->at);
			callers->at[callers->n++] = p->principal;
		}
	}
}

static int build_url(struct builder *b, struct template_resource *r)
{
	struct model_function *f;
	const char *auth, *mode;
	int rc = named_function(b, r, "TargetFunctionArn", &f);
	if (rc == 0) {
		rc = template_text(r, r->properties, "AuthType", "", &auth, b->err);
	}
	if (rc == 0) {
		rc = template_text(r, r->properties, "InvokeMode", "BUFFERED", &mode, b->err);
	}
	if (rc) {
		return rc;
	}
	if (!f) {
		return template_fault(
			r, b->err, "TargetFunctionArn", "names no function of the app");
	}
	if (strcmp(auth, "NONE") != 0 && strcmp(auth, "AWS_IAM") != 0) {
		return template_fault(r, b->err, "AuthType", "'%s' must be NONE or AWS_IAM", auth);
	}
	if (strcmp(mode, "BUFFERED") != 0 && strcmp(mode, "RESPONSE_STREAM") != 0) {
		return template_fault(
			r, b->err, "InvokeMode", "'%s' must be BUFFERED or RESPONSE_STREAM", mode);
	}
	char id[33];
	physical_id(r, "url", id, 32, ID_LOWER_DIGITS);
	f->url_id = arena_strdup(b->arena, id);
	f->url_auth = auth;
	f->url_streaming = *mode == 'R';
	read_url_permissions(b, f);
	if (strcmp(auth, "NONE") == 0 && !f->url_public) {
		build_note(b,
			"function URL '%s' answers 403: no AWS::Lambda::Permission lets everyone "
			"call lambda:InvokeFunctionUrl",
			r->logical_id);
	}
	return build_cors(b, r, json_get(r->properties, "Cors"), &f->url_cors);
}

static int build_event_config(struct builder *b, struct template_resource *r)
{
	struct model_function *f;
	unsigned retries = 2;
	int rc = named_function(b, r, "FunctionName", &f);
	if (rc == 0) {
		rc = read_bounded(b, r, "MaximumRetryAttempts", 0, 2, 2, &retries);
	}
	if (rc == 0 && f) {
		f->max_retries = (int)retries;
	}
	return rc;
}

/* All versions and aliases of a function run the code that is there now. */
static int add_qualifier(struct builder *b, struct template_resource *r, const char *qualifier)
{
	struct model_function *f;
	int rc = named_function(b, r, "FunctionName", &f);
	if (rc == 0 && f) {
		struct model_strings *list = &f->qualifiers;
		list->at = build_grow(b, list->at, list->n, sizeof *list->at);
		list->at[list->n++] = qualifier;
	}
	return rc;
}

static int build_version(struct builder *b, struct template_resource *r)
{
	const char *version = build_attribute(b, r, "Version");
	return version ? add_qualifier(b, r, version) : -ERR_INVALID;
}

static int build_alias(struct builder *b, struct template_resource *r)
{
	const char *name;
	int rc = template_text(r, r->properties, "Name", "", &name, b->err);
	return rc ? rc : add_qualifier(b, r, name);
}

int build_functions(struct builder *b)
{
	static const struct {
		const char *type;
		int (*build)(struct builder *b, struct template_resource *r);
	} steps[] = {
		{ "AWS::Lambda::Function", build_function },
		{ "AWS::Lambda::Permission", build_permission },
		{ "AWS::Lambda::Url", build_url },
		{ "AWS::Lambda::EventInvokeConfig", build_event_config },
		{ "AWS::Lambda::Version", build_version },
		{ "AWS::Lambda::Alias", build_alias },
	};
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		TEMPLATE_FOR(r, &b->set, steps[i].type)
		{
			int rc = steps[i].build(b, r);
			if (rc) {
				return rc;
			}
		}
	}
	return 0;
}
