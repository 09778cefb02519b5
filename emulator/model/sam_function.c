/* AWS::Serverless::Function: role, policies, URL, asynchronous settings, events. */
#include "emulator/model/sam_parts.h"
#include "proxy/base/alloc.h"

#define TRUST                                                                          \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":" \
	"\"sts:AssumeRole\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"}}]}"

/* LambdaInvokePolicy is the one policy template about something that is emulated; the others allow what
 * would be refused by nobody. */
static cJSON *invoke_policy(const cJSON *arguments)
{
	cJSON *document = json_parse(SPAN("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":"
					  "\"Allow\",\"Action\":[\"lambda:InvokeFunction\"]}]}"),
		NULL);
	ENSURE(document);
	cJSON_AddItemToObject(json_get(document, "Statement")->child, "Resource",
		sam_sub("arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:${Value}*",
			json_get(arguments, "FunctionName")));
	return document;
}

static void add_policy(const cJSON *policy, cJSON *inlines, cJSON *arns)
{
	const char *name = json_value(policy);
	cJSON *document = NULL;
	if (name && strncmp(name, "arn:", 4) != 0) {
		const char *folder =
			strncmp(name, "AWSLambda", 9) == 0 && strcmp(name, "AWSLambda_FullAccess")
				? "service-role/"
				: "";
		AUTO_FREE char *arn = xasprintf("arn:aws:iam::aws:policy/%s%s", folder, name);
		cJSON_AddItemToArray(arns, cJSON_CreateString(arn));
	} else if (name || json_get(policy, "Ref") ||
		   (policy->child && policy->child->string &&
			   strncmp(policy->child->string, "Fn::", 4) == 0)) {
		cJSON_AddItemToArray(arns, cJSON_Duplicate(policy, true));
	} else if (json_get(policy, "Statement")) {
		document = cJSON_Duplicate(policy, true);
	} else if (json_get(policy, "LambdaInvokePolicy")) {
		document = invoke_policy(json_get(policy, "LambdaInvokePolicy"));
	}
	if (document) {
		cJSON *entry = cJSON_CreateObject();
		cJSON_AddStringToObject(entry, "PolicyName", "Inline");
		cJSON_AddItemToObject(entry, "PolicyDocument", document);
		cJSON_AddItemToArray(inlines, entry);
	}
}

static int add_role(struct sam *s, cJSON *function, cJSON *properties)
{
	AUTO_FREE char *id = xasprintf("%sRole", function->string);
	cJSON *role = sam_add(s, function, id, "AWS::IAM::Role");
	if (!role) {
		return -ERR_INVALID;
	}
	cJSON *trust =
		cJSON_DetachItemFromObjectCaseSensitive(properties, "AssumeRolePolicyDocument");
	cJSON_AddItemToObject(role, "AssumeRolePolicyDocument", trust ? trust : cJSON_Parse(TRUST));
	cJSON *arns = cJSON_AddArrayToObject(role, "ManagedPolicyArns");
	cJSON *inlines = cJSON_AddArrayToObject(role, "Policies");
	cJSON_AddItemToArray(
		arns, cJSON_CreateString(
			      "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"));
	const cJSON *policies = json_get(properties, "Policies");
	if (cJSON_IsArray(policies)) {
		JSON_FOR (policy, policies) {
			add_policy(policy, inlines, arns);
		}
	} else if (policies) {
		add_policy(policies, inlines, arns);
	}
	cJSON_AddItemToObject(properties, "Role", sam_attribute(id, "Arn"));
	return 0;
}

static int add_url(struct sam *s, cJSON *function, const cJSON *config)
{
	AUTO_FREE char *id = xasprintf("%sUrl", function->string);
	cJSON *url = sam_add(s, function, id, "AWS::Lambda::Url");
	if (!url) {
		return -ERR_INVALID;
	}
	cJSON_AddItemToObject(url, "TargetFunctionArn", sam_ref(function->string));
	sam_copy(config, "AuthType", url, "AuthType");
	sam_copy(config, "InvokeMode", url, "InvokeMode");
	sam_copy(config, "Cors", url, "Cors");
	const char *auth = json_str(config, "AuthType");
	if (!auth || strcmp(auth, "NONE") != 0) {
		return 0;
	}
	AUTO_FREE char *permission_id = xasprintf("%sUrlPublicPermissions", function->string);
	cJSON *permission = sam_add(s, function, permission_id, "AWS::Lambda::Permission");
	if (!permission) {
		return -ERR_INVALID;
	}
	cJSON_AddStringToObject(permission, "Action", "lambda:InvokeFunctionUrl");
	cJSON_AddStringToObject(permission, "Principal", "*");
	cJSON_AddStringToObject(permission, "FunctionUrlAuthType", "NONE");
	cJSON_AddItemToObject(permission, "FunctionName", sam_ref(function->string));
	return 0;
}

static int add_event_config(struct sam *s, cJSON *function, const cJSON *config)
{
	AUTO_FREE char *id = xasprintf("%sEventInvokeConfig", function->string);
	cJSON *to = sam_add(s, function, id, "AWS::Lambda::EventInvokeConfig");
	if (!to) {
		return -ERR_INVALID;
	}
	cJSON_AddItemToObject(to, "FunctionName", sam_ref(function->string));
	sam_copy(config, "MaximumRetryAttempts", to, "MaximumRetryAttempts");
	return 0;
}

static int add_event(struct sam *s, const cJSON *function, const cJSON *event)
{
	const char *type = json_str(event, "Type");
	if (!type) {
		return sam_fault(s, function, "event '%s' has no Type", event->string);
	}
	if (strcmp(type, "HttpApi") == 0) {
		return sam_http_event(s, function, event);
	}
	/* A resource of no known type: it ends as the note that this kind of event is not emulated. */
	AUTO_FREE char *id = xasprintf("%s%s", function->string, event->string);
	AUTO_FREE char *shown = xasprintf("AWS::Serverless::Function event %s", type);
	return sam_add(s, function, id, shown) ? 0 : -ERR_INVALID;
}

static void expand_code(cJSON *function, cJSON *properties)
{
	const char *inlined = json_str(properties, "InlineCode");
	if (json_get(properties, "ImageUri")) {
		cJSON *code = cJSON_AddObjectToObject(properties, "Code");
		sam_move(properties, "ImageUri", code, "ImageUri");
	} else if (inlined) {
		cJSON *code = cJSON_AddObjectToObject(properties, "Code");
		cJSON_AddStringToObject(code, "ZipFile", inlined);
	} else if (json_get(properties, "CodeUri")) {
		sam_move(properties, "CodeUri", properties, "Code");
	} else {
		cJSON_AddStringToObject(properties, "Code", ".");
	}
	/* How SAM builds it (BuildMethod, BuildProperties) is the agent's to know. */
	cJSON *metadata = json_object(function, "Metadata");
	if (metadata && !json_get(metadata, "offstage")) {
		cJSON *build = cJSON_Duplicate(metadata, true);
		cJSON_AddItemToObject(
			cJSON_AddObjectToObject(metadata, "offstage"), "build", build);
	}
}

int sam_function(struct sam *s, cJSON *function)
{
	cJSON *properties = json_object(function, "Properties");
	sam_set_type(function, "AWS::Lambda::Function");
	expand_code(function, properties);
	int rc = json_get(properties, "Role") ? 0 : add_role(s, function, properties);
	const cJSON *url = json_object(properties, "FunctionUrlConfig");
	if (rc == 0 && url) {
		rc = add_url(s, function, url);
	}
	const cJSON *config = json_object(properties, "EventInvokeConfig");
	if (rc == 0 && config) {
		rc = add_event_config(s, function, config);
	}
	JSON_FOR (event, json_object(properties, "Events")) {
		if (rc == 0) {
			rc = add_event(s, function, event);
		}
	}
	/* What the transform used up, and what would make the function depend on its own events. */
	static const char *const used[] = { "Events", "Policies", "FunctionUrlConfig",
		"EventInvokeConfig" };
	for (size_t i = 0; i < COUNT_OF(used); i++) {
		cJSON_DeleteItemFromObjectCaseSensitive(properties, used[i]);
	}
	return rc;
}
