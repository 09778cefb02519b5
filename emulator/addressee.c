#include "emulator/addressee.h"

#include <stdio.h>

#include "emulator/lambda/function_name.h"
#include "proxy/base/encode.h"
#include "proxy/base/form.h"
#include "proxy/base/json.h"

#define MAX_NAME 4096

static void read_path(struct addressee *a, const struct http_request *r)
{
	static const char FUNCTIONS[] = "/functions/";
	const char *at = memmem(r->path.ptr, r->path.len, FUNCTIONS, strlen(FUNCTIONS));
	if (!at) {
		return;
	}
	const char *from = at + strlen(FUNCTIONS);
	struct span rest = span_n(from, r->path.len - (size_t)(from - r->path.ptr));
	struct buf name = BUF_INIT(MAX_NAME);
	percent_decode(&name, span_cut(&rest, '/'), false);
	a->function = arena_strdup(r->arena, buf_cstr(&name));
	buf_fini(&name);
}

static void read_query(struct addressee *a, const struct http_request *r)
{
	struct form form;
	if (span_starts(r->path, SPAN("/_offstage/")) && r->query.ptr &&
		form_parse(&form, r->query, r->arena)) {
		a->app = form_get(&form, "app");
		a->stage = form_get(&form, "stage");
	}
}

/* Cognito Identity's JSON, or the form of STS. */
static void read_body(struct addressee *a, const struct http_request *r, struct store *store)
{
	struct form form;
	struct err err = ERR_INIT;
	if (!http_header_get(r, "x-amz-target").ptr) {
		if (!a->function && form_parse(&form, r->body, r->arena)) {
			a->role = form_get(&form, "RoleArn");
		}
		return;
	}
	AUTO_JSON cJSON *body = json_parse(r->body, &err);
	const char *pool = json_str(body, "IdentityPoolId");
	const char *identity = json_str(body, "IdentityId");
	struct store_identity known;
	if (pool) {
		a->pool = arena_strdup(r->arena, pool);
	} else if (identity && store_identity_get(store, identity, r->arena, &known)) {
		a->pool = known.pool;
	}
}

/* The last resort: whose credentials signed. */
static void read_signature(struct addressee *a, const struct http_request *r, struct store *store)
{
	static const char MARK[] = "Credential=";
	struct span given = http_header_get(r, "authorization");
	const char *at = given.ptr ? memmem(given.ptr, given.len, MARK, strlen(MARK)) : NULL;
	if (!at || a->pool || a->role || a->function) {
		return;
	}
	const char *from = at + strlen(MARK);
	struct span rest = span_n(from, given.len - (size_t)(from - given.ptr));
	struct span key = span_cut(&rest, '/');
	const struct store_credentials *c =
		store_credentials_find(store, arena_strndup(r->arena, key.ptr, key.len));
	if (c) {
		a->pool = c->pool_id[0] ? arena_strdup(r->arena, c->pool_id) : NULL;
		a->role = arena_strdup(r->arena, c->role_arn);
	}
}

void addressee_read(struct addressee *a, const struct http_request *r, struct store *store)
{
	*a = (struct addressee){ 0 };
	read_path(a, r);
	read_query(a, r);
	read_body(a, r, store);
	read_signature(a, r, store);
}

static bool has_pool(const struct model *m, const char *id)
{
	for (size_t i = 0; i < m->n_pools; i++) {
		if (strcmp(m->pools[i].id, id) == 0) {
			return true;
		}
	}
	return false;
}

static bool has_role(const struct model *m, const char *arn)
{
	for (size_t i = 0; i < m->n_roles; i++) {
		if (strcmp(m->roles[i].arn, arn) == 0) {
			return true;
		}
	}
	return false;
}

static bool has_function(const struct model *m, const char *name, struct arena *arena)
{
	struct function_name parsed;
	struct function_name_fault fault;
	return function_name_parse(m, span_of(name), NULL, arena, &parsed, &fault) &&
	       parsed.function;
}

bool addressee_is(const struct addressee *a, const struct model *m, struct arena *arena)
{
	if (a->app && a->stage) {
		return strcmp(a->app, m->app) == 0 && strcmp(a->stage, m->stage) == 0;
	}
	return (a->pool && has_pool(m, a->pool)) || (a->role && has_role(m, a->role)) ||
	       (a->function && has_function(m, a->function, arena));
}
