/* fixtures/templates/sam.json through the SAM transform. */
#include "model_test.h"

static int setup(void **state)
{
	*state = build_fixture("sam.json");
	return 0;
}

static int teardown(void **state)
{
	model_destroy(*state);
	return 0;
}

static const struct model_function *function(const struct model *m, const char *logical_id)
{
	for (size_t i = 0; i < m->n_functions; i++) {
		if (strcmp(m->functions[i].logical_id, logical_id) == 0) {
			return &m->functions[i];
		}
	}
	fail_msg("no function %s", logical_id);
	return NULL;
}

static const struct model_api *api(const struct model *m, const char *logical_id)
{
	for (size_t i = 0; i < m->n_apis; i++) {
		if (strcmp(m->apis[i].logical_id, logical_id) == 0) {
			return &m->apis[i];
		}
	}
	fail_msg("no API %s", logical_id);
	return NULL;
}

static void globals_merge(void **state)
{
	const struct model_function *f = function(*state, "Hello");
	assert_string_equal(f->runtime, "nodejs18.x");
	assert_int_equal(f->timeout_s, 20);
	assert_int_equal(f->n_env, 2);
	assert_string_equal(f->env[0].name, "LEVEL");
	assert_string_equal(f->env[0].value, "debug");
	assert_string_equal(f->env[1].name, "TABLE");
	assert_string_equal(json_value(f->code), "hello/");
	assert_string_equal(json_str(json_get(f->metadata, "build"), "BuildMethod"), "esbuild");
	assert_int_equal(f->max_retries, 1);
}

static void policies_become_the_functions_role(void **state)
{
	const struct model *m = *state;
	const struct model_role *role = model_role(m, function(m, "Hello")->role_arn);
	assert_non_null(role);
	assert_int_equal(role->n_policies, 4);
	const cJSON *invoke = json_get(role->policies[1], "Statement")->child;
	AUTO_FREE char *arn = xasprintf("%s*", function(m, "Guarded")->arn);
	assert_string_equal(json_str(invoke, "Resource"), arn);
	assert_string_equal(m->outputs[2].value, role->name);
}

static void implicit_api_has_the_events_without_one(void **state)
{
	const struct model *m = *state;
	const struct model_api *a = api(m, "ServerlessHttpApi");
	assert_int_equal(a->n_routes, 2);
	assert_string_equal(a->routes[0].key, "GET /hello/{name}");
	assert_string_equal(a->routes[1].key, "$default");
	assert_true(a->routes[0].integration->may_invoke);
	assert_true(a->routes[1].integration->may_invoke);
	assert_true(a->routes[0].integration->payload_v2);
	assert_string_equal(a->stages[0].name, "$default");
	assert_string_equal(a->stages[0].access_log_format, "$context.requestId");
	assert_null(a->cors);
	AUTO_FREE char *url = xasprintf("https://%s.execute-api.us-east-1.amazonaws.com", a->id);
	assert_string_equal(m->outputs[0].value, url);
}

static void authorizers_default_and_by_event(void **state)
{
	const struct model_api *a = api(*state, "Front");
	assert_int_equal(a->n_routes, 3);
	const struct model_route *jwt = &a->routes[0], *custom = &a->routes[1],
				 *open = &a->routes[2];
	assert_int_equal(jwt->authorization, MODEL_AUTH_JWT);
	assert_string_equal(jwt->authorizer->issuer, "https://issuer.example/");
	assert_string_equal(jwt->scopes.at[0], "read");
	assert_string_equal(custom->key, "ANY /b");
	assert_int_equal(custom->authorization, MODEL_AUTH_CUSTOM);
	assert_string_equal(custom->authorizer->identity_sources.at[0], "$request.header.X-Key");
	assert_int_equal(custom->authorizer->ttl_s, 60);
	assert_true(custom->authorizer->payload_v2);
	assert_true(custom->authorizer->simple_responses);
	assert_true(custom->authorizer->may_invoke);
	assert_int_equal(open->authorization, MODEL_AUTH_NONE);
	assert_false(open->integration->payload_v2);
	assert_true(custom->integration->may_invoke);
	assert_string_equal(a->stages[0].name, "live");
	assert_string_equal(a->cors->allow_methods.at[0], "*");
}

static void function_url_is_public(void **state)
{
	const struct model *m = *state;
	const struct model_function *f = function(m, "Hello");
	assert_string_equal(f->url_auth, "NONE");
	assert_true(f->url_public);
	AUTO_FREE char *url = xasprintf("http://function-url.localhost/%s/", f->url_id);
	assert_string_equal(m->outputs[1].value, url);
}

static void other_events_are_notes(void **state)
{
	const struct model *m = *state;
	assert_int_equal(m->n_notes, 2);
	assert_string_equal(m->notes[0].text, "AWS::DynamoDB::Table 'Table' is not emulated");
	assert_string_equal(m->notes[1].text,
		"AWS::Serverless::Function event Schedule 'HelloTick' is not emulated");
}

static void mistakes_name_the_resource(void **state)
{
	(void)state;
#define SAM(resources) "'Transform':'AWS::Serverless-2016-10-31','Resources':{" resources "}"
#define SAM_FUNCTION(event)                                                                \
	"'F':{'Type':'AWS::Serverless::Function','Properties':{'Handler':'a.b','Runtime':" \
	"'nodejs18.x','Events':{'E':" event "}}}"
	refuse(SAM(SAM_FUNCTION("{'Type':'HttpApi','Properties':{'Path':'/x'}}")),
		"stack 'S': resource 'F': event 'E' needs both Path and Method");
	refuse(SAM(SAM_FUNCTION("{'Type':'HttpApi','Properties':{'Path':'/x','Method':'GET','Auth':"
				"{'Authorizer':'Nope'}}}")),
		"stack 'S': resource 'F': event 'E' names the authorizer 'Nope', which the API "
		"lacks");
	refuse(SAM(SAM_FUNCTION("{}")), "stack 'S': resource 'F': event 'E' has no Type");
	refuse(SAM("'A':{'Type':'AWS::Serverless::HttpApi','Properties':{'DefinitionUri':'x.yaml'}"
		   "}"),
		"stack 'S': resource 'A': DefinitionUri is not supported; use DefinitionBody");
	refuse(SAM("'FRole':{'Type':'AWS::IAM::Role'}," SAM_FUNCTION("{'Type':'Schedule'}")),
		"stack 'S': resource 'F': the transform needs the logical id 'FRole', which is "
		"taken");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globals_merge),
		cmocka_unit_test(policies_become_the_functions_role),
		cmocka_unit_test(implicit_api_has_the_events_without_one),
		cmocka_unit_test(authorizers_default_and_by_event),
		cmocka_unit_test(function_url_is_public),
		cmocka_unit_test(other_events_are_notes),
		cmocka_unit_test(mistakes_name_the_resource),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
