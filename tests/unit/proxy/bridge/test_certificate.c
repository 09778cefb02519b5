#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/base/file.h"
#include "proxy/bridge/certificate.h"

static int make_folder(void **state)
{
	char path[] = "/tmp/offstage-test-certificate-XXXXXX";
	*state = mkdtemp(path) ? xstrdup(path) : NULL;
	return *state ? 0 : -1;
}

static int remove_folder(void **state)
{
	struct err err = ERR_INIT;
	int rc = dir_remove(*state, &err);
	free(*state);
	return rc;
}

/* What `openssl x509 -fingerprint -sha256` says of the file. */
static void ask_openssl(const char *cert, char out[FINGERPRINT_LEN + 1])
{
	AUTO_FREE char *command =
		xasprintf("openssl x509 -in %s -noout -fingerprint -sha256", cert);
	char line[256];
	size_t n = 0;
	FILE *f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof line, f));
	assert_int_equal(pclose(f), 0);
	for (const char *p = strchr(line, '=') + 1; *p && n < FINGERPRINT_LEN; p++) {
		if (*p != ':') {
			out[n++] = (char)(*p >= 'A' && *p <= 'F' ? *p + 32 : *p);
		}
	}
	out[n] = '\0';
}

static void test_is_made_once_and_known_by_its_fingerprint(void **state)
{
	AUTO_FREE char *cert = xasprintf("%s/cert.pem", (char *)*state);
	AUTO_FREE char *key = xasprintf("%s/key.pem", (char *)*state);
	char first[FINGERPRINT_LEN + 1], again[FINGERPRINT_LEN + 1], openssl[FINGERPRINT_LEN + 1];
	struct err err = ERR_INIT;
	struct stat st;
	assert_int_equal(certificate_ensure(cert, key, &err), 0);
	assert_int_equal(certificate_fingerprint(cert, first, &err), 0);
	ask_openssl(cert, openssl);
	assert_string_equal(first, openssl);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(certificate_ensure(cert, key, &err), 0);
	assert_int_equal(certificate_fingerprint(cert, again, &err), 0);
	assert_string_equal(first, again);
}

static void test_what_is_no_certificate_is_refused(void **state)
{
	static const char *const TEXTS[] = { "", "key", "-----BEGIN CERTIFICATE-----\nAAAA\n",
		"-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n" };
	AUTO_FREE char *cert = xasprintf("%s/cert.pem", (char *)*state);
	char out[FINGERPRINT_LEN + 1];
	for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
		struct err err = ERR_INIT;
		assert_int_equal(file_replace(cert, span_of(TEXTS[i]), 0600, &err), 0);
		assert_int_not_equal(certificate_fingerprint(cert, out, &err), 0);
		assert_non_null(strstr(err.msg, "holds no certificate"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_is_made_once_and_known_by_its_fingerprint, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			test_what_is_no_certificate_is_refused, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
