#include "emulator/gateway/event_context.h"

#include "emulator/gateway/event_parts.h"
#include "emulator/gateway/headers.h"
#include "proxy/base/clock.h"

static void add_or_null(struct buf *out, const char *s)
{
	if (s) {
		json_add_string(out, span_of(s));
	} else {
		EVENT_LIT(out, "null");
	}
}

static void add_domain(const struct event_input *in, struct buf *out)
{
	struct span host = http_header_get(in->http, "host");
	size_t n = 0;
	while (n < host.len && host.ptr[n] != '.' && host.ptr[n] != ':') {
		n++;
	}
	EVENT_STR(out, ",\"domainName\":", host);
	EVENT_STR(out,
		",\"domainPrefix\":", in->function_url ? span_of(in->api_id) : span_n(host.ptr, n));
}

static void add_amr(const struct auth_iam *iam, struct buf *out)
{
	EVENT_LIT(out, "[");
	for (size_t i = 0; iam->amr && iam->amr[i]; i++) {
		if (i) {
			EVENT_LIT(out, ",");
		}
		json_add_string(out, span_of(iam->amr[i]));
	}
	EVENT_LIT(out, "]");
}

/* identity-and-auth.md 3.2: all seven members are always there. For an account in no organisation the
 * HTTP API says the key's own name, the function URL null (api-gateway.md 2.5, 12). */
static void add_iam(const struct event_input *in, struct buf *out)
{
	const struct auth_iam *iam = &in->verdict->iam;
	const char *no_organisation = in->function_url ? NULL : "aws:PrincipalOrgID";
	EVENT_LIT(out, "{\"accessKey\":");
	add_or_null(out, iam->access_key);
	EVENT_LIT(out, ",\"accountId\":");
	add_or_null(out, iam->account_id);
	EVENT_LIT(out, ",\"callerId\":");
	add_or_null(out, iam->caller_id);
	if (iam->identity_id) {
		EVENT_LIT(out, ",\"cognitoIdentity\":{\"amr\":");
		add_amr(iam, out);
		EVENT_LIT(out, ",\"identityId\":");
		add_or_null(out, iam->identity_id);
		EVENT_LIT(out, ",\"identityPoolId\":");
		add_or_null(out, iam->identity_pool_id);
		EVENT_LIT(out, "}");
	} else {
		EVENT_LIT(out, ",\"cognitoIdentity\":null");
	}
	EVENT_LIT(out, ",\"principalOrgId\":");
	add_or_null(out, iam->principal_org_id ? iam->principal_org_id : no_organisation);
	EVENT_LIT(out, ",\"userArn\":");
	add_or_null(out, iam->user_arn);
	EVENT_LIT(out, ",\"userId\":");
	add_or_null(out, iam->user_id);
	EVENT_LIT(out, "}");
}

static struct span or_null(struct span json)
{
	return json.len ? json : SPAN("null");
}

static void add_jwt(const struct auth_verdict *v, struct buf *out)
{
	EVENT_LIT(out, "{\"claims\":");
	buf_add_span(out, or_null(v->claims));
	EVENT_LIT(out, ",\"scopes\":");
	buf_add_span(out, or_null(v->scopes));
	EVENT_LIT(out, "}");
}

static void add_authorizer_v2(const struct event_input *in, struct buf *out)
{
	const struct auth_verdict *v = in->verdict;
	if (!v || v->kind == MODEL_AUTH_NONE) {
		return;
	}
	if (v->kind == MODEL_AUTH_IAM) {
		EVENT_LIT(out, ",\"authorizer\":{\"iam\":");
		add_iam(in, out);
	} else if (v->kind == MODEL_AUTH_JWT) {
		EVENT_LIT(out, ",\"authorizer\":{\"jwt\":");
		add_jwt(v, out);
	} else {
		EVENT_LIT(out, ",\"authorizer\":{\"lambda\":");
		buf_add_span(out, or_null(v->context));
	}
	EVENT_LIT(out, "}");
}

struct span event_path(const struct event_input *in)
{
	struct span path = decoded(in->http->arena, in->http->path, false);
	ptrdiff_t cut = in->function_url ? -1 : span_find(path, '?');
	return cut >= 0 ? span_n(path.ptr, (size_t)cut) : path;
}

void event_add_context_v2(const struct event_input *in, struct span path, struct buf *out)
{
	const struct http_request *http = in->http;
	char time[27];
	time_clf(time, in->now_ms);
	EVENT_STR(out, ",\"requestContext\":{\"accountId\":", span_of(in->account));
	EVENT_STR(out, ",\"apiId\":", span_of(in->api_id));
	add_authorizer_v2(in, out);
	add_domain(in, out);
	EVENT_STR(out, ",\"http\":{\"method\":", http->method);
	EVENT_STR(out, ",\"path\":", path);
	EVENT_STR(out, ",\"protocol\":\"HTTP/1.1\",\"sourceIp\":", span_of(http->peer));
	EVENT_STR(out, ",\"userAgent\":", http_header_get(http, "user-agent"));
	EVENT_STR(out, "},\"requestId\":", span_of(in->request_id));
	EVENT_STR(out, ",\"routeKey\":", span_of(in->route_key));
	EVENT_STR(out, ",\"stage\":", span_of(in->stage));
	EVENT_STR(out, ",\"time\":", span_of(time));
	EVENT_LIT(out, ",\"timeEpoch\":");
	buf_add_u64(out, (uint64_t)in->now_ms);
	EVENT_LIT(out, "}");
}

/* --- payload 1.0 ---------------------------------------------------------------------------- */

static void add_provider(const struct auth_iam *iam, struct buf *out)
{
	EVENT_LIT(out, "\"");
	size_t at = out->len;
	for (size_t i = 1; iam->amr[0] && iam->amr[i]; i++) {
		if (out->len > at) {
			EVENT_LIT(out, ",");
		}
		/* json_add_string's quotes would stand in the way: write, then take them off. */
		size_t from = out->len;
		json_add_string(out, span_of(iam->amr[i]));
		if (!out->overflow) {
			memmove(out->ptr + from, out->ptr + from + 1, out->len - from - 1);
			out->len -= 2;
		}
	}
	EVENT_LIT(out, "\"");
}

static void add_cognito_v1(const struct auth_iam *iam, struct buf *out)
{
	if (!iam->identity_id || !iam->amr || !iam->amr[0]) {
		EVENT_LIT(out, ",\"cognitoAmr\":null,\"cognitoAuthenticationProvider\":null,"
			       "\"cognitoAuthenticationType\":null,\"cognitoIdentityId\":null,"
			       "\"cognitoIdentityPoolId\":null");
		return;
	}
	EVENT_LIT(out, ",\"cognitoAmr\":");
	add_amr(iam, out);
	EVENT_LIT(out, ",\"cognitoAuthenticationProvider\":");
	if (iam->amr[1]) {
		add_provider(iam, out);
	} else {
		EVENT_LIT(out, "null");
	}
	EVENT_STR(out, ",\"cognitoAuthenticationType\":", span_of(iam->amr[0]));
	EVENT_STR(out, ",\"cognitoIdentityId\":", span_of(iam->identity_id));
	EVENT_LIT(out, ",\"cognitoIdentityPoolId\":");
	add_or_null(out, iam->identity_pool_id);
}

static void add_identity_v1(const struct event_input *in, struct buf *out)
{
	static const struct auth_iam nobody;
	const struct auth_verdict *v = in->verdict;
	const struct auth_iam *iam = v && v->kind == MODEL_AUTH_IAM ? &v->iam : &nobody;
	EVENT_LIT(out, ",\"identity\":{\"accessKey\":");
	add_or_null(out, iam->access_key);
	EVENT_LIT(out, ",\"accountId\":");
	add_or_null(out, iam->account_id);
	EVENT_LIT(out, ",\"caller\":");
	add_or_null(out, iam->caller_id);
	add_cognito_v1(iam, out);
	EVENT_LIT(out, ",\"principalOrgId\":");
	add_or_null(out, iam->principal_org_id);
	EVENT_STR(out, ",\"sourceIp\":", span_of(in->http->peer));
	EVENT_LIT(out, ",\"user\":");
	add_or_null(out, iam->user_id);
	EVENT_STR(out, ",\"userAgent\":", http_header_get(in->http, "user-agent"));
	EVENT_LIT(out, ",\"userArn\":");
	add_or_null(out, iam->user_arn);
	EVENT_LIT(out, "}");
}

/* A Lambda authorizer's context stands flat beside its principalId. */
static void add_authorizer_v1(const struct event_input *in, struct buf *out)
{
	const struct auth_verdict *v = in->verdict;
	if (!v || v->kind == MODEL_AUTH_NONE || v->kind == MODEL_AUTH_IAM) {
		return;
	}
	EVENT_LIT(out, ",\"authorizer\":");
	if (v->kind == MODEL_AUTH_JWT) {
		add_jwt(v, out);
		return;
	}
	EVENT_LIT(out, "{");
	bool named = v->principal_id && *v->principal_id;
	if (named) {
		EVENT_STR(out, "\"principalId\":", span_of(v->principal_id));
	}
	struct span context = span_trim(v->context);
	if (context.len > 2 && context.ptr[0] == '{') {
		if (named) {
			EVENT_LIT(out, ",");
		}
		buf_add(out, context.ptr + 1, context.len - 2);
	}
	EVENT_LIT(out, "}");
}

void event_add_context_v1(const struct event_input *in, struct buf *out)
{
	char time[27];
	time_clf(time, in->now_ms);
	EVENT_STR(out, ",\"requestContext\":{\"accountId\":", span_of(in->account));
	EVENT_STR(out, ",\"apiId\":", span_of(in->api_id));
	add_authorizer_v1(in, out);
	add_domain(in, out);
	EVENT_STR(out, ",\"extendedRequestId\":", span_of(in->request_id));
	EVENT_STR(out, ",\"httpMethod\":", in->http->method);
	add_identity_v1(in, out);
	EVENT_STR(out, ",\"path\":", event_path(in));
	EVENT_STR(out, ",\"protocol\":\"HTTP/1.1\",\"requestId\":", span_of(in->request_id));
	EVENT_STR(out, ",\"requestTime\":", span_of(time));
	EVENT_LIT(out, ",\"requestTimeEpoch\":");
	buf_add_u64(out, (uint64_t)in->now_ms);
	EVENT_STR(out, ",\"resourceId\":", span_of(in->route_key));
	EVENT_STR(out, ",\"resourcePath\":", span_of(in->resource));
	EVENT_STR(out, ",\"stage\":", span_of(in->stage));
	EVENT_LIT(out, "}");
}
