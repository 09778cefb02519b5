/* CloudFormation templates, evaluated: parameters, mappings, conditions and intrinsic functions become
 * plain JSON, references become physical ids and attributes. Evaluation is lazy: a name is worked out
 * when somebody refers to it, so order in the template does not matter. Two kinds of circle are
 * refused: values that need themselves, and resources that need each other (CloudFormation's
 * "Circular dependency between resources").
 *
 * The structs are open to this room only. All memory hangs on the arena; the input is copied. */
#pragma once

#include "emulator/model/model.h"

/* How often and how far a template may make itself bigger. CloudFormation takes 1 MB templates; these
 * bounds only stop templates that grow exponentially. */
#define TEMPLATE_MAX_DEPTH 200
#define TEMPLATE_MAX_TEXT (1024 * 1024)
#define TEMPLATE_MAX_WORK (4 * 1024 * 1024)
#define TEMPLATE_MAX_RESOURCES 20000

enum template_state {
	TEMPLATE_UNKNOWN,
	TEMPLATE_RUNNING,
	TEMPLATE_KNOWN
};

struct template_stack;

struct template_resource {
	struct template_stack *stack;
	const char *logical_id;
	const char *type;
	const cJSON *definition; /* as written */
	const cJSON *properties; /* evaluated; an object, once template_load is done */
	const cJSON *metadata; /* Metadata.offstage, as written; may be NULL */
	const char *key; /* APIs: the stable key for resolve() */
	const char *condition; /* name, or NULL */
	const char *name; /* the given or derived physical name, once asked for */
	enum template_state naming;
	struct template_resource **needs; /* which it refers to, in order of the text */
	size_t n_needs, cap_needs;
	enum template_state walk; /* of the search for circles */
	bool included; /* its condition holds */
};

struct template_condition {
	const char *name;
	const cJSON *definition;
	enum template_state state;
	bool value;
};

struct template_export {
	struct template_stack *stack;
	const char *output; /* the output's key */
	const char *name;
	const cJSON *definition; /* of the value */
	const cJSON *value;
	enum template_state state;
};

struct template_set;

struct template_stack {
	struct template_set *set;
	const char *id, *name;
	const cJSON *tree;
	struct template_resource *resources; /* in template order */
	struct template_resource **by_id; /* the same, sorted */
	size_t n_resources;
	struct template_condition *conditions;
	size_t n_conditions;
};

struct template_set {
	struct arena *arena;
	const struct model_input *in;
	struct template_stack *stacks;
	size_t n_stacks;
	struct template_export *exports;
	size_t n_exports;
	size_t work; /* nodes made so far, against TEMPLATE_MAX_WORK */
	struct model_output *outputs;
	size_t n_outputs;
};

/* Reads all stacks and evaluates every resource and output. Fills set, whatever
 * it held. */
int template_load(struct template_set *set, struct arena *arena, const struct model_input *in,
	struct err *err) MUST_CHECK;

/* "circular dependency between resources: [A, B]"; after all properties were evaluated. */
int template_refuse_circles(struct template_stack *stack, struct err *err) MUST_CHECK;

/* Of that logical id, whatever its condition; NULL if none. */
struct template_resource *template_find(const struct template_stack *stack, const char *logical_id);

/* JSON_FOR's like for resources of one type, over all stacks. */
#define TEMPLATE_FOR(r, set, wanted)                                                \
	for (struct template_resource *r = template_next((set), NULL, (wanted)); r; \
		r = template_next((set), r, (wanted)))
/* The first (after == NULL) or next included resource of that type; type NULL = any. */
struct template_resource *template_next(
	const struct template_set *set, const struct template_resource *after, const char *type);

/* Property readers in CloudFormation's lenient way: a number or boolean may be written as text. They
 * answer `otherwise` when the property is absent, and fail with err naming resource and property when
 * it has another shape. `in` is the object that holds the property, `r` only names the place. */
int template_text(const struct template_resource *r, const cJSON *in, const char *name,
	const char *otherwise, const char **out, struct err *err) MUST_CHECK;
int template_number(const struct template_resource *r, const cJSON *in, const char *name,
	double otherwise, double *out, struct err *err) MUST_CHECK;
int template_bool(const struct template_resource *r, const cJSON *in, const char *name,
	bool otherwise, bool *out, struct err *err) MUST_CHECK;
/* A list of text; one text counts as a list of one. */
int template_texts(const struct template_resource *r, const cJSON *in, const char *name,
	struct model_strings *out, struct err *err) MUST_CHECK;

/* "stack 'S', resource 'R' (TYPE), PROPERTY: message"; returns -ERR_INVALID. property may be NULL. */
int template_fault(const struct template_resource *r, struct err *err, const char *property,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A tree that the arena owns from now on; returned for convenience. */
cJSON *template_keep(struct arena *a, cJSON *tree);
