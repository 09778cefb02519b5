/* What model_build's domains share: one builder, one file per domain, run in this order, since each may
 * look up what those before it made. Each answers 0, or a negative code with err naming the resource. */
#pragma once

#include "emulator/model/physical.h"

struct build_permission {
	const struct model_function *function;
	const char *action, *principal, *source_arn, *source_account, *url_auth; /* "" = any */
};

struct builder {
	struct model *m;
	struct arena *arena;
	struct template_set set;
	struct build_permission *permissions;
	size_t n_permissions;
	struct err *err;
};

int build_functions(struct builder *b) MUST_CHECK; /* and their permissions and URLs */
int build_iam(struct builder *b) MUST_CHECK;
int build_cognito(struct builder *b) MUST_CHECK;
int build_apis(struct builder *b) MUST_CHECK;

/* Room for one more at the end of a list: list = build_grow(b, list, n, sizeof *list). Old items move,
 * so nobody may point at them before the list is complete. */
void *build_grow(struct builder *b, void *list, size_t n, size_t size);
/* Listed once at start; the same text twice is one note. */
void build_note(struct builder *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Ref and GetAtt of a resource as arena text; NULL with b->err set. */
const char *build_ref(struct builder *b, struct template_resource *r);
const char *build_attribute(struct builder *b, struct template_resource *r, const char *attribute);
/* By name or ARN, with or without a qualifier; NULL if the app has none. */
struct model_function *build_find_function(const struct builder *b, const char *text);
/* Whether a permission lets API Gateway invoke the function for one of n sources (execute-api ARNs). */
bool build_may_invoke(const struct builder *b, const struct model_function *f,
	const char *const *sources, size_t n);
/* "Cors" of function URLs and "CorsConfiguration" of APIs have the same members. */
int build_cors(struct builder *b, const struct template_resource *r, const cJSON *config,
	struct model_cors **out) MUST_CHECK;
