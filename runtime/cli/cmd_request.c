/* offstage request METHOD PATH: a request as one would make it in an API client; signed when --as says for
 * whom. The response's body goes to stdout, its status and headers to stderr. */
#include <stdio.h>

#include "emulator/auth/sigv4.h"
#include "proxy/base/alloc.h"
#include "proxy/base/clock.h"
#include "proxy/base/console.h"
#include "proxy/base/digest.h"
#include "runtime/cli/client.h"
#include "runtime/cli/cmd.h"

#define SIGNED_HEADERS "host;x-amz-date;x-amz-security-token"

struct signed_headers {
	struct arena *arena;
	struct http_header at[3];
	size_t n;
};

/* Signs with what the verifier uses, so that both read a path alike. */
static int sign(struct signed_headers *s, const char *method, const char *url,
	const struct client_credentials *c, const char *region, struct span body, struct err *err)
{
	const char *authority = url + strlen("http://");
	size_t n = strcspn(authority, "/");
	struct span target = span_of(authority + n);
	struct span query = target;
	struct span path = span_cut(&query, '?');
	struct sigv4_claim claim = { .access_key = span_of(c->access_key),
		.region = span_of(region),
		.service = SPAN("execute-api"),
		.terminator = SPAN("aws4_request"),
		.signed_headers = SPAN(SIGNED_HEADERS),
		.token = span_of(c->token) };
	time_basic(claim.stamp, clock_now_ms(&clock_system));
	claim.date = span_n(claim.stamp, 8);
	struct http_header headers[] = { { SPAN("host"), span_n(authority, n) },
		{ SPAN("x-amz-date"), span_n(claim.stamp, 16) },
		{ SPAN("x-amz-security-token"), span_of(c->token) } };
	struct http_request r = { .method = span_of(method),
		.target = target,
		.path = path,
		.query = query,
		.minor = 1,
		.headers = headers,
		.n_headers = 3,
		.body = body,
		.has_body = body.len > 0,
		.arena = s->arena };
	unsigned char key[SIGV4_KEY_LEN];
	char signature[SIGV4_HEX_LEN];
	sigv4_key(key, &claim, c->secret);
	if (!sigv4_sign(signature, &r, &claim, (struct sigv4_way){ 0 }, key)) {
		return err_set(err, ERR_LIMIT, "the request is too long to sign");
	}
	char *authorization = arena_printf(s->arena,
		"AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/execute-api/aws4_request, "
		"SignedHeaders=" SIGNED_HEADERS ", Signature=%.*s",
		c->access_key, claim.stamp, region, SIGV4_HEX_LEN, signature);
	s->at[s->n++] = (struct http_header){ SPAN("authorization"), span_of(authorization) };
	s->at[s->n++] = (struct http_header){ SPAN("x-amz-date"),
		span_of(arena_strdup(s->arena, claim.stamp)) };
	s->at[s->n++] = (struct http_header){ SPAN("x-amz-security-token"),
		span_of(arena_strdup(s->arena, c->token)) };
	return 0;
}

/* "Api, Other" */
static void list_names(struct buf *out, const cJSON *object)
{
	JSON_FOR (member, object) {
		buf_addf(out, "%s%s", out->len ? ", " : "", member->string);
	}
}

/* The API that --api names, or the only one. */
static const char *find_api(const struct options *o, const cJSON *endpoints, struct err *err)
{
	const cJSON *apis = json_object(endpoints, "apis");
	const char *url = o->api ? json_str(apis, o->api) : json_value(apis ? apis->child : NULL);
	struct buf names = BUF_INIT(65536);
	list_names(&names, apis);
	if (!names.len) {
		err_set(err, ERR_NOT_FOUND, "the app has no API");
	} else if (!url) {
		err_set(err, ERR_NOT_FOUND, "the app has no API '%s': it has %s", o->api,
			buf_cstr(&names));
	} else if (!o->api && apis->child->next) {
		err_set(err, ERR_INVALID, "the app has several APIs: name one with --api (%s)",
			buf_cstr(&names));
		url = NULL;
	}
	buf_fini(&names);
	return url;
}

static void print_reply(const struct client_reply *reply)
{
	fprintf(stderr, "HTTP %d %s\n%.*s", reply->status, http_reason(reply->status),
		SPAN_ARG(buf_span(&reply->head)));
	fwrite(reply->body.ptr, 1, reply->body.len, stdout);
	if (reply->body.len && reply->body.ptr[reply->body.len - 1] != '\n') {
		putchar('\n');
	}
}

static int send_request(
	const struct options *o, const cJSON *endpoints, struct arena *arena, struct err *err)
{
	struct signed_headers headers = { .arena = arena };
	struct client_reply reply;
	struct span body = span_of(o->data);
	const char *api = find_api(o, endpoints, err);
	if (!api) {
		return -(int)err->code;
	}
	const char *url = arena_printf(arena, "%s%s%s", api, o->path[0] == '/' ? "" : "/", o->path);
	if (o->user) {
		struct client_credentials c = { 0 };
		int rc = client_credentials(o, endpoints, &c, err);
		const char *colon = rc ? NULL : strchr(c.identity, ':');
		const char *region =
			colon ? arena_strndup(arena, c.identity, (size_t)(colon - c.identity))
			      : "us-east-1";
		rc = rc ? rc : sign(&headers, o->method, url, &c, region, body, err);
		client_credentials_fini(&c);
		if (rc) {
			return rc;
		}
	}
	int rc = client_call(o->method, url, headers.at, headers.n, body, &reply, err);
	if (!rc) {
		print_reply(&reply);
		rc = reply.status < 400 ? 0 : -1;
	}
	client_reply_fini(&reply);
	return rc;
}

int cmd_request(const struct options *o)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *endpoints = client_endpoints(o, &err);
	struct arena *arena = arena_create();
	int rc = endpoints ? send_request(o, endpoints, arena, &err) : -1;
	if (err.code) {
		console_problem("%s", err.msg);
	}
	arena_destroy(arena);
	return rc ? EXIT_FAILED : EXIT_DONE;
}
