/* Who may pass: one question from the gateway, one verdict back. Behind it stand sigv4 + policy
 * for AWS_IAM, jwt + keyset for JWT, lambda_auth for CUSTOM. Also the way in which other rooms
 * (function URLs, STS, the Invoke API, the identity pool) check a signature or a token.
 *
 * The reason for a refusal is plain words for the terminal and --json; it never goes into a
 * response. Tokens are shown by their first 8 characters. */
#pragma once

#include <uv.h>

#include "emulator/lambda/lambda.h"
#include "emulator/model/model.h"
#include "emulator/store/store.h"
#include "proxy/base/clock.h"
#include "proxy/net/http_client.h"
#include "proxy/net/http_server.h"

struct auth;
struct keyset;

enum auth_outcome {
	AUTH_ALLOW,
	AUTH_UNAUTHORIZED, /* 401 {"message":"Unauthorized"} + www-authenticate if set */
	AUTH_FORBIDDEN, /* 403 {"message":"Forbidden"} */
	AUTH_FAILED, /* 500 {"message":"Internal Server Error"} */
	AUTH_URI_TOO_LONG, /* 414 */
};

/* requestContext.authorizer.iam (identity-and-auth.md 3.2). NULL members are JSON null. */
struct auth_iam {
	const char *access_key, *account_id, *caller_id, *user_arn, *user_id;
	const char *principal_org_id; /* NULL */
	const char *identity_id, *identity_pool_id; /* NULL unless Cognito */
	const char *const *amr; /* NULL-terminated; NULL unless Cognito */
};

struct auth_verdict {
	enum auth_outcome outcome;
	enum model_authorization kind;
	struct auth_iam iam; /* kind IAM, allowed */
	struct span claims; /* kind JWT: JSON object text of stringified claims */
	struct span scopes; /* kind JWT: JSON array text, or "null" */
	struct span context; /* kind CUSTOM: JSON text of the context object, or "null" */
	const char *principal_id; /* kind CUSTOM: "" if none */
	const char *www_authenticate; /* "" = no such header */
	const char *check; /* which one refused: "signature", "expired token" ...; "" on allow */
	const char *reason; /* for the terminal; may be several lines; "" on allow */
	const char *log_error; /* $context.authorizer.error; "" = unset */
};

struct auth_request {
	const struct model_api *api;
	const struct model_stage *stage;
	const struct model_route *route;
	const struct http_request *http; /* as received; alive until done or auth_cancel */
	struct span route_path; /* path without the stage segment, as received */
	/* What a Lambda authorizer is sent, built on demand by the gateway's event writer:
	 * appends the event in the given format. identity_sources: resolved values in order. */
	void (*write_event)(
		void *ctx, bool v2, const struct span *identity_sources, size_t n, struct buf *out);
	/* Resolves "$context.x" and "$stageVariables.x"; ptr NULL if it has no value. */
	struct span (*context_value)(void *ctx, struct span expression);
	void *ctx;
};

typedef void (*auth_done_fn)(void *ctx, const struct auth_verdict *v);
struct auth_job;

struct auth_config {
	uv_loop_t *loop;
	const struct clock *clock;
	struct store *store; /* temporary credentials */
	struct lambda *lambda;
	struct http_client *http; /* for real issuers' keys */
	const char *credentials_file; /* --credentials; NULL = none */
};

struct auth *auth_create(const struct auth_config *config, struct err *err) MUST_CHECK;
/* Every job must have ended or been cancelled. NULL is fine. */
void auth_destroy(struct auth *a);
/* Swaps policies, authorizers and issuers. The model must outlive the next swap. */
void auth_set_model(struct auth *a, const struct model *m);

/* The verdict comes through done, exactly once. Unlike most of our calls it may come BEFORE
 * auth_check returns (then the result is NULL): signatures and cached tokens need no waiting,
 * and this is the hot path. The verdict's memory is valid for the call of done only, but what it
 * points to in the http request's arena lives with the request. */
struct auth_job *auth_check(
	struct auth *a, const struct auth_request *r, auth_done_fn done, void *ctx);
/* The client has gone: done is not called. */
void auth_cancel(struct auth_job *job);

/* --- for other rooms ------------------------------------------------------------------- */

/* Who signed. Strings live in the arena given. */
struct auth_caller {
	struct auth_iam iam;
	const char *role_arn; /* "" for a static user */
	const char *session_name;
	const char *session_policy; /* JSON text of a policy that must allow as well; "" = none */
	int64_t expires_ms; /* 0 = never: long-term keys */
	int64_t issued_ms; /* of temporary credentials; 0 = long-term keys, or not known */
	bool guest;
	bool is_static; /* --credentials user, also by GetSessionToken: allowed everything */
};

/* Verifies SigV4 (header or presigned) for `service`; false with the failed check in *check and
 * words in *reason (both in the arena), and the AWS error code of identity-and-auth.md 5.9 in
 * *aws_error (e.g. "SignatureDoesNotMatch", "ExpiredToken"). The first line of *reason is the
 * text AWS answers with; what follows explains it and is for the terminal only. window_s: 300
 * for execute-api, 900 else. */
bool auth_verify_sigv4(struct auth *a, const struct http_request *r, const char *service,
	unsigned window_s, struct arena *arena, struct auth_caller *out, const char **check,
	const char **reason, const char **aws_error);

/* May the caller do `action` on `resource`? Request condition keys (aws:SourceIp ...) come from
 * r, which may be NULL. *reason says which statement or condition refused; "" on allow. */
bool auth_allowed(struct auth *a, const struct auth_caller *caller, const char *action,
	const char *resource, const struct http_request *r, struct arena *arena,
	const char **reason);

/* The local keys of a login provider, for whoever signs and whoever verifies: RS256 public keys as
 * JWKS text. The login room calls this when it has loaded or made its keys; jwks is copied. */
void auth_add_local_keys(struct auth *a, const char *issuer, struct span jwks);

/* Verifies a login token for the identity pool / STS: issuer must be `provider`'s, signature by
 * its keys (local, loopback or real issuer's), then claims. done gets 0 and the claims tree
 * (borrowed), or a negative code with err: its msg is the exact text after "Invalid login token.
 * " where Cognito has one (identity-and-auth.md 1.5). May call done before returning, as
 * auth_check. */
typedef void (*auth_token_fn)(void *ctx, const cJSON *claims, const struct err *err);
struct auth_job *auth_verify_login(struct auth *a, const struct model_oidc_provider *provider,
	struct span token, auth_token_fn done, void *ctx);

/* May `principal` (a federated provider: "cognito-identity.amazonaws.com" or an OIDC ARN) assume
 * the role, given the condition keys? keys: pairs; a value list repeats the name. */
bool auth_trusts(const struct model_role *role, const char *principal, const char *action,
	const struct model_pair *keys, size_t n, const char **reason, struct arena *arena);
