#include "emulator/cognito/web_identity.h"

#include "emulator/cognito/aws_proto.h"
#include "emulator/cognito/open_id.h"
#include "emulator/cognito/session.h"
#include "emulator/cognito/sts.h"
#include "proxy/base/encode.h"

#define DENIED "Not authorized to perform sts:AssumeRoleWithWebIdentity"
#define NOT_A_JWT                                                                           \
	"The ID Token provided is not a valid JWT. (You may see this error if you sent an " \
	"Access Token)"
#define MAX_TOKEN 20000
#define MAX_AMR_ENTRIES 24
#define MAX_REPLY (1 << 16)

static void fail_token(struct call *call, const char *message)
{
	sts_fail(call, 400, "InvalidIdentityToken", message, message);
}

static void delete_tree(void *tree)
{
	cJSON_Delete(tree);
}

/* The claims as the token shows them, NOT verified: only to find out whose keys to ask. */
static const cJSON *peek(struct call *call, const char *token)
{
	struct span rest = span_of(token);
	span_cut(&rest, '.');
	if (!rest.ptr) {
		return NULL;
	}
	struct buf text = BUF_INIT(MAX_TOKEN);
	cJSON *claims = NULL;
	if (base64url_decode(&text, span_cut(&rest, '.'))) {
		claims = json_parse_unique(buf_span(&text), NULL);
	}
	buf_fini(&text);
	if (claims) {
		arena_on_destroy(call->arena, delete_tree, claims);
	}
	return claims;
}

static struct model_oidc_provider *own_provider(struct call *call, const char *audience)
{
	struct model_oidc_provider *p = arena_alloc(call->arena, sizeof *p);
	*p = (struct model_oidc_provider){
		.arn = COGNITO_PROVIDER, .url = COGNITO_ISSUER, .host = COGNITO_PROVIDER
	};
	p->client_ids.at = arena_alloc(call->arena, sizeof *p->client_ids.at);
	/* The pool must be one of ours. */
	if (audience && call_pool(call, audience)) {
		p->client_ids.at[0] = audience;
		p->client_ids.n = 1;
	}
	return p;
}

static struct model_oidc_provider *provider_of(struct call *call, const cJSON *claims)
{
	const char *issuer = json_str(claims, "iss");
	if (!issuer) {
		return NULL;
	}
	if (strcmp(issuer, COGNITO_ISSUER) == 0) {
		return own_provider(call, json_str(claims, "aud"));
	}
	const char *scheme = strstr(issuer, "://");
	char *host = arena_strdup(call->arena, scheme ? scheme + 3 : issuer);
	size_t n = strlen(host);
	if (n && host[n - 1] == '/') {
		host[n - 1] = '\0';
	}
	const struct model_oidc_provider *p =
		call->c->model ? model_oidc(call->c->model, host) : NULL;
	return p ? call_copy_provider(call, p) : NULL;
}

static const char *audience_of(const cJSON *claims)
{
	const cJSON *aud = json_get(claims, "aud");
	const char *text = json_value(cJSON_IsArray(aud) ? aud->child : aud);
	return text ? text : "";
}

static bool is_trusted(struct call *call, const struct model_role *role, const cJSON *claims)
{
	struct model_pair keys[MAX_AMR_ENTRIES + 4];
	const char *host = call->verifying->host;
	size_t n = 0;
	keys[n++] = (struct model_pair){ arena_printf(call->arena, "%s:aud", host),
		audience_of(claims) };
	keys[n++] = (struct model_pair){ arena_printf(call->arena, "%s:sub", host),
		json_str(claims, "sub") };
	const char *amr = arena_printf(call->arena, "%s:amr", host);
	JSON_FOR (item, json_array(claims, "amr")) {
		if (json_value(item) && n < sizeof keys / sizeof keys[0]) {
			keys[n++] = (struct model_pair){ amr, json_value(item) };
		}
	}
	const char *reason = "";
	bool trusted = auth_trusts(role, call->verifying->arn, "sts:AssumeRoleWithWebIdentity",
		keys, n, &reason, call->arena);
	if (!trusted) {
		sts_fail(call, 403, "AccessDenied", DENIED,
			arena_printf(call->arena, "the trust policy of role '%s' refuses: %s",
				role->name, reason));
	}
	return trusted;
}

static const char *amr_text(struct call *call, const cJSON *claims)
{
	struct buf text = BUF_INIT(MAX_TOKEN);
	const cJSON *amr = json_array(claims, "amr");
	if (amr) {
		json_add_tree(&text, amr);
	}
	const char *copy = arena_strdup(call->arena, buf_cstr(&text));
	buf_fini(&text);
	return copy;
}

static bool is_guest(const cJSON *claims)
{
	const cJSON *amr = json_array(claims, "amr");
	const char *first = amr ? json_value(amr->child) : NULL;
	return first && strcmp(first, "unauthenticated") == 0;
}

static void reply(struct call *call, const struct model_role *role, const cJSON *claims,
	const struct store_credentials *c)
{
	struct buf result = BUF_INIT(MAX_REPLY);
	aws_xml_element(&result, "SubjectFromWebIdentityToken", json_str(claims, "sub"));
	aws_xml_element(&result, "Audience", audience_of(claims));
	session_add_user(call, &result, role, c->session_name);
	session_add_credentials(&result, c);
	aws_xml_element(&result, "Provider", call->verifying->arn);
	aws_query_reply(call->x, call->operation, buf_span(&result));
	buf_fini(&result);
}

static void on_claims(struct call *call, const cJSON *claims)
{
	struct session_request request;
	if (!session_read(call, &request)) {
		return;
	}
	const struct model_role *role = session_role(call, &request, DENIED);
	if (!role || !is_trusted(call, role, claims)) {
		return;
	}
	bool cognito = strcmp(call->verifying->host, COGNITO_PROVIDER) == 0;
	struct store_credentials c = {
		.role_arn = role->arn,
		.session_name = request.name,
		.identity_id = cognito ? json_str(claims, "sub") : "",
		.pool_id = cognito ? audience_of(claims) : "",
		.amr = cognito ? amr_text(call, claims) : "",
		.guest = cognito && is_guest(claims),
		.session_policy = call->session_policy,
	};
	if (session_issue(call, request.duration_ms, &c)) {
		reply(call, role, claims, &c);
	}
}

static void fail_verification(struct call *call, const struct err *err)
{
	if (err->code == ERR_EXPIRED) {
		const char *message = arena_printf(call->arena,
			"Token expired: current date/time %lld must be before the expiration "
			"date/time %lld",
			(long long)(clock_now_ms(call->c->config.clock) / 1000),
			(long long)json_num(call->peeked, "exp", 0));
		sts_fail(call, 400, "ExpiredTokenException", message, message);
		return;
	}
	if (err->code == ERR_UNAVAILABLE || err->code == ERR_TIMEOUT) {
		sts_fail(call, 400, "IDPCommunicationError",
			"Couldn't retrieve verification key from your identity provider", err->msg);
		return;
	}
	if (strncmp(err->msg, "Not a valid OpenId", 18) == 0) {
		sts_fail(call, 400, "InvalidIdentityToken", NOT_A_JWT, err->msg);
		return;
	}
	bool audience = strstr(err->msg, "audience") || strstr(err->msg, "aud");
	sts_fail(call, 400, "InvalidIdentityToken",
		audience ? "Incorrect token audience" : err->msg, err->msg);
}

static void on_token(void *ctx, const cJSON *claims, const struct err *err)
{
	struct call *call = ctx;
	call->job = NULL;
	if (!claims) {
		fail_verification(call, err);
	} else if (!json_str(claims, "sub")) {
		fail_token(call, "Missing a required claim: sub");
	} else {
		on_claims(call, claims);
	}
}

void web_identity_assume_role(struct call *call)
{
	struct session_request request;
	if (!session_read(call, &request)) {
		return;
	}
	const char *token = form_get(&call->form, "WebIdentityToken");
	if (!token || strlen(token) < 4 || strlen(token) > MAX_TOKEN) {
		fail_token(call, NOT_A_JWT);
		return;
	}
	call->peeked = peek(call, token);
	if (!call->peeked) {
		fail_token(call, NOT_A_JWT);
		return;
	}
	struct model_oidc_provider *p = provider_of(call, call->peeked);
	struct err err = ERR_INIT;
	if (!p) {
		const char *issuer = json_str(call->peeked, "iss");
		fail_token(
			call, arena_printf(call->arena,
				      "No OpenIDConnect provider found in your account for %.300s",
				      issuer ? issuer : "a token without an issuer"));
		return;
	}
	if (strcmp(p->host, COGNITO_PROVIDER) == 0 && open_id_load_key(call->c, &err)) {
		sts_fail(call, 500, "InternalFailure", "Internal failure", err.msg);
		return;
	}
	call->verifying = p;
	struct auth_job *job =
		auth_verify_login(call->c->config.auth, p, span_of(token), on_token, call);
	/* NULL: on_token has run, and the call may be gone. */
	if (job) {
		call->job = job;
	}
}
