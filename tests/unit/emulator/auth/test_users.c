#include "request.h"

#include "emulator/auth/users.h"

static void reads_profiles(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct users *u = users_parse(
		SPAN("# comment\r\n[default]\r\naws_access_key_id = AKIAEXAMPLE\r\n"
		     "aws_secret_access_key = a=b+c/d\r\nregion = us-east-1\r\n\r\n; other\n[ci ]\n"
		     "aws_access_key_id=ASIACI\naws_secret_access_key=s\naws_session_token=tok=="),
		"f", &err);
	assert_non_null(u);
	const struct user *d = users_find(u, SPAN("AKIAEXAMPLE"));
	assert_string_equal(d->name, "default");
	assert_string_equal(d->secret, "a=b+c/d");
	assert_string_equal(d->session_token, "");
	const struct user *ci = users_find(u, SPAN("ASIACI"));
	assert_string_equal(ci->name, "ci");
	assert_string_equal(ci->session_token, "tok==");
	assert_null(users_find(u, SPAN("AKIA")));
	users_destroy(u);
}

static void errors_name_file_and_line(void **state)
{
	(void)state;
	const struct {
		const char *text, *words;
	} cases[] = {
		{ "aws_access_key_id = a\n", "f:1: setting before the first [profile]" },
		{ "[a]\nnonsense\n", "f:2: expected name = value" },
		{ "[a\n", "f:1: expected [profile]" },
		{ "[]\n", "f:1: expected [profile]" },
		{ "[\n", "f:1: expected [profile]" }, /* fuzzing: a length below zero */
		{ "\n[a]\naws_access_key_id = a\n",
			"f:2: profile 'a' has no aws_secret_access_key" },
		{ "[a]\n[b]\n", "f:1: profile 'a' has no aws_access_key_id" },
		{ "[a]\naws_access_key_id =\n", "f:2: aws_access_key_id is empty" },
		{ "[a]\naws_access_key_id = a/b\n", "f:2: aws_access_key_id is no access key id" },
		{ "[a]\naws_access_key_id=k\naws_secret_access_key=s\n[b]\naws_access_key_id=k\n"
		  "aws_secret_access_key=t\n",
			"f:4: profiles 'a' and 'b' have the same access key" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct err err = ERR_INIT;
		assert_null(users_parse(span_of(cases[i].text), "f", &err));
		assert_string_equal(err.msg, cases[i].words);
	}
	struct err err = ERR_INIT;
	assert_null(users_parse(span_n("[a]\0", 4), "f", &err));
	assert_null(users_load("/nonexistent/credentials", &err));
	assert_non_null(strstr(err.msg, "/nonexistent/credentials"));
}

static void no_file_means_no_users(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct users *u = users_load(NULL, &err);
	assert_non_null(u);
	assert_null(users_find(u, SPAN("")));
	users_destroy(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_profiles),
		cmocka_unit_test(errors_name_file_and_line),
		cmocka_unit_test(no_file_means_no_users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
