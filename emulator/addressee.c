#include "emulator/addressee.h"

#include "emulator/lambda/api_call.h"
#include "proxy/base/encode.h"
#include "proxy/base/form.h"
#include "proxy/base/json.h"

#define MAX_NAME 4096

/* --- reading --------------------------------------------------------------------------------- */

static void read_path(struct addressee *a, const struct http_request *r)
{
	static const char FUNCTIONS[] = "/functions/";
	const char *at = api_call_handles(r->path)
				 ? memmem(r->path.ptr, r->path.len, FUNCTIONS, strlen(FUNCTIONS))
				 : NULL;
	if (!at) {
		return;
	}
	const char *from = at + strlen(FUNCTIONS);
	struct span rest = span_n(from, r->path.len - (size_t)(from - r->path.ptr));
	struct span text = span_cut(&rest, '/');
	struct buf name = BUF_INIT(MAX_NAME);
	percent_decode(&name, text, false);
	a->function = text.len ? arena_strdup(r->arena, buf_cstr(&name)) : NULL;
	buf_fini(&name);
}

/* The body of Cognito Identity's calls. */
static const char *pool_of(const cJSON *body, const struct http_request *r, struct store *store)
{
	const char *pool = json_str(body, "IdentityPoolId");
	const char *identity = json_str(body, "IdentityId");
	struct store_identity known;
	if (pool) {
		return arena_strdup(r->arena, pool);
	}
	return identity && store_identity_get(store, identity, r->arena, &known) ? known.pool
										 : NULL;
}

/* Cognito Identity's JSON, or the form of STS, which may stand in the query. */
static void read_fields(struct addressee *a, const struct http_request *r, struct store *store)
{
	struct form form;
	struct err err = ERR_INIT;
	if (r->query.ptr && form_parse(&form, r->query, r->arena)) {
		a->app = form_get(&form, "app");
		a->stage = form_get(&form, "stage");
		a->role = form_get(&form, "RoleArn");
	}
	if (http_header_get(r, "x-amz-target").ptr) {
		AUTO_JSON cJSON *body = json_parse(r->body, &err);
		a->pool = pool_of(body, r, store);
	} else if (!a->function && !a->role && form_parse(&form, r->body, r->arena)) {
		a->role = form_get(&form, "RoleArn");
	}
}

/* KEY/DATE/REGION/SERVICE/aws4_request of the header or of a presigned URL; ptr NULL = unsigned. */
static struct span credential_of(const struct http_request *r)
{
	static const char MARK[] = "Credential=";
	struct span given = http_header_get(r, "authorization");
	const char *at = given.ptr ? memmem(given.ptr, given.len, MARK, strlen(MARK)) : NULL;
	struct form form;
	if (at) {
		const char *from = at + strlen(MARK);
		struct span rest = span_n(from, given.len - (size_t)(from - given.ptr));
		return span_cut(&rest, ',');
	}
	const char *signed_url = r->query.ptr && form_parse(&form, r->query, r->arena)
					 ? form_get(&form, "X-Amz-Credential")
					 : NULL;
	return signed_url ? span_of(signed_url) : (struct span){ NULL, 0 };
}

static void read_signature(struct addressee *a, const struct http_request *r, struct store *store)
{
	struct span scope = credential_of(r);
	if (!scope.ptr) {
		return;
	}
	struct span key = span_cut(&scope, '/');
	span_cut(&scope, '/');
	struct span region = span_cut(&scope, '/');
	a->region = region.len ? arena_strndup(r->arena, region.ptr, region.len) : NULL;
	const struct store_credentials *c =
		store_credentials_find(store, arena_strndup(r->arena, key.ptr, key.len));
	if (c) {
		a->caller_pool = c->pool_id[0] ? arena_strdup(r->arena, c->pool_id) : NULL;
		a->caller_role = arena_strdup(r->arena, c->role_arn);
	}
}

void addressee_read(struct addressee *a, const struct http_request *r, struct store *store)
{
	*a = (struct addressee){ 0 };
	read_path(a, r);
	read_fields(a, r, store);
	read_signature(a, r, store);
}

/* --- choosing -------------------------------------------------------------------------------- */

static bool has_pool(const struct model *m, const char *id)
{
	return id && model_pool(m, id);
}

static bool has_role(const struct model *m, const char *arn)
{
	return arn && model_role(m, arn);
}

static bool has_function(const struct model *m, const char *name, struct arena *arena)
{
	struct function_name parsed;
	struct function_name_fault fault;
	return name &&
	       function_name_parse(
		       m, span_of(name), NULL, FUNCTION_NAME_MAX_INVOKE, arena, &parsed, &fault) &&
	       parsed.function;
}

/* What counts more stands higher: whose the named thing is, whose the caller is, for which region he
 * signed. */
enum {
	FITS_REGION = 1,
	FITS_CALLER = 2,
	FITS_NAME = 4
};

static int fit(const struct addressee *a, const struct model *m, struct arena *arena)
{
	bool named =
		has_pool(m, a->pool) || has_role(m, a->role) || has_function(m, a->function, arena);
	/* A pool is one app's only; a role may bear the same given name in several. */
	bool own = a->caller_pool ? has_pool(m, a->caller_pool) : has_role(m, a->caller_role);
	bool here = a->region && strcmp(a->region, m->region) == 0;
	return (named ? FITS_NAME : 0) + (own ? FITS_CALLER : 0) + (here ? FITS_REGION : 0);
}

static const struct model *find_app(const struct apps *apps, const char *app, const char *stage)
{
	const struct model *m;
	for (size_t i = 0; (m = apps_at(apps, i)); i++) {
		if (strcmp(app, m->app) == 0 && strcmp(stage, m->stage) == 0) {
			return m;
		}
	}
	return NULL;
}

const struct model *addressee_choose(const struct addressee *a, const struct apps *apps,
	struct arena *arena, const struct model **other)
{
	const struct model *best = NULL, *m;
	int best_fit = -1;
	*other = NULL;
	if (a->app && a->stage) {
		return find_app(apps, a->app, a->stage);
	}
	for (size_t i = 0; (m = apps_at(apps, i)); i++) {
		int now = fit(a, m, arena);
		if (now > best_fit) {
			best = m;
			best_fit = now;
			*other = NULL;
		} else if (now == best_fit && now >= FITS_NAME && a->function) {
			*other = m;
		}
	}
	return best;
}
