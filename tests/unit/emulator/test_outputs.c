/* What an agent is told of its app: addresses, outputs by stack, and the functions with everything that a
 * process needs to run as them (proxy/wire/messages.h, OUTPUTS). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "emulator/outputs.h"
#include "proxy/base/alloc.h"
#include "proxy/base/json.h"

static int64_t fixed_ms(void *ctx)
{
	(void)ctx;
	return 1700000000000;
}

static uint64_t fixed_ns(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct clock CLOCK = { fixed_ms, fixed_ns, NULL };

#define ROLE "arn:aws:iam::123456789012:role/R"

#define CLOUD "abc1234567.execute-api.eu-central-1.amazonaws.com"

static struct model_pair env[] = { { .name = "TABLE", .value = "a \"b\"" },
	{ .name = "API_URL", .value = "https://" CLOUD "/v1" } };
static struct model_function functions[] = {
	{ .name = "app-dev-f",
		.arn = "arn:aws:lambda:us-east-1:123456789012:function:app-dev-f",
		.logical_id = "F",
		.stack = "one",
		.handler = "f.handler",
		.shown_handler = "src/f.handler",
		.runtime = "nodejs20.x",
		.role_arn = ROLE,
		.timeout_s = 3,
		.memory_mb = 128,
		.reserved_concurrency = -1,
		.env = env,
		.n_env = 2,
		.log_format = "JSON",
		.architecture = "arm64" },
	{ .name = "bare",
		.arn = "arn:aws:lambda:us-east-1:123456789012:function:bare",
		.logical_id = "Bare",
		.stack = "two",
		.handler = "",
		.shown_handler = "",
		.runtime = "",
		.role_arn = "",
		.log_format = "Text",
		.architecture = "x86_64" },
};
static struct model_api apis[] = {
	{ .key = "Api", .id = "abc1234567", .endpoint = "http://localhost:4511" },
	{ .key = "China", .id = "zzz1234567", .endpoint = "http://localhost:4513" },
};
static const char *stack_names[] = { "one", "two", "empty" };
static struct model_output model_outputs[] = {
	{ .stack = "one", .name = "Url", .value = "http://localhost:4511" },
	{ .stack = "two", .name = "Url", .value = "another" },
	{ .stack = "two", .name = "Sub", .value = "https://" CLOUD "/" },
	{ .stack = "two", .name = "Host", .value = CLOUD },
	{ .stack = "two",
		.name = "Both",
		.value = "https://" CLOUD
			 "/a,https://zzz1234567.execute-api.cn-north-1.amazonaws.com.cn/b" },
	{ .stack = "two",
		.name = "Foreign",
		.value = "https://x" CLOUD ", https://abc1234567.execute-api.x/" },
};
static struct model_note notes[] = { { .text = "AWS::S3::Bucket is not emulated" } };
static const struct model MODEL = { .app = "app",
	.stage = "dev",
	.region = "us-east-1",
	.account = "123456789012",
	.functions = functions,
	.n_functions = 2,
	.apis = apis,
	.n_apis = 2,
	.outputs = model_outputs,
	.n_outputs = 6,
	.stacks = { stack_names, 3 },
	.notes = notes,
	.n_notes = 1 };

struct rig {
	struct store *store;
	cJSON *answer;
};

static int setup(void **state)
{
	struct rig *rig = xalloc(sizeof *rig);
	struct err err = ERR_INIT;
	rig->store = store_open(NULL, &CLOCK, &err);
	assert_non_null(rig->store);
	const struct outputs_login logins[] = { { "https://i.example.com",
		"http://localhost:4512" } };
	const struct outputs_input in = { .model = &MODEL,
		.service = "http://localhost:4510",
		.logins = logins,
		.n_logins = 1,
		.store = rig->store,
		.clock = &CLOCK };
	struct buf out = BUF_INIT(1 << 20);
	assert_int_equal(outputs_write(&in, &out, &err), 0);
	rig->answer = json_parse(buf_span(&out), &err);
	if (!rig->answer) {
		fail_msg("%s: %s", err.msg, buf_cstr(&out));
	}
	buf_fini(&out);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	cJSON_Delete(rig->answer);
	store_close(rig->store);
	free(rig);
	return 0;
}

static void addresses(void **state)
{
	const cJSON *o = ((struct rig *)*state)->answer;
	assert_string_equal(json_str(o, "app"), "app");
	assert_string_equal(json_str(o, "region"), "us-east-1");
	assert_string_equal(json_str(o, "account"), "123456789012");
	assert_string_equal(json_str(o, "service"), "http://localhost:4510");
	assert_string_equal(json_str(o, "console"), "http://localhost:4510/console");
	assert_string_equal(json_str(o, "bridge"), "ws://localhost:4510/bridge");
	assert_string_equal(json_str(json_get(o, "apis"), "Api"), "http://localhost:4511");
	assert_string_equal(
		json_str(json_get(o, "login"), "https://i.example.com"), "http://localhost:4512");
	assert_string_equal(json_value(cJSON_GetArrayItem(json_array(o, "notes"), 0)),
		"AWS::S3::Bucket is not emulated");
}

static void outputs_stand_under_their_stack(void **state)
{
	const cJSON *all = json_get(((struct rig *)*state)->answer, "outputs");
	assert_string_equal(json_str(json_get(all, "one"), "Url"), "http://localhost:4511");
	assert_string_equal(json_str(json_get(all, "two"), "Url"), "another");
	/* A stack without outputs is still one of the app's. */
	assert_int_equal(cJSON_GetArraySize(json_object(all, "empty")), 0);
	assert_non_null(json_object(all, "empty"));
}

/* As in SAM's own examples: !Sub https://${HttpApi}.execute-api.${AWS::Region}.amazonaws.com/ */
static void an_address_in_the_cloud_is_the_local_one(void **state)
{
	const cJSON *o = ((struct rig *)*state)->answer;
	const cJSON *two = json_get(json_get(o, "outputs"), "two");
	assert_string_equal(json_str(two, "Sub"), "http://localhost:4511/");
	assert_string_equal(json_str(two, "Host"), "localhost:4511");
	assert_string_equal(
		json_str(two, "Both"), "http://localhost:4511/a,http://localhost:4513/b");
	assert_string_equal(
		json_str(two, "Foreign"), "https://x" CLOUD ", https://abc1234567.execute-api.x/");
	const cJSON *f = cJSON_GetArrayItem(json_array(o, "functions"), 0);
	assert_string_equal(
		json_str(json_get(f, "environment"), "API_URL"), "http://localhost:4511/v1");
}

static void functions_as_they_shall_run(void **state)
{
	const cJSON *list = json_array(((struct rig *)*state)->answer, "functions");
	assert_int_equal(cJSON_GetArraySize(list), 2);
	const cJSON *f = cJSON_GetArrayItem(list, 0);
	assert_string_equal(json_str(f, "name"), "app-dev-f");
	assert_string_equal(json_str(f, "handler"), "f.handler");
	assert_string_equal(json_str(f, "shownHandler"), "src/f.handler");
	assert_string_equal(json_str(f, "runtime"), "nodejs20.x");
	assert_string_equal(json_str(f, "logFormat"), "JSON");
	assert_string_equal(json_str(f, "architecture"), "arm64");
	assert_int_equal(json_num(f, "timeout", 0), 3);
	assert_int_equal(json_num(f, "memory", 0), 128);
	assert_int_equal(json_num(f, "reserved", 0), -1);
	assert_string_equal(json_str(json_get(f, "environment"), "TABLE"), "a \"b\"");
	assert_true(cJSON_IsNull(json_get(f, "code")));
}

/* The role's, so that an SDK in the handler is who the function is; without a role there are none. */
static void credentials_are_the_roles(void **state)
{
	struct rig *rig = *state;
	const cJSON *list = json_array(rig->answer, "functions");
	const cJSON *c = json_get(cJSON_GetArrayItem(list, 0), "credentials");
	const struct store_credentials *known =
		store_credentials_find(rig->store, json_str(c, "accessKeyId"));
	assert_non_null(known);
	assert_string_equal(known->role_arn, ROLE);
	assert_string_equal(known->session_name, "app-dev-f");
	assert_string_equal(known->secret, json_str(c, "secretAccessKey"));
	assert_string_equal(known->session_token, json_str(c, "sessionToken"));
	/* A process keeps them for life and cannot renew them: a week. */
	assert_true(known->expires_ms == 1700000000000 + 7ll * 24 * 3600 * 1000);
	assert_null(json_get(cJSON_GetArrayItem(list, 1), "credentials"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(addresses),
		TEST(outputs_stand_under_their_stack),
		TEST(an_address_in_the_cloud_is_the_local_one),
		TEST(functions_as_they_shall_run),
		TEST(credentials_are_the_roles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
