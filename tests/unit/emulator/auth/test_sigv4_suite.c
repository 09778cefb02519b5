/* The published AWS suite (fixtures/vectors/sigv4): each case in its header and its query form must
 * verify, give the suite's canonical request and string to sign, and fail when anything changes. */
#include <dirent.h>
#include <stdlib.h>

#include "request.h"

#include "emulator/auth/sigv4.h"
#include "proxy/base/clock.h"
#include "proxy/base/file.h"
#include "proxy/base/json.h"

#define SUITE OFFSTAGE_SOURCE_DIR "/fixtures/vectors/sigv4"
#define CASES 38
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static struct span read_case(
	struct arena *arena, const char *name, const char *form, const char *file)
{
	struct buf text = BUF_INIT(65536);
	struct err err = ERR_INIT;
	const char *path = arena_printf(arena, SUITE "/%s/%s%s", name, form, file);
	if (file_read(path, &text, &err)) {
		fail_msg("%s", err.msg);
	}
	struct span out = arena_span(arena, buf_span(&text));
	buf_fini(&text);
	return out;
}

static bool normalised(struct arena *arena, const char *name)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *context = json_parse(read_case(arena, name, "", "context.json"), &err);
	assert_non_null(context);
	return json_bool(context, "normalize", true);
}

static void assert_text(struct span got, struct span want, const char *name, const char *what)
{
	if (!span_eq(got, want)) {
		fail_msg("%s: %s\n--- got\n%.*s\n--- want\n%.*s", name, what, SPAN_ARG(got),
			SPAN_ARG(want));
	}
}

static void check_form(const char *name, const char *form)
{
	struct arena *arena = arena_create();
	struct sigv4_keys *keys = sigv4_keys_create();
	struct http_request *r =
		request_parse(arena, read_case(arena, name, form, "signed-request.txt"));
	struct sigv4_claim claim;
	struct sigv4_fault fault = { 0 };
	if (!sigv4_read(r, arena, &claim, &fault)) {
		fail_msg("%s %s: %s", name, form, fault.reason);
	}
	int64_t now;
	assert_true(time_parse_basic(SPAN("20150830T123600Z"), &now));
	assert_true(sigv4_check_scope(&claim, "us-east-1", "service", 300, now, arena, &fault));
	if (!sigv4_verify(r, &claim, SECRET, keys, arena, &fault)) {
		fail_msg("%s %s: %s", name, form, fault.reason);
	}
	struct sigv4_way way = { .raw_path = !normalised(arena, name),
		.token_unsigned = strcmp(name, "post-sts-header-after") == 0 };
	struct buf canonical = BUF_INIT(SIGV4_CANONICAL_MAX);
	struct buf to_sign = BUF_INIT(SIGV4_CANONICAL_MAX);
	sigv4_canonical(r, &claim, way, &canonical);
	sigv4_string_to_sign(&claim, buf_span(&canonical), &to_sign);
	assert_text(buf_span(&canonical), read_case(arena, name, form, "canonical-request.txt"),
		name, "canonical request");
	assert_text(buf_span(&to_sign), read_case(arena, name, form, "string-to-sign.txt"), name,
		"string to sign");
	assert_text(claim.signature, span_trim(read_case(arena, name, form, "signature.txt")), name,
		"signature");

	assert_false(sigv4_verify(r, &claim, "another secret", keys, arena, &fault));
	assert_string_equal(fault.check, "signature");
	r->method = SPAN("PATCH");
	assert_false(sigv4_verify(r, &claim, SECRET, keys, arena, &fault));
	assert_non_null(strstr(fault.reason, "method changed"));
	buf_fini(&canonical);
	buf_fini(&to_sign);
	sigv4_keys_destroy(keys);
	arena_destroy(arena);
}

static unsigned check_all(const char *form)
{
	DIR *dir = opendir(SUITE);
	assert_non_null(dir);
	unsigned n = 0;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		if (e->d_type == DT_DIR && e->d_name[0] != '.') {
			check_form(e->d_name, form);
			n++;
		}
	}
	closedir(dir);
	return n;
}

static void every_header_case_verifies(void **state)
{
	(void)state;
	assert_int_equal(check_all("header-"), CASES);
}

static void every_query_case_verifies(void **state)
{
	(void)state;
	assert_int_equal(check_all("query-"), CASES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_header_case_verifies),
		cmocka_unit_test(every_query_case_verifies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
