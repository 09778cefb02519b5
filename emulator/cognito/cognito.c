#include "emulator/cognito/cognito.h"

#include <stdlib.h>

#include "emulator/cognito/aws_proto.h"
#include "emulator/cognito/call.h"
#include "emulator/cognito/credentials.h"
#include "emulator/cognito/identity.h"
#include "emulator/cognito/logins.h"
#include "emulator/cognito/open_id.h"
#include "emulator/cognito/pools.h"
#include "emulator/cognito/sts.h"
#include "proxy/base/alloc.h"

#define TARGET_PREFIX "AWSCognitoIdentityService."
#define FORM_TYPE "application/x-www-form-urlencoded"

static const struct model *own_model(void *ctx, size_t i)
{
	const struct cognito *c = ctx;
	return i == 0 ? c->model : NULL;
}

struct cognito *cognito_create(const struct cognito_config *config)
{
	struct cognito *c = xalloc(sizeof *c);
	c->config = *config;
	c->config.account = xstrdup(config->account);
	c->config.region = xstrdup(config->region);
	if (!c->config.apps.at) {
		c->config.apps = (struct apps){ own_model, c };
	}
	return c;
}

void cognito_destroy(struct cognito *c)
{
	if (!c) {
		return;
	}
	signing_key_destroy(c->open_id_key);
	/* Ours, under the config's const. */
	free((void *)(uintptr_t)c->config.account);
	free((void *)(uintptr_t)c->config.region);
	free(c);
}

void cognito_set_model(struct cognito *c, const struct model *m)
{
	c->model = m;
}

/* --- is it ours? --------------------------------------------------------------------------- */

static bool is_form(const struct http_request *r)
{
	struct span type = http_header_get(r, "content-type");
	return span_iis(span_trim(span_cut(&type, ';')), FORM_TYPE);
}

static bool has_action(struct span text)
{
	while (text.ptr) {
		if (span_starts(span_cut(&text, '&'), SPAN("Action="))) {
			return true;
		}
	}
	return false;
}

static bool is_query_protocol(const struct http_request *r)
{
	return has_action(r->query) ||
	       (span_is(r->method, "POST") && is_form(r) && has_action(r->body));
}

static bool asks_for_target(const struct http_request *r)
{
	struct span names = http_header_get(r, "access-control-request-headers");
	while (names.ptr) {
		if (span_iis(span_trim(span_cut(&names, ',')), "x-amz-target")) {
			return true;
		}
	}
	return false;
}

bool cognito_handles(const struct http_request *r)
{
	/* A preflight carries no target: it is known by asking to send one, or by the path that
	 * only these services are called with. */
	if (aws_is_preflight(r)) {
		return asks_for_target(r) || span_is(r->path, "/");
	}
	return aws_json_operation(r, TARGET_PREFIX).ptr || is_query_protocol(r);
}

/* --- dispatch ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	bool is_open; /* needs no signature */
	void (*run)(struct call *call);
} OPERATIONS[] = {
	{ "GetId", true, identity_get_id },
	{ "GetCredentialsForIdentity", true, credentials_for_identity },
	{ "GetOpenIdToken", true, open_id_token },
	{ "UnlinkIdentity", true, identity_unlink },
	{ "DescribeIdentity", false, identity_describe },
	{ "ListIdentities", false, identity_list },
	{ "DeleteIdentities", false, identity_delete },
	{ "ListIdentityPools", false, pools_list },
	{ "DescribeIdentityPool", false, pools_describe },
	{ "GetIdentityPoolRoles", false, pools_roles },
};

static bool is_loopback(const char *peer)
{
	return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0 ||
	       strncmp(peer, "::ffff:127.", 11) == 0;
}

/* JSON services name these errors differently from STS (identity-and-auth.md 5.9). */
static void fail_signature(struct call *call, const char *error, const char *reason)
{
	if (strcmp(error, "ExpiredToken") == 0) {
		call_refuse(call, "ExpiredTokenException",
			"The security token included in the request is expired", reason);
	} else if (strcmp(error, "InvalidClientTokenId") == 0) {
		call_refuse(call, "UnrecognizedClientException",
			"The security token included in the request is invalid.", reason);
	} else if (strcmp(error, "MissingAuthenticationToken") == 0) {
		call_refuse(call, "MissingAuthenticationTokenException",
			"Missing Authentication Token", reason);
	} else if (strcmp(error, "IncompleteSignature") == 0) {
		call_refuse(call, "IncompleteSignatureException",
			"The request signature does not conform to AWS standards.", reason);
	} else {
		call_refuse(call, "InvalidSignatureException",
			"The request signature we calculated does not match the signature you "
			"provided. "
			"Check your AWS Secret Access Key and signing method. Consult the service "
			"documentation for details.",
			reason);
	}
}

/* The operations of an administrator. On the developer's own machine they need no more than the
 * Invoke API does, any credentials or none; but a web page (which shows by its Origin) and a caller
 * from elsewhere must be allowed by a policy. */
static bool may_administer(struct call *call)
{
	if (is_loopback(call->r->peer) && !http_header_get(call->r, "origin").ptr) {
		return true;
	}
	struct auth_caller caller;
	const char *check = "";
	const char *reason = "";
	const char *error = "";
	struct auth *auth = call->c->config.auth;
	if (!auth_verify_sigv4(auth, call->r, "cognito-identity", 900, call->arena, &caller, &check,
		    &reason, &error)) {
		fail_signature(call, error, reason);
		return false;
	}
	const char *action = arena_printf(call->arena, "cognito-identity:%s", call->operation);
	if (!auth_allowed(auth, &caller, action, "*", call->r, call->arena, &reason)) {
		call_refuse(call, "AccessDeniedException",
			arena_printf(call->arena, "User: %s is not authorized to perform: %s",
				caller.iam.user_arn, action),
			reason);
		return false;
	}
	return true;
}

static void delete_tree(void *tree)
{
	cJSON_Delete(tree);
}

static void run_json(struct call *call)
{
	struct err err = ERR_INIT;
	call->body = json_parse(call->r->body, &err);
	if (call->body) {
		arena_on_destroy(call->arena, delete_tree, call->body);
	}
	if (!cJSON_IsObject(call->body)) {
		call_refuse(call, "SerializationException", NULL,
			*err.msg ? err.msg : "the body is no JSON object");
		return;
	}
	for (size_t i = 0; i < COUNT_OF(OPERATIONS); i++) {
		if (strcmp(OPERATIONS[i].name, call->operation) == 0) {
			if (OPERATIONS[i].is_open || may_administer(call)) {
				OPERATIONS[i].run(call);
			}
			return;
		}
	}
	call_fail(call, "UnknownOperationException", "%.100s is not emulated by offstage",
		call->operation);
}

static void run_query(struct call *call)
{
	struct span text = has_action(call->r->query) ? call->r->query : call->r->body;
	if (!form_parse(&call->form, text, call->arena)) {
		sts_fail(call, 400, "MalformedQueryString", "The query string is malformed.",
			"the parameters are no application/x-www-form-urlencoded text");
		return;
	}
	sts_request(call);
}

/* Before the first model there is no account to act in. */
static void fail_not_ready(struct call *call, bool json)
{
	static const char TEXT[] = "The app is still starting.";
	if (json) {
		call_refuse(call, "InternalErrorException", TEXT, TEXT);
	} else {
		sts_fail(call, 503, "ServiceUnavailable", TEXT, TEXT);
	}
}

static void on_gone(void *ctx)
{
	logins_cancel(ctx);
}

void cognito_request(struct cognito *c, struct http_exchange *x)
{
	const struct http_request *r = http_request(x);
	if (aws_is_preflight(r)) {
		aws_preflight_reply(x);
		return;
	}
	struct call *call = arena_alloc(r->arena, sizeof *call);
	*call = (struct call){ .c = c, .x = x, .r = r, .arena = r->arena };
	http_on_gone(x, on_gone, call);
	struct span operation = aws_json_operation(r, TARGET_PREFIX);
	call->operation =
		operation.ptr ? arena_strndup(r->arena, operation.ptr, operation.len) : "STS";
	if (!c->model) {
		fail_not_ready(call, operation.ptr);
	} else if (operation.ptr) {
		run_json(call);
	} else {
		run_query(call);
	}
}
