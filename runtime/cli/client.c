#include "runtime/cli/client.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/wire/control_token.h"
#include "runtime/cli/endpoints.h"
#include "runtime/cli/paths.h"
#include "runtime/cli/token_file.h"

#define MAX_BODY (16u << 20)

struct pending {
	struct client_reply *reply;
	struct err err;
};

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct pending *p = ctx;
	p->reply->status = status;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < headers[i].name.len; k++) {
			char c = headers[i].name.ptr[k];
			buf_add_char(&p->reply->head, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
		}
		buf_addf(&p->reply->head, ": %.*s\n", SPAN_ARG(headers[i].value));
	}
}

static void on_done(void *ctx, const struct err *err, int status, struct span body)
{
	struct pending *p = ctx;
	p->err = *err;
	p->reply->status = status;
	buf_add_span(&p->reply->body, body);
}

int client_call(const char *method, const char *url, const struct http_header *headers, size_t n,
	struct span body, struct client_reply *out, struct err *err)
{
	*out = (struct client_reply){ .head = BUF_INIT(1u << 20), .body = BUF_INIT(MAX_BODY) };
	struct pending p = { .reply = out };
	uv_loop_t loop;
	ENSURE(uv_loop_init(&loop) == 0);
	struct http_client *http = http_client_create(&loop);
	struct http_client_request r = { .method = method,
		.url = url,
		.headers = headers,
		.n_headers = n,
		.body = body,
		.has_body = body.ptr != NULL,
		.timeout_ms = 900000,
		.max_body = MAX_BODY,
		.on_head = on_head,
		.done = on_done,
		.ctx = &p };
	p.err.code = ERR_CANCELED;
	http_client_send(http, &r);
	while (p.err.code == ERR_CANCELED && uv_run(&loop, UV_RUN_ONCE)) {
	}
	http_client_destroy(http);
	uv_run(&loop, UV_RUN_DEFAULT);
	ENSURE(uv_loop_close(&loop) == 0);
	if (p.err.code) {
		return err_set(err, p.err.code, "%s", p.err.msg); /* names method and URL */
	}
	return 0;
}

void client_reply_fini(struct client_reply *r)
{
	buf_fini(&r->head);
	buf_fini(&r->body);
}

struct span client_reply_header(const struct client_reply *r, const char *name)
{
	struct span rest = buf_span(&r->head);
	while (rest.ptr) {
		struct span value = span_cut(&rest, '\n');
		struct span key = span_cut(&value, ':');
		if (span_is(key, name)) {
			return span_trim(value);
		}
	}
	return (struct span){ NULL, 0 };
}

/* Loopback, where nobody else listens in. */
static bool is_here(const char *service)
{
	return strncmp(service, "http://localhost:", 17) == 0 ||
	       strncmp(service, "http://127.", 11) == 0 ||
	       strncmp(service, "http://[::1]:", 13) == 0;
}

char *client_bearer(const struct options *o, const cJSON *endpoints, struct err *err)
{
	char derived[CONTROL_TOKEN_LEN + 1];
	const char *service = json_str(endpoints, "service");
	if (service && is_here(service)) {
		return xstrdup("");
	}
	AUTO_FREE char *token = token_find(o, err);
	if (!token) {
		return NULL;
	}
	control_token(derived, span_of(token));
	return xasprintf("Bearer %s", derived);
}

cJSON *client_post(
	const char *url, const char *target, const char *bearer, struct span body, struct err *err)
{
	struct http_header headers[3] = { { SPAN("content-type"),
		SPAN("application/x-amz-json-1.1") } };
	size_t n = 1;
	if (target) {
		headers[n++] = (struct http_header){ SPAN("x-amz-target"), span_of(target) };
	}
	if (bearer && *bearer) {
		headers[n++] = (struct http_header){ SPAN("authorization"), span_of(bearer) };
	}
	struct client_reply reply;
	cJSON *tree = NULL;
	if (client_call("POST", url, headers, n, body, &reply, err) == 0) {
		tree = json_parse(buf_span(&reply.body), err);
		if (tree && reply.status != 200) {
			const char *type = json_str(tree, "__type");
			const char *message = json_str(tree, "message");
			err_set(err, ERR_DENIED, "%s%s%s", type ? type : "", type ? ": " : "",
				message ? message : "refused");
			cJSON_Delete(tree);
			tree = NULL;
		}
	}
	client_reply_fini(&reply);
	return tree;
}

cJSON *client_endpoints(const struct options *o, struct err *err)
{
	const char *inside = getenv("OFFSTAGE_ENDPOINTS");
	if (inside && *inside && !o->stage_given) {
		return endpoints_read(inside, o->stage, err);
	}
	struct paths p;
	struct options here = *o;
	here.dir = o->dir ? o->dir : ".";
	cJSON *tree =
		paths_find(&p, &here, err) ? NULL : endpoints_read(p.endpoints, o->stage, err);
	paths_fini(&p);
	return tree;
}

/* One of the control endpoints, of this app among several. */
static char *control_url(const cJSON *endpoints, const char *what)
{
	struct buf url = BUF_INIT(65536);
	buf_addf(&url, "%s/_offstage/%s?app=", json_str(endpoints, "service"), what);
	percent_encode(&url, json_span(endpoints, "app"), "");
	buf_add_str(&url, "&stage=");
	percent_encode(&url, json_span(endpoints, "stage"), "");
	char *text = xstrdup(buf_cstr(&url));
	buf_fini(&url);
	return text;
}

cJSON *client_tokens(const struct options *o, const cJSON *endpoints, struct err *err)
{
	AUTO_FREE char *url = control_url(endpoints, "token");
	AUTO_FREE char *bearer = client_bearer(o, endpoints, err);
	struct buf body = BUF_INIT(65536);
	buf_add_char(&body, '{');
	json_add_member(&body, "user", span_of(o->user));
	json_add_member(&body, "provider", span_of(o->provider));
	buf_add_char(&body, '}');
	cJSON *tree = bearer ? client_post(url, NULL, bearer, buf_span(&body), err) : NULL;
	buf_fini(&body);
	return tree;
}

/* The pool that takes logins of the provider (any, if none is named), and its key for them. */
static int find_pool(const struct options *o, const cJSON *endpoints, const char **pool,
	const char **key, cJSON **tree, struct err *err)
{
	AUTO_FREE char *url = control_url(endpoints, "app");
	AUTO_FREE char *bearer = client_bearer(o, endpoints, err);
	struct http_header header = { SPAN("authorization"), span_of(bearer) };
	struct client_reply reply;
	if (!bearer) {
		return -(int)err->code;
	}
	int rc = client_call(
		"GET", url, &header, *bearer ? 1 : 0, (struct span){ NULL, 0 }, &reply, err);
	*tree = rc ? NULL : json_parse(buf_span(&reply.body), err);
	client_reply_fini(&reply);
	JSON_FOR (p, json_array(*tree, "pools")) {
		JSON_FOR (login, json_array(p, "logins")) {
			const char *provider = json_str(login, "provider");
			if (!o->provider || (provider && strcmp(provider, o->provider) == 0)) {
				*pool = json_str(p, "id");
				*key = json_str(login, "key");
				return 0;
			}
		}
	}
	return *tree ? err_set(err, ERR_NOT_FOUND, "the app has no identity pool for this login")
		     : -(int)err->code;
}

static cJSON *cognito(const char *service, const char *operation, const char *id_name,
	const char *id, const char *key, const char *id_token, struct err *err)
{
	AUTO_FREE char *target = xasprintf("AWSCognitoIdentityService.%s", operation);
	struct buf body = BUF_INIT(1u << 20);
	buf_add_char(&body, '{');
	json_add_member(&body, id_name, span_of(id));
	json_add_name(&body, "Logins");
	buf_add_char(&body, '{');
	json_add_member(&body, key, span_of(id_token));
	buf_add_str(&body, "}}");
	AUTO_FREE char *url = xasprintf("%s/", service);
	cJSON *tree = client_post(url, target, NULL, buf_span(&body), err);
	buf_fini(&body);
	return tree;
}

static int take_credentials(const cJSON *answer, struct client_credentials *out, struct err *err)
{
	const cJSON *c = json_object(answer, "Credentials");
	const char *key = json_str(c, "AccessKeyId");
	const char *secret = json_str(c, "SecretKey");
	const char *token = json_str(c, "SessionToken");
	const char *identity = json_str(answer, "IdentityId");
	if (!key || !secret || !token || !identity) {
		return err_set(err, ERR_INTERNAL, "the identity pool answered without credentials");
	}
	*out = (struct client_credentials){ xstrdup(key), xstrdup(secret), xstrdup(token),
		xstrdup(identity), (int64_t)(json_num(c, "Expiration", 0) * 1000) };
	return 0;
}

int client_credentials(const struct options *o, const cJSON *endpoints,
	struct client_credentials *out, struct err *err)
{
	const char *service = json_str(endpoints, "service");
	const char *pool = NULL, *key = NULL;
	AUTO_JSON cJSON *tokens = client_tokens(o, endpoints, err);
	AUTO_JSON cJSON *app = NULL;
	const char *id_token = json_str(tokens, "id_token");
	if (!id_token || find_pool(o, endpoints, &pool, &key, &app, err)) {
		return -(int)err->code;
	}
	AUTO_JSON cJSON *id = cognito(service, "GetId", "IdentityPoolId", pool, key, id_token, err);
	AUTO_JSON cJSON *answer = id ? cognito(service, "GetCredentialsForIdentity", "IdentityId",
					       json_str(id, "IdentityId"), key, id_token, err)
				     : NULL;
	return answer ? take_credentials(answer, out, err) : -(int)err->code;
}

void client_credentials_fini(struct client_credentials *c)
{
	free(c->access_key);
	free(c->secret);
	free(c->token);
	free(c->identity);
	*c = (struct client_credentials){ 0 };
}
