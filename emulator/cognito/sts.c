#include "emulator/cognito/sts.h"

#include "emulator/cognito/aws_proto.h"
#include "emulator/cognito/session.h"
#include "emulator/cognito/web_identity.h"
#include "proxy/base/alloc.h"

void sts_fail(
	struct call *call, int status, const char *code, const char *message, const char *reason)
{
	const struct cognito_config *config = &call->c->config;
	if (config->on_refused) {
		config->on_refused(config->ctx, call->operation, code, reason);
	}
	aws_query_error(call->x, status, code, message);
}

/* --- who signed ---------------------------------------------------------------------------- */

/* identity-and-auth.md 4.3 and 5.9. What was wrong in detail is the terminal's to say. */
static const struct {
	const char *code;
	int status;
	const char *message;
} SIGNATURE_ERRORS[] = {
	{ "InvalidClientTokenId", 403, "The security token included in the request is invalid." },
	{ "ExpiredToken", 403, "The security token included in the request is expired" },
	{ "SignatureDoesNotMatch", 403,
		"The request signature we calculated does not match the signature you provided. "
		"Check "
		"your AWS Secret Access Key and signing method. Consult the service documentation "
		"for "
		"details." },
	{ "MissingAuthenticationToken", 403, "Request is missing Authentication Token" },
	{ "IncompleteSignature", 400, "The request signature does not conform to AWS standards." },
	{ "MalformedQueryString", 400, "The query string is malformed." },
};

static bool verify_caller(struct call *call, struct auth_caller *caller)
{
	const char *check = "";
	const char *reason = "";
	const char *error = "";
	if (auth_verify_sigv4(call->c->config.auth, call->r, "sts", 900, call->arena, caller,
		    &check, &reason, &error)) {
		return true;
	}
	for (size_t i = 0; i < COUNT_OF(SIGNATURE_ERRORS); i++) {
		if (strcmp(SIGNATURE_ERRORS[i].code, error) == 0) {
			sts_fail(call, SIGNATURE_ERRORS[i].status, error,
				SIGNATURE_ERRORS[i].message, reason);
			return false;
		}
	}
	sts_fail(call, 403, "SignatureDoesNotMatch", SIGNATURE_ERRORS[2].message, reason);
	return false;
}

static void get_caller_identity(struct call *call)
{
	struct auth_caller caller;
	if (!verify_caller(call, &caller)) {
		return;
	}
	struct buf result = BUF_INIT(8192);
	buf_add_str(&result, "\n    ");
	aws_xml_element(&result, "Arn", caller.iam.user_arn);
	buf_add_str(&result, "\n    ");
	aws_xml_element(&result, "UserId", caller.iam.user_id);
	buf_add_str(&result, "\n    ");
	aws_xml_element(&result, "Account", caller.iam.account_id);
	buf_add_str(&result, "\n  ");
	aws_query_reply(call->x, call->operation, buf_span(&result));
	buf_fini(&result);
}

/* A trust policy names a principal by its own ARN, or trusts the whole account. */
static bool trusts_caller(struct call *call, const struct model_role *role,
	const struct auth_caller *caller, const char **reason)
{
	const char *account = call->c->config.account;
	const char *const principals[] = {
		*caller->role_arn ? caller->role_arn : caller->iam.user_arn,
		caller->iam.user_arn,
		arena_printf(call->arena, "arn:aws:iam::%s:root", account),
		account,
	};
	for (size_t i = 0; i < COUNT_OF(principals); i++) {
		if (auth_trusts(
			    role, principals[i], "sts:AssumeRole", NULL, 0, reason, call->arena)) {
			return true;
		}
	}
	return false;
}

static void assume_role(struct call *call)
{
	struct auth_caller caller;
	struct session_request request;
	if (!verify_caller(call, &caller) || !session_read(call, &request)) {
		return;
	}
	const char *denied = arena_printf(call->arena,
		"User: %s is not authorized to perform: sts:AssumeRole on resource: %s",
		caller.iam.user_arn, request.role_arn);
	const struct model_role *role = session_role(call, &request, denied);
	if (!role) {
		return;
	}
	const char *reason = "";
	if (!trusts_caller(call, role, &caller, &reason) ||
		!auth_allowed(call->c->config.auth, &caller, "sts:AssumeRole", role->arn, call->r,
			call->arena, &reason)) {
		sts_fail(call, 403, "AccessDenied", denied, reason);
		return;
	}
	struct store_credentials c = { .role_arn = role->arn,
		.session_name = request.name,
		.identity_id = "",
		.pool_id = "",
		.amr = "",
		.session_policy = call->session_policy };
	if (!session_issue(call, request.duration_ms, &c)) {
		return;
	}
	struct buf result = BUF_INIT(1 << 16);
	session_add_credentials(&result, &c);
	session_add_user(call, &result, role, request.name);
	aws_query_reply(call->x, call->operation, buf_span(&result));
	buf_fini(&result);
}

static void get_session_token(struct call *call)
{
	struct auth_caller caller;
	int64_t duration_ms;
	if (!verify_caller(call, &caller) ||
		!session_read_duration(call, 129600, 43200, &duration_ms)) {
		return;
	}
	if (caller.expires_ms) {
		static const char TEXT[] = "Cannot call GetSessionToken with session credentials";
		sts_fail(call, 403, "AccessDenied", TEXT, TEXT);
		return;
	}
	/* Credentials of a user and not of a role: role_arn holds the user's ARN. */
	struct store_credentials c = { .role_arn = caller.iam.user_arn,
		.session_name = "",
		.identity_id = "",
		.pool_id = "",
		.amr = "",
		.session_policy = "" };
	if (!session_issue(call, duration_ms, &c)) {
		return;
	}
	struct buf result = BUF_INIT(1 << 16);
	session_add_credentials(&result, &c);
	aws_query_reply(call->x, call->operation, buf_span(&result));
	buf_fini(&result);
}

/* --- dispatch ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*run)(struct call *call);
} OPERATIONS[] = {
	{ "GetCallerIdentity", get_caller_identity },
	{ "AssumeRoleWithWebIdentity", web_identity_assume_role },
	{ "AssumeRole", assume_role },
	{ "GetSessionToken", get_session_token },
};

/* Policy narrows what the role may do; managed ones by ARN are not known here. */
static bool read_session_policy(struct call *call)
{
	const char *policy = form_get(&call->form, "Policy");
	call->session_policy = policy ? policy : "";
	if (!policy) {
		return true;
	}
	struct err err = ERR_INIT;
	cJSON *tree = json_parse_unique(span_of(policy), &err);
	bool good = cJSON_IsObject(tree) && json_get(tree, "Statement");
	cJSON_Delete(tree);
	if (!good) {
		sts_fail(call, 400, "MalformedPolicyDocument", "This policy contains invalid Json",
			*err.msg ? err.msg : "the policy has no Statement");
	}
	return good;
}

void sts_request(struct call *call)
{
	const char *action = form_get(&call->form, "Action");
	const char *version = form_get(&call->form, "Version");
	call->operation = action ? action : "";
	if (!action) {
		sts_fail(call, 400, "MissingAction", "Missing Action parameter",
			"the request has no Action");
		return;
	}
	if (!version || strcmp(version, "2011-06-15") != 0) {
		const char *message = arena_printf(call->arena,
			"Could not find operation %.100s for version %.40s", action,
			version ? version : "NO_VERSION_SPECIFIED");
		sts_fail(call, 400, "InvalidAction", message, message);
		return;
	}
	for (size_t i = 0; i < COUNT_OF(OPERATIONS); i++) {
		if (strcmp(OPERATIONS[i].name, action) == 0) {
			if (read_session_policy(call)) {
				OPERATIONS[i].run(call);
			}
			return;
		}
	}
	const char *message =
		arena_printf(call->arena, "The action %.100s is not emulated by offstage", action);
	sts_fail(call, 400, "InvalidAction", message, message);
}
