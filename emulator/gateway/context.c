#include "emulator/gateway/context.h"

#include "proxy/base/scan.h"
#include "proxy/base/alloc.h"
#include "proxy/base/clock.h"

static const struct span UNSET = { NULL, 0 };

static struct span text_or_unset(const char *s)
{
	return s && *s ? span_of(s) : UNSET;
}

static struct arena *arena_of(const struct context *c)
{
	return c->event->http->arena;
}

static struct span number(const struct context *c, long long n)
{
	return span_of(arena_printf(arena_of(c), "%lld", n));
}

static struct span number_or_unset(const struct context *c, long long n)
{
	return n ? number(c, n) : UNSET;
}

static bool is(struct span name, const char *what)
{
	return span_is(name, what);
}

/* Takes the prefix off; false if it is not there. */
static bool under(struct span *name, const char *prefix)
{
	struct span p = span_of(prefix);
	if (!span_starts(*name, p) || name->len == p.len) {
		return false;
	}
	*name = span_n(name->ptr + p.len, name->len - p.len);
	return true;
}

/* --- authorizer.* ---------------------------------------------------------------------------- */

static struct span member(const struct context *c, struct span object, struct span wanted)
{
	struct scan s;
	struct span name, value;
	char *text = arena_strndup(arena_of(c), wanted.ptr, wanted.len);
	if (!object.len || !scan_open(&s, object)) {
		return UNSET;
	}
	while (scan_next(&s, &name, &value)) {
		if (!name.len || !scan_says(name, text)) {
			continue;
		}
		if (!scan_is_string(value)) {
			return value;
		}
		struct buf out = buf_on(arena_alloc(arena_of(c), value.len + 1), value.len + 1);
		scan_unescape(&out, value);
		return buf_span(&out);
	}
	return UNSET;
}

static struct span authorizer_value(const struct context *c, struct span name)
{
	const struct auth_verdict *v = c->event->verdict;
	if (!v) {
		return UNSET;
	}
	if (is(name, "error")) {
		return text_or_unset(v->log_error);
	}
	if (is(name, "principalId")) {
		return text_or_unset(v->principal_id);
	}
	if (under(&name, "claims.")) {
		return member(c, v->claims, name);
	}
	return member(c, v->context, name);
}

/* --- identity.* -------------------------------------------------------------------------------- */

static struct span provider(const struct context *c, const struct auth_iam *iam)
{
	if (!iam->amr || !iam->amr[0] || !iam->amr[1]) {
		return UNSET;
	}
	const char *text = iam->amr[1];
	for (size_t i = 2; iam->amr[i]; i++) {
		text = arena_printf(arena_of(c), "%s,%s", text, iam->amr[i]);
	}
	return span_of(text);
}

static struct span identity_value(const struct context *c, struct span name)
{
	static const struct auth_iam nobody;
	const struct auth_verdict *v = c->event->verdict;
	const struct auth_iam *iam = v && v->kind == MODEL_AUTH_IAM ? &v->iam : &nobody;
	const struct {
		const char *name, *value;
	} plain[] = {
		{ "sourceIp", c->event->http->peer },
		{ "accountId", iam->account_id },
		{ "caller", iam->caller_id },
		{ "user", iam->user_id },
		{ "userArn", iam->user_arn },
		{ "principalOrgId", iam->principal_org_id },
		{ "cognitoIdentityId", iam->identity_id },
		{ "cognitoIdentityPoolId", iam->identity_pool_id },
		{ "cognitoAuthenticationType", iam->amr ? iam->amr[0] : NULL },
	};
	for (size_t i = 0; i < COUNT_OF(plain); i++) {
		if (is(name, plain[i].name)) {
			return text_or_unset(plain[i].value);
		}
	}
	if (is(name, "cognitoAuthenticationProvider")) {
		return provider(c, iam);
	}
	return is(name, "userAgent") ? http_header_get(c->event->http, "user-agent") : UNSET;
}

/* --- error.*, integration.* --------------------------------------------------------------------- */

/* The names of REST APIs' gateway responses; which of them an HTTP API logs is unconfirmed. A row without
 * a check is for all the others of its status. */
static const char *response_type(int status, const char *check)
{
	static const struct {
		int status;
		const char *check, *type;
	} types[] = {
		{ 401, NULL, "UNAUTHORIZED" },
		{ 403, "credentials", "MISSING_AUTHENTICATION_TOKEN" },
		{ 403, "expired credentials", "EXPIRED_TOKEN" },
		{ 403, "signature", "INVALID_SIGNATURE" },
		{ 403, "body hash", "INVALID_SIGNATURE" },
		{ 403, "clock", "INVALID_SIGNATURE" },
		{ 403, "credential scope", "INVALID_SIGNATURE" },
		{ 403, NULL, "ACCESS_DENIED" },
		{ 404, NULL, "RESOURCE_NOT_FOUND" },
		{ 413, NULL, "REQUEST_TOO_LARGE" },
		{ 429, NULL, "THROTTLED" },
		{ 500, "Lambda authorizer", "AUTHORIZER_FAILURE" },
		{ 500, "permission", "API_CONFIGURATION_ERROR" },
		{ 500, NULL, "INTEGRATION_FAILURE" },
		{ 503, "timeout", "INTEGRATION_TIMEOUT" },
		{ 503, NULL, "INTEGRATION_FAILURE" },
	};
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		if (types[i].status == status &&
			(!types[i].check || (check && strcmp(types[i].check, check) == 0))) {
			return types[i].type;
		}
	}
	return status < 500 ? "DEFAULT_4XX" : "DEFAULT_5XX";
}

static struct span quoted(const struct context *c, struct span text)
{
	struct buf out = BUF_INIT(6 * text.len + 3);
	json_add_string(&out, text);
	struct span kept = arena_span(arena_of(c), buf_span(&out));
	buf_fini(&out);
	return kept;
}

static struct span error_value(const struct context *c, struct span name)
{
	if (!c->error_message.ptr) {
		return UNSET;
	}
	if (is(name, "message")) {
		return c->error_message;
	}
	if (is(name, "messageString")) {
		return quoted(c, c->error_message);
	}
	return is(name, "responseType") ? span_of(response_type(c->status, c->refused_by)) : UNSET;
}

static struct span integration_value(const struct context *c, struct span name)
{
	if (is(name, "error")) {
		return text_or_unset(c->integration_error);
	}
	if (is(name, "integrationStatus")) {
		return number_or_unset(c, c->endpoint_status);
	}
	if (is(name, "latency")) {
		return c->endpoint_status ? number(c, (long long)c->integration_latency_ms) : UNSET;
	}
	if (is(name, "requestId")) {
		return text_or_unset(c->integration_request_id);
	}
	return is(name, "status") ? number_or_unset(c, c->integration_status) : UNSET;
}

/* --- the rest ------------------------------------------------------------------------------------ */

static struct span domain_prefix(struct span host)
{
	size_t n = 0;
	while (n < host.len && host.ptr[n] != '.' && host.ptr[n] != ':') {
		n++;
	}
	return host.ptr ? span_n(host.ptr, n) : UNSET;
}

static struct span request_time(const struct context *c)
{
	char *text = arena_alloc(arena_of(c), 27);
	time_clf(text, c->event->now_ms);
	return span_of(text);
}

static struct span request_value(const struct context *c, struct span name)
{
	const struct event_input *e = c->event;
	const struct {
		const char *name, *value;
	} plain[] = {
		{ "requestId", e->request_id },
		{ "extendedRequestId", e->request_id },
		{ "accountId", e->account },
		{ "apiId", e->api_id },
		{ "routeKey", e->route_key },
		{ "stage", e->stage },
		{ "protocol", "HTTP/1.1" },
	};
	for (size_t i = 0; i < COUNT_OF(plain); i++) {
		if (is(name, plain[i].name)) {
			return text_or_unset(plain[i].value);
		}
	}
	if (is(name, "httpMethod")) {
		return e->http->method;
	}
	if (is(name, "path")) {
		return e->http->path;
	}
	if (is(name, "domainName")) {
		return http_header_get(e->http, "host");
	}
	if (is(name, "domainPrefix")) {
		return domain_prefix(http_header_get(e->http, "host"));
	}
	if (is(name, "requestTime")) {
		return request_time(c);
	}
	return is(name, "requestTimeEpoch") ? number(c, (long long)e->now_ms) : UNSET;
}

static struct span answer_value(const struct context *c, struct span name)
{
	if (is(name, "status")) {
		return number_or_unset(c, c->status);
	}
	if (is(name, "responseLength")) {
		return c->status ? number(c, (long long)c->response_length) : UNSET;
	}
	if (is(name, "responseLatency")) {
		return c->status ? number(c, (long long)c->response_latency_ms) : UNSET;
	}
	if (is(name, "dataProcessed")) {
		return c->status
			       ? number(c,
					 (long long)(c->response_length + c->event->http->body.len))
			       : UNSET;
	}
	if (is(name, "integrationErrorMessage")) {
		return text_or_unset(c->integration_error);
	}
	if (is(name, "integrationLatency")) {
		return integration_value(c, SPAN("latency"));
	}
	if (is(name, "integrationStatus")) {
		return number_or_unset(c, c->endpoint_status);
	}
	if (is(name, "awsEndpointRequestId2")) {
		return text_or_unset(c->integration_request_id2);
	}
	return is(name, "awsEndpointRequestId") ? text_or_unset(c->integration_request_id) : UNSET;
}

struct span context_value(const struct context *c, struct span name)
{
	if (under(&name, "authorizer.")) {
		return authorizer_value(c, name);
	}
	if (under(&name, "identity.")) {
		return identity_value(c, name);
	}
	if (under(&name, "error.")) {
		return error_value(c, name);
	}
	if (under(&name, "integration.")) {
		return integration_value(c, name);
	}
	struct span value = request_value(c, name);
	return value.ptr ? value : answer_value(c, name);
}

struct span context_resolve(const struct context *c, struct span expression)
{
	if (under(&expression, "$context.")) {
		return context_value(c, expression);
	}
	if (under(&expression, "$stageVariables.")) {
		for (size_t i = 0; i < c->event->n_variables; i++) {
			if (span_is(expression, c->event->variables[i].name)) {
				return span_of(c->event->variables[i].value);
			}
		}
	}
	return UNSET;
}
