#include "emulator/model/sam.h"

#include <stdarg.h>
#include <stdio.h>

#include "emulator/model/sam_parts.h"
#include "proxy/base/alloc.h"

int sam_fault(const struct sam *s, const cJSON *resource, const char *fmt, ...)
{
	char message[300];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	return err_set(s->err, ERR_INVALID, "resource '%s': %s", resource->string, message);
}

cJSON *sam_ref(const char *logical_id)
{
	cJSON *ref = cJSON_CreateObject();
	cJSON_AddStringToObject(ref, "Ref", logical_id);
	return ref;
}

cJSON *sam_attribute(const char *logical_id, const char *attribute)
{
	cJSON *call = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(call, "Fn::GetAtt");
	cJSON_AddItemToArray(list, cJSON_CreateString(logical_id));
	cJSON_AddItemToArray(list, cJSON_CreateString(attribute));
	return call;
}

cJSON *sam_sub(const char *text, const cJSON *value)
{
	cJSON *call = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(call, "Fn::Sub");
	cJSON_AddItemToArray(list, cJSON_CreateString(text));
	cJSON *variables = cJSON_CreateObject();
	cJSON_AddItemToObject(variables, "Value", cJSON_Duplicate(value, true));
	cJSON_AddItemToArray(list, variables);
	return call;
}

void sam_move(cJSON *from, const char *name, cJSON *to, const char *as)
{
	cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(from, name);
	if (item) {
		cJSON_DeleteItemFromObjectCaseSensitive(to, as);
		cJSON_AddItemToObject(to, as, item);
	}
}

void sam_copy(const cJSON *from, const char *name, cJSON *to, const char *as)
{
	const cJSON *item = json_get(from, name);
	if (item) {
		cJSON_AddItemToObject(to, as, cJSON_Duplicate(item, true));
	}
}

void sam_set_type(cJSON *resource, const char *type)
{
	cJSON_ReplaceItemInObjectCaseSensitive(resource, "Type", cJSON_CreateString(type));
}

cJSON *sam_add(struct sam *s, const cJSON *from, const char *logical_id, const char *type)
{
	if (json_get(s->resources, logical_id)) {
		sam_fault(s, from, "the transform needs the logical id '%s', which is taken",
			logical_id);
		return NULL;
	}
	cJSON *resource = cJSON_AddObjectToObject(s->resources, logical_id);
	cJSON_AddStringToObject(resource, "Type", type);
	sam_copy(from, "Condition", resource, "Condition");
	return cJSON_AddObjectToObject(resource, "Properties");
}

/* Globals: objects merge, lists are joined (the global part first), anything else is overridden. */
static void merge(cJSON *into, const cJSON *globals)
{
	JSON_FOR (item, globals) {
		cJSON *own = json_get(into, item->string);
		if (!own) {
			cJSON_AddItemToObject(into, item->string, cJSON_Duplicate(item, true));
		} else if (cJSON_IsObject(own) && cJSON_IsObject(item)) {
			merge(own, item);
		} else if (cJSON_IsArray(own) && cJSON_IsArray(item)) {
			cJSON *list = cJSON_Duplicate(item, true);
			while (own->child) {
				cJSON_AddItemToArray(list, cJSON_DetachItemFromArray(own, 0));
			}
			cJSON_ReplaceItemInObjectCaseSensitive(into, item->string, list);
		}
	}
}

static const struct {
	const char *type;
	const char *globals; /* its member of Globals, or NULL */
	const char *becomes; /* for those that only change their type */
	int (*expand)(struct sam *s, cJSON *resource);
} kinds[] = {
	/* APIs first, as the events of functions look at them. */
	{ "AWS::Serverless::HttpApi", "HttpApi", NULL, sam_http_api },
	{ "AWS::Serverless::Function", "Function", NULL, sam_function },
	{ "AWS::Serverless::SimpleTable", "SimpleTable", "AWS::DynamoDB::Table", NULL },
	{ "AWS::Serverless::LayerVersion", "LayerVersion", "AWS::Lambda::LayerVersion", NULL },
	{ "AWS::Serverless::StateMachine", "StateMachine", "AWS::StepFunctions::StateMachine",
		NULL },
};

static cJSON *properties_of(cJSON *resource)
{
	cJSON *properties = json_object(resource, "Properties");
	if (!properties) {
		cJSON_DeleteItemFromObjectCaseSensitive(resource, "Properties");
		properties = cJSON_AddObjectToObject(resource, "Properties");
	}
	return properties;
}

static bool is_type(const cJSON *resource, const char *type)
{
	const char *own = json_str(resource, "Type");
	return own && strcmp(own, type) == 0;
}

/* An HttpApi event without an ApiId belongs to the implicit API, which exists only if one does. */
static bool needs_implicit_api(const struct sam *s)
{
	JSON_FOR (resource, s->resources) {
		if (!is_type(resource, "AWS::Serverless::Function")) {
			continue;
		}
		JSON_FOR (event, json_object(json_get(resource, "Properties"), "Events")) {
			if (is_type(event, "HttpApi") &&
				!json_get(json_get(event, "Properties"), "ApiId")) {
				return true;
			}
		}
	}
	return false;
}

static int expand_kind(struct sam *s, size_t kind)
{
	const cJSON *globals =
		kinds[kind].globals ? json_object(json_get(s->tree, "Globals"), kinds[kind].globals)
				    : NULL;
	/* What the transform adds goes to the end of the list, and is of other types. */
	JSON_FOR (resource, s->resources) {
		if (!is_type(resource, kinds[kind].type)) {
			continue;
		}
		merge(properties_of(resource), globals);
		if (kinds[kind].becomes) {
			sam_set_type(resource, kinds[kind].becomes);
			continue;
		}
		int rc = kinds[kind].expand(s, resource);
		if (rc) {
			return rc;
		}
	}
	return 0;
}

int sam_expand(cJSON *tree, struct err *err)
{
	struct sam s = { .tree = tree, .resources = json_object(tree, "Resources"), .err = err };
	if (!s.resources) {
		/* template_load says so, with the stack's name. */
		return 0;
	}
	if (needs_implicit_api(&s) && !json_get(s.resources, "ServerlessHttpApi")) {
		cJSON *api = cJSON_AddObjectToObject(s.resources, "ServerlessHttpApi");
		cJSON_AddStringToObject(api, "Type", "AWS::Serverless::HttpApi");
	}
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		int rc = expand_kind(&s, i);
		if (rc) {
			return rc;
		}
	}
	return 0;
}
