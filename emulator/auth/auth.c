/* Dispatch only: which authorizer answers, and the doors for other rooms. */
#include "emulator/auth/auth.h"

#include <stdlib.h>

#include "emulator/auth/execute_arn.h"
#include "emulator/auth/grants.h"
#include "emulator/auth/iam.h"
#include "emulator/auth/job.h"
#include "emulator/auth/jwt_auth.h"
#include "emulator/auth/lambda_auth.h"
#include "proxy/base/alloc.h"
#include "proxy/base/log.h"

#define API_WINDOW_S 300 /* api-gateway.md 7 */

struct auth {
	const struct clock *clock;
	const struct model *model; /* NULL before the first auth_set_model */
	struct iam *iam;
	struct grants *grants; /* of model */
	struct keyset *keys;
	struct jwt_auth *jwt;
	struct lambda_auth *lambda;
};

struct auth *auth_create(const struct auth_config *config, struct err *err)
{
	struct users *users = users_load(config->credentials_file, err);
	if (!users) {
		return NULL;
	}
	struct auth *a = xalloc(sizeof *a);
	a->clock = config->clock;
	a->iam = iam_create(config->store, config->clock, users);
	a->keys = keyset_create(config->clock, config->http);
	a->jwt = jwt_auth_create(config->clock, a->keys);
	a->lambda = lambda_auth_create(config->loop, config->clock, config->lambda);
	return a;
}

void auth_destroy(struct auth *a)
{
	if (!a) {
		return;
	}
	lambda_auth_destroy(a->lambda);
	jwt_auth_destroy(a->jwt);
	keyset_destroy(a->keys);
	grants_destroy(a->grants);
	iam_destroy(a->iam);
	free(a);
}

void auth_set_model(struct auth *a, const struct model *m)
{
	grants_destroy(a->grants);
	a->grants = grants_create(m);
	a->model = m;
	lambda_auth_forget(a->lambda);
}

/* --- AWS_IAM ----------------------------------------------------------------------------- */

static void forbid(const char *check, const char *reason, auth_done_fn done, void *ctx)
{
	done(ctx, &(struct auth_verdict){ .outcome = AUTH_FORBIDDEN,
			  .kind = MODEL_AUTH_IAM,
			  .principal_id = "",
			  .www_authenticate = "",
			  .check = check,
			  .reason = reason,
			  .log_error = "" });
}

static void check_iam(
	struct auth *a, const struct auth_request *r, const char *arn, auth_done_fn done, void *ctx)
{
	struct arena *arena = r->http->arena;
	struct auth_caller caller;
	struct sigv4_fault fault = { "", "", "" };
	if (!iam_identify(a->iam, a->model, r->http, "execute-api", API_WINDOW_S, arena, &caller,
		    &fault)) {
		forbid(fault.check, fault.reason, done, ctx);
		return;
	}
	const char *reason;
	if (!auth_allowed(a, &caller, "execute-api:Invoke", arn, r->http, arena, &reason)) {
		forbid("policy", reason, done, ctx);
		return;
	}
	done(ctx, &(struct auth_verdict){ .outcome = AUTH_ALLOW,
			  .kind = MODEL_AUTH_IAM,
			  .iam = caller.iam,
			  .principal_id = "",
			  .www_authenticate = "",
			  .check = "",
			  .reason = "",
			  .log_error = "" });
}

/* --- dispatch ---------------------------------------------------------------------------- */

static void refuse_long_uri(enum model_authorization kind, const char *arn, struct arena *arena,
	auth_done_fn done, void *ctx)
{
	done(ctx, &(struct auth_verdict){ .outcome = AUTH_URI_TOO_LONG,
			  .kind = kind,
			  .principal_id = "",
			  .www_authenticate = "",
			  .check = "uri length",
			  .reason = arena_printf(arena,
				  "the ARN of the request has %zu bytes, at most %d are allowed",
				  strlen(arn), EXECUTE_ARN_MAX),
			  .log_error = "" });
}

struct auth_job *auth_check(
	struct auth *a, const struct auth_request *r, auth_done_fn done, void *ctx)
{
	enum model_authorization kind = r->route->authorization;
	if (kind == MODEL_AUTH_NONE) {
		done(ctx, &(struct auth_verdict){ .outcome = AUTH_ALLOW,
				  .kind = kind,
				  .principal_id = "",
				  .www_authenticate = "",
				  .check = "",
				  .reason = "",
				  .log_error = "" });
		return NULL;
	}
	const char *arn = execute_arn(a->model, r);
	if (strlen(arn) > EXECUTE_ARN_MAX) {
		refuse_long_uri(kind, arn, r->http->arena, done, ctx);
		return NULL;
	}
	switch (kind) {
	case MODEL_AUTH_JWT:
		return jwt_auth_check(a->jwt, r, done, ctx);
	case MODEL_AUTH_CUSTOM:
		return lambda_auth_check(a->lambda, r, arn, done, ctx);
	case MODEL_AUTH_IAM:
	case MODEL_AUTH_NONE:
		break;
	}
	check_iam(a, r, arn, done, ctx);
	return NULL;
}

void auth_cancel(struct auth_job *job)
{
	job->cancel(job);
}

/* --- for other rooms --------------------------------------------------------------------- */

bool auth_verify_sigv4(struct auth *a, const struct http_request *r, const char *service,
	unsigned window_s, struct arena *arena, struct auth_caller *out, const char **check,
	const char **reason, const char **aws_error)
{
	struct sigv4_fault fault = { "", "", "" };
	bool ok = iam_identify(a->iam, a->model, r, service, window_s, arena, out, &fault);
	*check = fault.check;
	*reason = fault.reason;
	*aws_error = fault.aws_error;
	return ok;
}

bool auth_allowed(struct auth *a, const struct auth_caller *caller, const char *action,
	const char *resource, const struct http_request *r, struct arena *arena,
	const char **reason)
{
	return grants_allow(
		a->grants, caller, action, resource, r, clock_now_ms(a->clock), arena, reason);
}

void auth_add_local_keys(struct auth *a, const char *issuer, struct span jwks)
{
	struct err err = ERR_INIT;
	if (keyset_add_local(a->keys, issuer, jwks, &err)) {
		log_error("auth", "keys of the stand-in for %s: %s", issuer, err.msg);
		return;
	}
	jwt_auth_forget(a->jwt);
}

struct auth_job *auth_verify_login(struct auth *a, const struct model_oidc_provider *provider,
	struct span token, auth_token_fn done, void *ctx)
{
	return jwt_auth_login(a->jwt, provider, token, done, ctx);
}

bool auth_trusts(const struct model_role *role, const char *principal, const char *action,
	const struct model_pair *keys, size_t n, const char **reason, struct arena *arena)
{
	return grants_trust(role, principal, action, keys, n, reason, arena);
}
