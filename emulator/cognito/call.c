#include "emulator/cognito/call.h"

#include <stdio.h>

#include "emulator/cognito/aws_proto.h"
#include "proxy/base/log.h"

#define ID_PATTERN "[\\w-]+:[0-9a-f-]+"

const struct model_pool *call_pool(const struct call *call, const char *id)
{
	return call->c->model ? model_pool(call->c->model, id) : NULL;
}

struct model_oidc_provider *call_copy_provider(
	struct call *call, const struct model_oidc_provider *p)
{
	struct arena *arena = call->arena;
	struct model_oidc_provider *copy = arena_alloc(arena, sizeof *copy);
	copy->arn = arena_strdup(arena, p->arn);
	copy->url = arena_strdup(arena, p->url);
	copy->host = arena_strdup(arena, p->host);
	copy->client_ids.n = p->client_ids.n;
	copy->client_ids.at =
		arena_alloc(arena, (p->client_ids.n + 1) * sizeof *copy->client_ids.at);
	for (size_t i = 0; i < p->client_ids.n; i++) {
		copy->client_ids.at[i] = arena_strdup(arena, p->client_ids.at[i]);
	}
	return copy;
}

void call_reply(struct call *call, struct buf *body)
{
	aws_json_reply(call->x, buf_span(body));
	buf_fini(body);
}

void call_refuse(struct call *call, const char *type, const char *message, const char *reason)
{
	const struct cognito_config *config = &call->c->config;
	if (config->on_refused) {
		config->on_refused(config->ctx, call->operation, type, reason);
	}
	aws_json_error(call->x, type, message);
}

void call_fail(struct call *call, const char *type, const char *fmt, ...)
{
	char message[2048];
	va_list args;
	va_start(args, fmt);
	vsnprintf(message, sizeof message, fmt, args);
	va_end(args);
	call_refuse(call, type, message, message);
}

void call_broken(struct call *call, const struct err *err)
{
	log_error("cognito", "%s: %s", call->operation, err->msg);
	call_refuse(call, "InternalErrorException", "Internal error", err->msg);
}

/* Validation messages name members in lower camel case. */
static const char *lower_camel(struct call *call, const char *member)
{
	char *name = arena_strdup(call->arena, member);
	if (*name >= 'A' && *name <= 'Z') {
		*name = (char)(*name + ('a' - 'A'));
	}
	return name;
}

static void fail_validation(
	struct call *call, const char *member, const char *value, const char *constraint)
{
	const char *shown = value ? arena_printf(call->arena, "'%.200s'", value) : "null";
	call_fail(call, "ValidationException",
		"1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s",
		shown, lower_camel(call, member), constraint);
}

const char *call_string(struct call *call, const char *member)
{
	const cJSON *item = json_get(call->body, member);
	if (!item || cJSON_IsNull(item)) {
		fail_validation(call, member, NULL, "Member must not be null");
		return NULL;
	}
	if (!json_value(item)) {
		/* As for a body that is no JSON: (unconfirmed). */
		call_fail(call, "SerializationException", "%s must be a string", member);
		return NULL;
	}
	return json_value(item);
}

static bool is_word(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static bool matches_id_pattern(const char *value)
{
	const char *colon = strchr(value, ':');
	if (!colon || colon == value || !colon[1]) {
		return false;
	}
	for (const char *c = value; c < colon; c++) {
		if (!is_word(*c) && *c != '-') {
			return false;
		}
	}
	return strspn(colon + 1, "0123456789abcdef-") == strlen(colon + 1);
}

bool call_check_id(struct call *call, const char *member, const char *value)
{
	if (!matches_id_pattern(value)) {
		fail_validation(call, member, value,
			"Member must satisfy regular expression pattern: " ID_PATTERN);
		return false;
	}
	if (strlen(value) > 55) {
		fail_validation(
			call, member, value, "Member must have length less than or equal to 55");
		return false;
	}
	return true;
}

const char *call_id(struct call *call, const char *member)
{
	const char *value = call_string(call, member);
	return value && call_check_id(call, member, value) ? value : NULL;
}

size_t call_max_results(struct call *call)
{
	const cJSON *item = json_get(call->body, "MaxResults");
	if (!cJSON_IsNumber(item)) {
		fail_validation(call, "MaxResults", NULL, "Member must not be null");
		return 0;
	}
	double n = item->valuedouble;
	if (!(n >= 1 && n <= 60)) {
		fail_validation(call, "MaxResults", arena_printf(call->arena, "%.0f", n),
			n < 1 ? "Member must have value greater than or equal to 1"
			      : "Member must have value less than or equal to 60");
		return 0;
	}
	return (size_t)n;
}
