#include "emulator/cognito/session.h"

#include "emulator/cognito/aws_proto.h"
#include "emulator/cognito/sts.h"
#include "proxy/base/log.h"

#define MIN_DURATION_S 900
#define MAX_ROLE_DURATION_S 43200
#define DEFAULT_DURATION_S 3600

static void fail_validation(
	struct call *call, const char *member, const char *value, const char *constraint)
{
	const char *shown = value ? arena_printf(call->arena, "'%.200s'", value) : "null";
	const char *message = arena_printf(call->arena,
		"1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s",
		shown, member, constraint);
	sts_fail(call, 400, "ValidationError", message, message);
}

static bool check_name(struct call *call, const char *name)
{
	if (!name || strlen(name) < 2) {
		fail_validation(call, "roleSessionName", name,
			name ? "Member must have length greater than or equal to 2"
			     : "Member must not be null");
		return false;
	}
	if (strlen(name) > 64) {
		fail_validation(call, "roleSessionName", name,
			"Member must have length less than or equal to 64");
		return false;
	}
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_+=,.@-";
	if (strspn(name, allowed) != strlen(name)) {
		fail_validation(call, "roleSessionName", name,
			"Member must satisfy regular expression pattern: [\\w+=,.@-]*");
		return false;
	}
	return true;
}

bool session_read_duration(struct call *call, int64_t max_s, int64_t otherwise_s, int64_t *out_ms)
{
	const char *text = form_get(&call->form, "DurationSeconds");
	uint64_t seconds = (uint64_t)otherwise_s;
	if (text && !span_u64(span_of(text), UINT32_MAX, &seconds)) {
		fail_validation(call, "durationSeconds", text, "Member must be a number");
		return false;
	}
	if (seconds < MIN_DURATION_S || (int64_t)seconds > max_s) {
		fail_validation(call, "durationSeconds", text,
			arena_printf(call->arena, "Member must have value between %d and %lld",
				MIN_DURATION_S, (long long)max_s));
		return false;
	}
	*out_ms = (int64_t)seconds * 1000;
	return true;
}

bool session_read(struct call *call, struct session_request *out)
{
	out->role_arn = form_get(&call->form, "RoleArn");
	out->name = form_get(&call->form, "RoleSessionName");
	if (!out->role_arn || strlen(out->role_arn) < 20 || strlen(out->role_arn) > 2048) {
		fail_validation(call, "roleArn", out->role_arn,
			out->role_arn ? "Member must have length between 20 and 2048"
				      : "Member must not be null");
		return false;
	}
	return check_name(call, out->name) && session_read_duration(call, MAX_ROLE_DURATION_S,
						      DEFAULT_DURATION_S, &out->duration_ms);
}

const struct model_role *session_role(
	struct call *call, const struct session_request *r, const char *denied)
{
	const struct model_role *role =
		call->c->model ? model_role(call->c->model, r->role_arn) : NULL;
	if (!role) {
		sts_fail(call, 403, "AccessDenied", denied,
			arena_printf(call->arena, "the app declares no role '%s'", r->role_arn));
		return NULL;
	}
	if (r->duration_ms / 1000 > role->max_session_s) {
		static const char TEXT[] = "The requested DurationSeconds exceeds the "
					   "MaxSessionDuration set for this role.";
		sts_fail(call, 400, "ValidationError", TEXT, TEXT);
		return NULL;
	}
	return role;
}

bool session_issue(struct call *call, int64_t duration_ms, struct store_credentials *c)
{
	c->expires_ms = clock_now_ms(call->c->config.clock) / 1000 * 1000 + duration_ms;
	struct err err = ERR_INIT;
	if (store_credentials_issue(call->c->config.store, c, call->arena, &err)) {
		log_error("cognito", "%s: %s", call->operation, err.msg);
		sts_fail(call, 500, "InternalFailure", "Internal failure", err.msg);
		return false;
	}
	return true;
}

void session_add_credentials(struct buf *out, const struct store_credentials *c)
{
	/* STS writes whole seconds: the milliseconds are cut out. */
	char iso[25];
	time_iso(iso, c->expires_ms);
	memcpy(iso + 19, "Z", 2);
	buf_add_str(out, "<Credentials>");
	aws_xml_element(out, "AccessKeyId", c->access_key);
	aws_xml_element(out, "SecretAccessKey", c->secret);
	aws_xml_element(out, "SessionToken", c->session_token);
	aws_xml_element(out, "Expiration", iso);
	buf_add_str(out, "</Credentials>");
}

void session_add_user(
	struct call *call, struct buf *out, const struct model_role *role, const char *session_name)
{
	buf_add_str(out, "<AssumedRoleUser>");
	aws_xml_element(out, "Arn",
		arena_printf(call->arena, "arn:aws:sts::%s:assumed-role/%s/%s",
			call->c->config.account, role->name, session_name));
	aws_xml_element(
		out, "AssumedRoleId", arena_printf(call->arena, "%s:%s", role->id, session_name));
	buf_add_str(out, "</AssumedRoleUser>");
}
