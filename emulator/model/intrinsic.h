/* The intrinsic functions of CloudFormation: one JSON value in, one without Ref and Fn:: out. What a
 * name stands for is asked of template.h and physical.h. */
#pragma once

#include "emulator/model/template.h"

/* Where evaluation stands. Each step down makes a new scope on the stack that points at the one above,
 * so that an error can name the whole path. */
struct scope {
	struct template_stack *stack;
	struct template_resource *owner; /* whose text this is; NULL in conditions and outputs */
	const struct scope *up;
	const char *member; /* step that led here; NULL = index */
	size_t index;
	unsigned depth;
	struct err *err;
};

/* A scope at the root: `what` is "Properties", "Outputs"... */
struct scope scope_root(struct template_stack *stack, struct template_resource *owner,
	const char *what, struct err *err);
struct scope scope_member(const struct scope *up, const char *member);
struct scope scope_item(const struct scope *up, size_t index);
/* err = "stack 'S', resource 'R', Properties.A.B[0]: message"; returns -ERR_INVALID. */
int scope_fault(const struct scope *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* *out is a new tree of the caller's, or NULL for AWS::NoValue. */
int intrinsic_eval(const struct scope *s, const cJSON *node, cJSON **out) MUST_CHECK;
/* The same for a value that must be text (numbers and booleans become text). The caller frees. */
int intrinsic_text(const struct scope *s, const cJSON *node, char **out) MUST_CHECK;
/* A condition: Fn::Equals, And, Or, Not, {"Condition": name}. */
int intrinsic_condition(const struct scope *s, const cJSON *node, bool *out) MUST_CHECK;
/* A condition by its name. */
int template_condition(const struct scope *s, const char *name, bool *out) MUST_CHECK;
/* Ref: parameter, pseudo parameter or resource. *out NULL = AWS::NoValue. */
int template_ref(const struct scope *s, const char *name, cJSON **out) MUST_CHECK;
int template_attribute(const struct scope *s, const char *logical_id, const char *attribute,
	cJSON **out) MUST_CHECK;
int template_import(const struct scope *s, const char *name, cJSON **out) MUST_CHECK;
