/* The model of the tutorial's stack, as our own synthesis writes it (reference sst 3.4, 3.5). */
#include "model_test.h"

static int setup(void **state)
{
	*state = build_fixture("tutorial.json");
	return 0;
}

static int teardown(void **state)
{
	model_destroy(*state);
	return 0;
}

static const struct model_route *route(const struct model_api *api, const char *key)
{
	for (size_t i = 0; i < api->n_routes; i++) {
		if (strcmp(api->routes[i].key, key) == 0) {
			return &api->routes[i];
		}
	}
	fail_msg("no route %s", key);
	return NULL;
}

static void tutorial_has_one_api(void **state)
{
	const struct model *m = *state;
	assert_int_equal(m->n_apis, 1);
	const struct model_api *api = &m->apis[0];
	assert_string_equal(api->key, "Api");
	assert_string_equal(api->name, "dev-api-auth-auth0-Api");
	assert_string_equal(api->endpoint, "http://api.localhost/Api");
	assert_int_equal(strlen(api->id), 10);
	assert_int_equal(strspn(api->id, "abcdefghijklmnopqrstuvwxyz0123456789"), 10);
	assert_int_equal(api->n_stages, 1);
	assert_string_equal(api->stages[0].name, "$default");
	assert_non_null(strstr(api->stages[0].access_log_format, "$context.requestId"));
	assert_non_null(api->cors);
	assert_string_equal(api->cors->allow_origins.at[0], "*");
	assert_false(api->cors->allow_credentials);
	assert_int_equal(api->cors->max_age, -1);
}

static void tutorial_routes(void **state)
{
	const struct model *m = *state;
	assert_int_equal(m->apis[0].n_routes, 2);
	const struct model_route *private = route(&m->apis[0], "GET /private");
	assert_int_equal(private->authorization, MODEL_AUTH_IAM);
	assert_string_equal(private->method, "GET");
	assert_string_equal(private->path, "/private");
	const struct model_route *public = route(&m->apis[0], "GET /public");
	assert_int_equal(public->authorization, MODEL_AUTH_NONE);
	assert_int_equal(private->integration->type, MODEL_LAMBDA_PROXY);
	assert_true(private->integration->payload_v2);
	assert_true(private->integration->may_invoke);
	assert_int_equal(private->integration->timeout_ms, 30000);
	const struct model_function *f = model_function(m, private->integration->function);
	assert_non_null(f);
	assert_string_equal(f->shown_handler, "functions/private.handler");
}

static void tutorial_functions(void **state)
{
	const struct model *m = *state;
	assert_int_equal(m->n_functions, 2);
	const struct model_function *f = model_function(m, "functions/public.handler");
	assert_non_null(f);
	assert_string_equal(f->runtime, "nodejs16.x");
	assert_int_equal(f->timeout_s, 10);
	assert_int_equal(f->memory_mb, 1024);
	assert_int_equal(f->reserved_concurrency, -1);
	assert_non_null(model_role(m, f->role_arn));
	assert_ptr_equal(model_function(m, f->name), f);
	assert_ptr_equal(model_function(m, f->arn), f);
	AUTO_FREE char *qualified = xasprintf("%s:$LATEST", f->arn);
	assert_ptr_equal(model_function(m, qualified), f);
	AUTO_FREE char *partial = xasprintf("123456789012:function:%s", f->name);
	assert_ptr_equal(model_function(m, partial), f);
	assert_null(model_function(m, "nope"));
}

static void tutorial_pool(void **state)
{
	const struct model *m = *state;
	assert_int_equal(m->n_pools, 1);
	const struct model_pool *pool = &m->pools[0];
	assert_int_equal(strlen(pool->id), strlen("us-east-1:") + 36);
	assert_ptr_equal(model_pool(m, pool->id), pool);
	assert_true(pool->allow_unauthenticated);
	assert_int_equal(pool->n_oidc, 1);
	assert_string_equal(pool->oidc[0]->url, "https://myorg.us.auth0.com");
	assert_string_equal(pool->oidc[0]->host, "myorg.us.auth0.com");
	assert_string_equal(pool->oidc[0]->client_ids.at[0], "UsGRQJJz5sDfPQDs6bhQ9Oc3hNISuVif");
	assert_string_equal(
		pool->oidc[0]->arn, "arn:aws:iam::123456789012:oidc-provider/myorg.us.auth0.com");
	assert_ptr_equal(model_oidc(m, "myorg.us.auth0.com"), pool->oidc[0]);
	assert_int_equal(pool->n_user_pools, 1);
	assert_non_null(model_role(m, pool->unauthenticated_role));
}

/* Two statements: what is always there, and execute-api:Invoke on this API and no other. */
static void authenticated_role_may_invoke_the_api(void **state)
{
	const struct model *m = *state;
	const struct model_role *role = model_role(m, m->pools[0].authenticated_role);
	assert_non_null(role);
	assert_int_equal(role->n_policies, 1);
	const cJSON *statements = json_array(role->policies[0], "Statement");
	assert_int_equal(cJSON_GetArraySize(statements), 2);
	const cJSON *invoke = cJSON_GetArrayItem(statements, 1);
	assert_string_equal(json_str(invoke, "Action"), "execute-api:Invoke");
	AUTO_FREE char *arn =
		xasprintf("arn:aws:execute-api:us-east-1:123456789012:%s/*", m->apis[0].id);
	assert_string_equal(json_str(invoke, "Resource"), arn);
	AUTO_FREE char *trust = cJSON_PrintUnformatted(role->trust);
	assert_non_null(strstr(trust, m->pools[0].id));
}

static void tutorial_outputs(void **state)
{
	const struct model *m = *state;
	assert_int_equal(m->n_outputs, 2);
	assert_string_equal(m->outputs[0].name, "ApiEndpoint");
	assert_string_equal(m->outputs[0].value, "http://api.localhost/Api");
	assert_string_equal(m->outputs[0].stack, "dev-api-auth-auth0-MyStack");
	assert_string_equal(m->outputs[1].value, m->pools[0].id);
	assert_int_equal(m->stacks.n, 1);
}

static void tutorial_notes(void **state)
{
	const struct model *m = *state;
	assert_int_equal(m->n_notes, 2);
	assert_non_null(strstr(m->notes[0].text, "AWS::Cognito::UserPool '"));
	assert_non_null(strstr(m->notes[0].text, "' is not emulated"));
}

static void ids_are_the_same_from_run_to_run(void **state)
{
	const struct model *m = *state;
	struct model *again = build_fixture("tutorial.json");
	assert_string_equal(m->apis[0].id, again->apis[0].id);
	assert_string_equal(m->pools[0].id, again->pools[0].id);
	assert_string_equal(m->roles[0].id, again->roles[0].id);
	assert_string_equal(m->functions[0].arn, again->functions[0].arn);
	assert_string_not_equal(m->roles[0].id, m->roles[1].id);
	model_destroy(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tutorial_has_one_api),
		cmocka_unit_test(tutorial_routes),
		cmocka_unit_test(tutorial_functions),
		cmocka_unit_test(tutorial_pool),
		cmocka_unit_test(authenticated_role_may_invoke_the_api),
		cmocka_unit_test(tutorial_outputs),
		cmocka_unit_test(tutorial_notes),
		cmocka_unit_test(ids_are_the_same_from_run_to_run),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
