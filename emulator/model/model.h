/* What the app declares, in plain structs: filled from CloudFormation templates by model_build(), read
 * by every room, never changed afterwards, swapped whole when the stacks change. All memory hangs on
 * the model's arena; strings are NUL-terminated and never NULL unless the comment says so.
 *
 * Addresses: an API's ApiEndpoint, a function URL and the like depend on ports that the composition
 * root chooses, so model_build asks for them through `resolve`. */
#pragma once

#include "proxy/base/arena.h"
#include "proxy/base/err.h"
#include "proxy/base/json.h"

struct model_pair {
	const char *name, *value;
};

struct model_strings {
	const char **at;
	size_t n;
};

struct model_function {
	const char *stack; /* the stack's name */
	const char *logical_id;
	const char *name; /* physical, stable */
	const char *arn;
	const char *runtime; /* "nodejs16.x"; "" for images */
	const char *handler; /* the Handler property */
	const char *shown_handler; /* as the developer wrote it ("functions/private.handler") */
	const char *role_arn; /* "" if none */
	const char *description;
	unsigned timeout_s; /* default 3 */
	unsigned memory_mb; /* default 128 */
	int reserved_concurrency; /* -1 = none */
	struct model_pair *env;
	size_t n_env;
	const char *log_format; /* "Text" or "JSON" */
	const char *architecture; /* "x86_64" or "arm64" */
	const cJSON *code; /* the Code / CodeUri value, resolved; may be NULL */
	const cJSON *metadata; /* Metadata.offstage of the resource; may be NULL */
	/* Function URL, from AWS::Lambda::Url; url_id "" if it has none. */
	const char *url_id; /* 32 characters */
	const char *url_auth; /* "NONE" or "AWS_IAM" */
	bool url_streaming;
	struct model_cors *url_cors; /* may be NULL */
	bool url_public; /* a Permission allows lambda:InvokeFunctionUrl to anyone */
	struct model_strings url_callers; /* and to these: ARNs of roles and users */
	/* Asynchronous invokes (AWS::Lambda::EventInvokeConfig, DeadLetterConfig). */
	int max_retries; /* default 2 */
	struct model_strings qualifiers; /* versions and aliases that the template declares */
};

struct model_cors {
	struct model_strings allow_origins, allow_methods, allow_headers, expose_headers;
	bool allow_credentials;
	int max_age; /* -1 = not set */
};

enum model_authorization {
	MODEL_AUTH_NONE,
	MODEL_AUTH_IAM,
	MODEL_AUTH_JWT,
	MODEL_AUTH_CUSTOM
};

struct model_authorizer {
	const char *id; /* physical */
	const char *logical_id, *name;
	enum model_authorization type; /* JWT or CUSTOM */
	struct model_strings identity_sources; /* "$request.header.Authorization" */
	/* JWT */
	const char *issuer; /* as configured */
	struct model_strings audience;
	/* CUSTOM (REQUEST) */
	const char *function; /* function name */
	bool payload_v2; /* AuthorizerPayloadFormatVersion 2.0 */
	bool simple_responses;
	unsigned ttl_s; /* 0 = no cache; default 300 when absent */
	bool may_invoke; /* permission or credentials allow the API to invoke it */
};

/* Set or not: 0 is a limit that lets nothing pass. */
struct model_throttle {
	double rate; /* per second */
	double burst;
	bool has_rate, has_burst;
};

enum model_integration_type {
	MODEL_LAMBDA_PROXY,
	MODEL_HTTP_PROXY,
	MODEL_UNSUPPORTED
};

struct model_mapping {
	const char *key; /* "append:header.N", "overwrite:path", "remove:querystring.N" */
	const char *value;
};

struct model_mappings {
	struct model_mapping *at;
	size_t n;
};

struct model_response_mappings {
	int status; /* that the integration answered */
	struct model_mappings mappings;
};

struct model_integration {
	enum model_integration_type type;
	const char *id;
	const char *function; /* name, for LAMBDA_PROXY */
	const char *uri; /* for HTTP_PROXY */
	const char *method; /* for HTTP_PROXY; "ANY" passes the request's on */
	bool payload_v2;
	unsigned timeout_ms; /* 50..30000, default 30000 */
	struct model_mappings request_mappings;
	struct model_response_mappings *responses;
	size_t n_responses;
	bool may_invoke; /* an AWS::Lambda::Permission for this route or credentials allow it; if not, 500 */
};

struct model_route {
	const char *id;
	const char *key; /* "GET /pets/{id}", "ANY /{proxy+}", "$default" */
	const char *method; /* "GET", "ANY"; "" for $default */
	const char *path; /* "/pets/{id}"; "" for $default */
	enum model_authorization authorization;
	const struct model_authorizer *authorizer; /* NULL for NONE and IAM */
	struct model_strings scopes;
	const struct model_integration *integration; /* NULL = route without target: 500 */
};

struct model_route_settings {
	const char *route_key;
	struct model_throttle throttle;
};

struct model_stage {
	const char *name; /* "$default", "dev" */
	struct model_pair *variables;
	size_t n_variables;
	const char *access_log_format; /* "" = none */
	struct model_throttle default_throttle;
	struct model_route_settings *route_settings;
	size_t n_route_settings;
};

struct model_api {
	const char *stack, *logical_id;
	const char *
		key; /* name in endpoints.json: the construct's id in SST apps, else the logical id */
	const char *id; /* 10 characters [a-z0-9], stable */
	const char *name;
	const char *endpoint; /* "http://localhost:4511" as resolve() gave it */
	bool disabled; /* DisableExecuteApiEndpoint, and no custom domain maps to the API */
	struct model_cors *cors; /* NULL = not configured */
	struct model_route *routes;
	size_t n_routes;
	struct model_stage *stages;
	size_t n_stages;
	struct model_authorizer *authorizers;
	size_t n_authorizers;
};

/* A policy document is kept as JSON; auth/policy compiles it. */
struct model_role {
	const char *arn, *name; /* name without path */
	const char *id; /* AROA + 17, stable */
	const cJSON *trust; /* AssumeRolePolicyDocument, resolved */
	const cJSON **policies; /* inline, attached managed (of the template), AWS::IAM::Policy */
	size_t n_policies;
	unsigned max_session_s; /* default 3600 */
};

struct model_oidc_provider {
	const char *arn;
	const char *url; /* as declared, scheme added when missing, no trailing slash */
	const char *host; /* url without scheme: the Logins key */
	struct model_strings client_ids;
};

struct model_user_pool_client {
	const char *provider_name; /* "cognito-idp.us-east-1.amazonaws.com/POOL" */
	const char *client_id;
};

struct model_pool {
	const char *logical_id;
	const char *id; /* "us-east-1:<uuid>", stable */
	const char *name;
	bool allow_unauthenticated;
	bool allow_classic; /* default true when absent */
	const struct model_oidc_provider **oidc;
	size_t n_oidc;
	struct model_user_pool_client *user_pools;
	size_t n_user_pools;
	struct model_pair *social; /* SupportedLoginProviders: host -> app id */
	size_t n_social;
	const char *authenticated_role; /* arn or "" */
	const char *unauthenticated_role;
	const cJSON *role_mappings; /* may be NULL */
};

struct model_output {
	const char *stack, *name, *value;
};

struct model_note { /* listed once at start */
	const char *text; /* "AWS::SQS::Queue 'Queue' is not emulated" */
};

struct model {
	struct arena *arena;
	const char *app, *stage, *region, *account;
	int64_t since_ms; /* when it came: set by whoever asked for it */
	struct model_function *functions;
	size_t n_functions;
	struct model_api *apis; /* HTTP APIs, in template order */
	size_t n_apis;
	struct model_role *roles;
	size_t n_roles;
	struct model_oidc_provider *oidc;
	size_t n_oidc;
	struct model_pool *pools;
	size_t n_pools;
	struct model_output *outputs;
	size_t n_outputs;
	struct model_strings stacks; /* names, in order */
	struct model_note *notes;
	size_t n_notes;
};

/* Gives the address of a thing that listens: kind "api", "function-url" with its stable key. The
 * result is copied. */
typedef const char *(*model_resolve_fn)(void *ctx, const char *kind, const char *key);

struct model_input {
	const char *app, *stage, *region, *account; /* account: 12 digits */
	/* [{"id","name","template":{...}}] in dependency order, as the app message carries them */
	const cJSON *stacks;
	model_resolve_fn resolve;
	void *ctx;
};

/* Evaluates the templates and builds the model; NULL with err naming stack, resource and property.
 * What the emulator does not know still answers Ref and GetAtt, and becomes a note. */
struct model *model_build(const struct model_input *in, struct err *err) MUST_CHECK;
/* NULL is fine. */
void model_destroy(struct model *m);

/* By physical name, ARN (with or without qualifier), or, if only one function has it, the handler as
 * written; NULL if none. */
const struct model_function *model_function(const struct model *m, const char *name);
const struct model_role *model_role(const struct model *m, const char *arn);
const struct model_pool *model_pool(const struct model *m, const char *id);
/* By host, i.e. the Logins key. */
const struct model_oidc_provider *model_oidc(const struct model *m, const char *host);
