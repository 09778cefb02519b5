#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/base/file.h"
#include "runtime/bundle/places.h"

/* An app with a crate "svc" and a file in it. */
static int make_app(void **state)
{
	char dir[] = "/tmp/places-XXXXXX";
	struct err err = ERR_INIT;
	if (!mkdtemp(dir)) {
		return -1;
	}
	AUTO_FREE char *src = xasprintf("%s/svc/src", dir);
	AUTO_FREE char *file = xasprintf("%s/main.rs", src);
	AUTO_FREE char *top = xasprintf("%s/top.go", dir);
	*state = realpath(dir, NULL);
	return dir_make_private(src, &err) || file_replace(file, SPAN(""), 0600, &err) ||
	       file_replace(top, SPAN(""), 0600, &err);
}

static int remove_app(void **state)
{
	struct err err = ERR_INIT;
	int rc = dir_remove(*state, &err);
	free(*state);
	return rc;
}

static void expect(const char *app, const char *text, const char *out, const char *first)
{
	struct buf words = BUF_INIT(4096), one = BUF_INIT(1024);
	AUTO_FREE char *cwd = xasprintf("%s/svc", app);
	places_copy(&words, &one, span_of(text), cwd, app);
	assert_string_equal(buf_cstr(&words), out);
	assert_string_equal(buf_cstr(&one), first);
	buf_fini(&words);
	buf_fini(&one);
}

static void places_at_the_start_of_a_line(void **state)
{
	expect(*state, "# example.com/x\n./src/main.rs:5:2: undefined: x\n",
		"# example.com/x\nsvc/src/main.rs:5:2: undefined: x\n",
		"svc/src/main.rs:5:2: undefined: x");
}

static void an_arrow_belongs_to_the_line_above(void **state)
{
	expect(*state,
		"warning: unused\n --> src/main.rs:1:1\n\nerror[E0308]: mismatched\n  --> "
		"src/main.rs:9:4\n   |\n",
		"warning: unused\n --> svc/src/main.rs:1:1\n\nerror[E0308]: mismatched\n  --> "
		"svc/src/main.rs:9:4\n   |\n",
		"svc/src/main.rs:9:4: error[E0308]: mismatched");
}

static void warnings_are_no_errors(void **state)
{
	expect(*state, "src/main.rs:1:1: warning: old\nsrc/main.rs:2:1: error: new\n",
		"svc/src/main.rs:1:1: warning: old\nsvc/src/main.rs:2:1: error: new\n",
		"svc/src/main.rs:2:1: error: new");
}

static void a_workspace_names_files_from_its_own_folder(void **state)
{
	expect(*state, "top.go:3: x\nsvc/src/main.rs:3: y", "top.go:3: x\nsvc/src/main.rs:3: y\n",
		"top.go:3: x");
}

static void without_a_place_the_error_line_counts(void **state)
{
	expect(*state, "   Compiling\nerror: no `x` in the manifest\nmore\n",
		"   Compiling\nerror: no `x` in the manifest\nmore\n",
		"error: no `x` in the manifest");
	expect(*state, "make: *** No rule.  Stop.\n", "make: *** No rule.  Stop.\n",
		"make: *** No rule.  Stop.");
	expect(*state, "", "", "");
}

static void unknown_files_stay_as_they_are(void **state)
{
	expect(*state, "gone.c:3:1: x\n/usr/include/y.h:1:1: error: z\n",
		"gone.c:3:1: x\n/usr/include/y.h:1:1: error: z\n", "gone.c:3:1: x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_at_the_start_of_a_line),
		cmocka_unit_test(an_arrow_belongs_to_the_line_above),
		cmocka_unit_test(warnings_are_no_errors),
		cmocka_unit_test(a_workspace_names_files_from_its_own_folder),
		cmocka_unit_test(without_a_place_the_error_line_counts),
		cmocka_unit_test(unknown_files_stay_as_they_are),
	};
	return cmocka_run_group_tests(tests, make_app, remove_app);
}
