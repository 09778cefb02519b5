#include "emulator/model/template.h"

#include <stdio.h>
#include <stdlib.h>

#include "emulator/model/intrinsic.h"
#include "emulator/model/physical.h"
#include "emulator/model/sam.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

static void delete_tree(void *tree)
{
	cJSON_Delete(tree);
}

cJSON *template_keep(struct arena *a, cJSON *tree)
{
	arena_on_destroy(a, delete_tree, tree);
	return tree;
}

/* Finding things. */

static int id_order(const void *a, const void *b)
{
	const struct template_resource *const *left = a, *const *right = b;
	return strcmp((*left)->logical_id, (*right)->logical_id);
}

static int id_find(const void *key, const void *item)
{
	const struct template_resource *const *r = item;
	return strcmp(key, (*r)->logical_id);
}

struct template_resource *template_find(const struct template_stack *stack, const char *logical_id)
{
	struct template_resource **hit =
		stack->n_resources ? bsearch(logical_id, stack->by_id, stack->n_resources,
					     sizeof *stack->by_id, id_find)
				   : NULL;
	return hit ? *hit : NULL;
}

struct template_resource *template_next(
	const struct template_set *set, const struct template_resource *after, const char *type)
{
	size_t stack = after ? (size_t)(after->stack - set->stacks) : 0;
	size_t next = after ? (size_t)(after - after->stack->resources) + 1 : 0;
	for (; stack < set->n_stacks; stack++, next = 0) {
		struct template_stack *s = &set->stacks[stack];
		for (; next < s->n_resources; next++) {
			struct template_resource *r = &s->resources[next];
			if (r->included && (!type || strcmp(r->type, type) == 0)) {
				return r;
			}
		}
	}
	return NULL;
}

/* Names: parameters, pseudo parameters, conditions, exports. */

static cJSON *pseudo(const struct template_stack *stack, const char *name)
{
	const struct model_input *in = stack->set->in;
	if (strcmp(name, "AWS::AccountId") == 0) {
		return cJSON_CreateString(in->account);
	}
	if (strcmp(name, "AWS::Region") == 0) {
		return cJSON_CreateString(in->region);
	}
	if (strcmp(name, "AWS::Partition") == 0) {
		return cJSON_CreateString("aws");
	}
	if (strcmp(name, "AWS::URLSuffix") == 0) {
		return cJSON_CreateString("amazonaws.com");
	}
	if (strcmp(name, "AWS::StackName") == 0) {
		return cJSON_CreateString(stack->name);
	}
	if (strcmp(name, "AWS::StackId") == 0) {
		char uuid[UUID_LEN + 1];
		AUTO_FREE char *seed = xasprintf("%s/%s/%s/stack", in->app, in->stage, stack->name);
		uuid_from_name(uuid, span_of(seed));
		AUTO_FREE char *id = xasprintf("arn:aws:cloudformation:%s:%s:stack/%s/%s",
			in->region, in->account, stack->name, uuid);
		return cJSON_CreateString(id);
	}
	return strcmp(name, "AWS::NotificationARNs") == 0 ? cJSON_CreateArray() : NULL;
}

static cJSON *split_list(const char *text)
{
	cJSON *list = cJSON_CreateArray();
	struct span rest = span_of(text);
	while (rest.ptr) {
		struct span part = span_trim(span_cut(&rest, ','));
		AUTO_FREE char *item = xstrndup(part.ptr, part.len);
		cJSON_AddItemToArray(list, cJSON_CreateString(item));
	}
	return list;
}

/* A parameter's value is its default: Offstage deploys nothing that could give another. */
static int parameter(const struct scope *s, const cJSON *definition, const char *name, cJSON **out)
{
	const cJSON *value = json_get(definition, "Default");
	if (!value || cJSON_IsObject(value) || cJSON_IsArray(value)) {
		return scope_fault(
			s, "parameter '%s' has no default value; give it one for local runs", name);
	}
	const char *type = json_str(definition, "Type");
	bool list =
		type && (strcmp(type, "CommaDelimitedList") == 0 || strncmp(type, "List<", 5) == 0);
	*out = list && cJSON_IsString(value) ? split_list(value->valuestring)
					     : cJSON_Duplicate(value, true);
	if (!list && !cJSON_IsString(value)) {
		/* Parameters are text, whatever their type says. */
		AUTO_FREE char *text = cJSON_PrintUnformatted(value);
		cJSON_Delete(*out);
		*out = cJSON_CreateString(text);
	}
	return 0;
}

/* Remembers that the owner needs r, for the search for circles. */
static void note_need(const struct scope *s, struct template_resource *r)
{
	struct template_resource *owner = s->owner;
	if (!owner || (owner->n_needs && owner->needs[owner->n_needs - 1] == r)) {
		return;
	}
	if (owner->n_needs == owner->cap_needs) {
		owner->cap_needs = owner->cap_needs ? owner->cap_needs * 2 : 4;
		struct template_resource **more =
			arena_alloc(owner->stack->set->arena, owner->cap_needs * sizeof *more);
		if (owner->n_needs) {
			memcpy(more, owner->needs, owner->n_needs * sizeof *more);
		}
		owner->needs = more;
	}
	owner->needs[owner->n_needs++] = r;
}

static int find_included(
	const struct scope *s, const char *logical_id, struct template_resource **out)
{
	struct template_resource *r = template_find(s->stack, logical_id);
	if (!r) {
		return scope_fault(
			s, "there is no resource or parameter '%s' in the template", logical_id);
	}
	if (!r->included) {
		return scope_fault(s,
			"resource '%s' is not created, as its condition '%s' is false", logical_id,
			r->condition);
	}
	note_need(s, r);
	*out = r;
	return 0;
}

int template_ref(const struct scope *s, const char *name, cJSON **out)
{
	*out = NULL;
	if (strcmp(name, "AWS::NoValue") == 0) {
		return 0;
	}
	*out = pseudo(s->stack, name);
	if (*out) {
		return 0;
	}
	const cJSON *definition = json_get(json_get(s->stack->tree, "Parameters"), name);
	if (definition) {
		return parameter(s, definition, name, out);
	}
	struct template_resource *r = NULL;
	AUTO_FREE char *text = NULL;
	int rc = find_included(s, name, &r);
	if (rc == 0) {
		rc = physical_ref(s, r, &text);
	}
	if (rc == 0) {
		*out = cJSON_CreateString(text);
	}
	return rc;
}

int template_attribute(
	const struct scope *s, const char *logical_id, const char *attribute, cJSON **out)
{
	struct template_resource *r = NULL;
	AUTO_FREE char *text = NULL;
	*out = NULL;
	int rc = find_included(s, logical_id, &r);
	if (rc == 0) {
		rc = physical_attribute(s, r, attribute, &text);
	}
	if (rc == 0) {
		*out = cJSON_CreateString(text);
	}
	return rc;
}

int template_condition(const struct scope *s, const char *name, bool *out)
{
	struct template_condition *c = NULL;
	for (size_t i = 0; i < s->stack->n_conditions; i++) {
		if (strcmp(s->stack->conditions[i].name, name) == 0) {
			c = &s->stack->conditions[i];
		}
	}
	if (!c || c->state == TEMPLATE_RUNNING) {
		return scope_fault(s,
			c ? "condition '%s' depends on itself" : "there is no condition '%s'",
			name);
	}
	if (c->state == TEMPLATE_UNKNOWN) {
		c->state = TEMPLATE_RUNNING;
		struct scope root = scope_root(s->stack, NULL, "Conditions", s->err);
		root.depth = s->depth + 1;
		struct scope at = scope_member(&root, name);
		int rc = intrinsic_condition(&at, c->definition, &c->value);
		if (rc) {
			return rc;
		}
		c->state = TEMPLATE_KNOWN;
	}
	*out = c->value;
	return 0;
}

static int export_value(const struct scope *s, struct template_export *e)
{
	if (e->state == TEMPLATE_RUNNING) {
		return scope_fault(s, "export '%s' depends on itself", e->name);
	}
	if (e->state == TEMPLATE_KNOWN) {
		return 0;
	}
	e->state = TEMPLATE_RUNNING;
	struct scope root = scope_root(e->stack, NULL, "Outputs", s->err);
	root.depth = s->depth + 1;
	struct scope at = scope_member(&root, e->output);
	cJSON *value;
	int rc = intrinsic_eval(&at, e->definition, &value);
	if (rc == 0) {
		e->value = value ? template_keep(e->stack->set->arena, value) : NULL;
		e->state = TEMPLATE_KNOWN;
	}
	return rc;
}

int template_import(const struct scope *s, const char *name, cJSON **out)
{
	struct template_set *set = s->stack->set;
	*out = NULL;
	for (size_t i = 0; i < set->n_exports; i++) {
		if (strcmp(set->exports[i].name, name) == 0) {
			int rc = export_value(s, &set->exports[i]);
			if (rc == 0 && set->exports[i].value) {
				*out = cJSON_Duplicate(set->exports[i].value, true);
			}
			return rc;
		}
	}
	return scope_fault(s, "no stack exports '%s'", name);
}

/* Loading: the shape of every stack first, then conditions, then exports' names, then values. */

static size_t count(const cJSON *parent)
{
	size_t n = 0;
	JSON_FOR (item, parent) {
		n++;
	}
	return n;
}

static int read_resource(struct template_stack *stack, const cJSON *item,
	struct template_resource *r, struct err *err)
{
	r->stack = stack;
	r->logical_id = item->string;
	r->definition = item;
	r->type = json_str(item, "Type");
	r->condition = json_str(item, "Condition");
	r->metadata = json_object(json_get(item, "Metadata"), "offstage");
	if (!r->type) {
		return err_set(err, ERR_INVALID, "stack '%s', resource '%s' has no Type",
			stack->name, r->logical_id);
	}
	const cJSON *properties = json_get(item, "Properties");
	if (properties && !cJSON_IsObject(properties) && !cJSON_IsNull(properties)) {
		return template_fault(r, err, "Properties", "must be an object");
	}
	return 0;
}

static int index_resources(struct template_stack *stack, struct err *err)
{
	struct arena *a = stack->set->arena;
	const cJSON *resources = json_object(stack->tree, "Resources");
	size_t n = count(resources);
	if (!resources || n > TEMPLATE_MAX_RESOURCES) {
		return err_set(err, ERR_INVALID,
			resources ? "stack '%s' has too many resources"
				  : "stack '%s' has no Resources",
			stack->name);
	}
	stack->resources = arena_alloc(a, (n ? n : 1) * sizeof *stack->resources);
	stack->by_id = arena_alloc(a, (n ? n : 1) * sizeof(struct template_resource *));
	JSON_FOR (item, resources) {
		struct template_resource *r = &stack->resources[stack->n_resources];
		int rc = read_resource(stack, item, r, err);
		if (rc) {
			return rc;
		}
		stack->by_id[stack->n_resources++] = r;
	}
	qsort(stack->by_id, n, sizeof *stack->by_id, id_order);
	for (size_t i = 1; i < n; i++) {
		if (id_order(&stack->by_id[i - 1], &stack->by_id[i]) == 0) {
			return template_fault(
				stack->by_id[i], err, NULL, "stands twice in the template");
		}
	}
	return 0;
}

static void index_conditions(struct template_stack *stack)
{
	const cJSON *conditions = json_object(stack->tree, "Conditions");
	stack->conditions =
		arena_alloc(stack->set->arena, (count(conditions) + 1) * sizeof *stack->conditions);
	JSON_FOR (item, conditions) {
		stack->conditions[stack->n_conditions++] =
			(struct template_condition){ .name = item->string, .definition = item };
	}
}

static bool wants_sam(const cJSON *tree)
{
	const char *sam = "AWS::Serverless-2016-10-31";
	const cJSON *transform = json_get(tree, "Transform");
	const char *only = json_value(transform);
	bool found = only && strcmp(only, sam) == 0;
	if (cJSON_IsArray(transform)) {
		JSON_FOR (item, transform) {
			const char *name = json_value(item);
			found = found || (name && strcmp(name, sam) == 0);
		}
	}
	return found;
}

static int read_stack(struct template_stack *stack, const cJSON *item, struct err *err)
{
	struct arena *a = stack->set->arena;
	const char *name = json_str(item, "name");
	const char *id = json_str(item, "id");
	const cJSON *tree = json_object(item, "template");
	if (!name || !tree) {
		return err_set(err, ERR_INVALID, "a stack needs a name and a template");
	}
	stack->name = arena_strdup(a, name);
	stack->id = arena_strdup(a, id ? id : name);
	cJSON *copy = template_keep(a, cJSON_Duplicate(tree, true));
	if (wants_sam(copy)) {
		int rc = sam_expand(copy, err);
		if (rc) {
			return err_wrap(err, "stack '%s'", name);
		}
	}
	stack->tree = copy;
	index_conditions(stack);
	return index_resources(stack, err);
}

static bool key_taken(
	const struct template_set *set, const struct template_resource *before, const char *key)
{
	for (struct template_resource *r = template_next(set, NULL, before->type); r && r != before;
		r = template_next(set, r, before->type)) {
		if (strcmp(r->key, key) == 0) {
			return true;
		}
	}
	return false;
}

/* The construct's id in SST apps, else the logical id; with the stack's name if that is taken. */
static void name_apis(struct template_set *set)
{
	TEMPLATE_FOR(r, set, "AWS::ApiGatewayV2::Api")
	{
		const char *id = json_str(r->metadata, "id");
		const char *key = id && *id ? id : r->logical_id;
		r->key = key_taken(set, r, key)
				 ? arena_printf(set->arena, "%s/%s", r->stack->name, r->logical_id)
				 : key;
	}
}

static int settle_conditions(struct template_stack *stack, struct err *err)
{
	for (size_t i = 0; i < stack->n_resources; i++) {
		struct template_resource *r = &stack->resources[i];
		struct scope s = scope_root(stack, r, "Condition", err);
		r->included = true;
		int rc = r->condition ? template_condition(&s, r->condition, &r->included) : 0;
		if (rc) {
			return rc;
		}
	}
	return 0;
}

static int output_included(
	struct template_stack *stack, const cJSON *output, bool *out, struct err *err)
{
	const char *condition = json_str(output, "Condition");
	struct scope s = scope_root(stack, NULL, "Outputs", err);
	struct scope at = scope_member(&s, output->string);
	*out = true;
	return condition ? template_condition(&at, condition, out) : 0;
}

static int add_export(struct template_stack *stack, const cJSON *output, struct err *err)
{
	struct template_set *set = stack->set;
	struct scope root = scope_root(stack, NULL, "Outputs", err);
	struct scope at = scope_member(&root, output->string);
	AUTO_FREE char *name = NULL;
	int rc = intrinsic_text(&at, json_get(json_get(output, "Export"), "Name"), &name);
	if (rc) {
		return rc;
	}
	for (size_t i = 0; i < set->n_exports; i++) {
		if (strcmp(set->exports[i].name, name) == 0) {
			return scope_fault(&at, "stack '%s' exports '%s' too",
				set->exports[i].stack->name, name);
		}
	}
	set->exports[set->n_exports++] = (struct template_export){ .stack = stack,
		.output = output->string,
		.name = arena_strdup(set->arena, name),
		.definition = json_get(output, "Value") };
	return 0;
}

static int collect_exports(struct template_set *set, struct err *err)
{
	size_t n = 0;
	for (size_t i = 0; i < set->n_stacks; i++) {
		n += count(json_object(set->stacks[i].tree, "Outputs"));
	}
	set->exports = arena_alloc(set->arena, (n + 1) * sizeof *set->exports);
	set->outputs = arena_alloc(set->arena, (n + 1) * sizeof *set->outputs);
	for (size_t i = 0; i < set->n_stacks; i++) {
		JSON_FOR (output, json_object(set->stacks[i].tree, "Outputs")) {
			bool included;
			int rc = output_included(&set->stacks[i], output, &included, err);
			if (rc == 0 && included && json_get(json_get(output, "Export"), "Name")) {
				rc = add_export(&set->stacks[i], output, err);
			}
			if (rc) {
				return rc;
			}
		}
	}
	return 0;
}

static int evaluate_resource(struct template_resource *r, struct err *err)
{
	const cJSON *properties = json_object(r->definition, "Properties");
	cJSON *value = NULL;
	struct scope s = scope_root(r->stack, r, "Properties", err);
	int rc = properties ? intrinsic_eval(&s, properties, &value) : 0;
	if (rc) {
		return rc;
	}
	r->properties = template_keep(r->stack->set->arena, value ? value : cJSON_CreateObject());
	return cJSON_IsObject(r->properties)
		       ? 0
		       : template_fault(r, err, "Properties", "must be an object");
}

static int evaluate_output(struct template_stack *stack, const cJSON *output, struct err *err)
{
	struct template_set *set = stack->set;
	bool included;
	int rc = output_included(stack, output, &included, err);
	if (rc || !included) {
		return rc;
	}
	struct scope root = scope_root(stack, NULL, "Outputs", err);
	struct scope at = scope_member(&root, output->string);
	AUTO_FREE char *text = NULL;
	const cJSON *value = json_get(output, "Value");
	rc = value ? intrinsic_text(&at, value, &text) : scope_fault(&at, "has no Value");
	if (rc == 0) {
		set->outputs[set->n_outputs++] = (struct model_output){ stack->name, output->string,
			arena_strdup(set->arena, text) };
	}
	return rc;
}

static int evaluate_stack(struct template_stack *stack, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < stack->n_resources && rc == 0; i++) {
		struct template_resource *r = &stack->resources[i];
		rc = r->included ? evaluate_resource(r, err) : 0;
	}
	JSON_FOR (output, json_object(stack->tree, "Outputs")) {
		if (rc) {
			break;
		}
		rc = evaluate_output(stack, output, err);
	}
	return rc;
}

static int read_stacks(struct template_set *set, struct err *err)
{
	size_t n = count(set->in->stacks);
	set->stacks = arena_alloc(set->arena, (n + 1) * sizeof *set->stacks);
	JSON_FOR (item, set->in->stacks) {
		struct template_stack *stack = &set->stacks[set->n_stacks++];
		stack->set = set;
		int rc = read_stack(stack, item, err);
		if (rc) {
			return rc;
		}
	}
	return n ? 0 : err_set(err, ERR_INVALID, "the app has no stacks");
}

int template_load(struct template_set *set, struct arena *arena, const struct model_input *in,
	struct err *err)
{
	*set = (struct template_set){ .arena = arena, .in = in };
	int rc = read_stacks(set, err);
	for (size_t i = 0; i < set->n_stacks && rc == 0; i++) {
		rc = settle_conditions(&set->stacks[i], err);
	}
	if (rc == 0) {
		name_apis(set);
		rc = collect_exports(set, err);
	}
	for (size_t i = 0; i < set->n_stacks && rc == 0; i++) {
		rc = evaluate_stack(&set->stacks[i], err);
	}
	for (size_t i = 0; i < set->n_stacks && rc == 0; i++) {
		rc = template_refuse_circles(&set->stacks[i], err);
	}
	return rc;
}
