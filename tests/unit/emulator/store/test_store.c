/* The store: what was written is there after a reopen and after kill -9; tickets end; a foreign file is
 * refused with its path. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "emulator/store/store.h"
#include "proxy/base/alloc.h"
#include "proxy/base/buf.h"
#include "proxy/base/file.h"

#define POOL "eu-west-1:11111111-2222-4333-8444-555555555555"
#define ISSUER "https://myorg.us.auth0.com"
#define ROLE "arn:aws:iam::123456789012:role/Auth"

static int64_t now = INT64_C(1700000000000);

static int64_t fake_now(void *ctx)
{
	(void)ctx;
	return now;
}

static uint64_t fake_mono(void *ctx)
{
	(void)ctx;
	return (uint64_t)now * 1000000u;
}

static const struct clock fake = { fake_now, fake_mono, NULL };

struct fixture {
	char dir[64];
	char path[96];
	struct arena *arena;
	struct store *store;
	struct err err;
};

static struct store *open_it(struct fixture *f)
{
	struct store *s = store_open(f->path, &fake, &f->err);
	if (!s) {
		fail_msg("%s", f->err.msg);
	}
	return s;
}

static int setup(void **state)
{
	struct fixture *f = xalloc(sizeof *f);
	snprintf(f->dir, sizeof f->dir, "/tmp/store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/state.db", f->dir);
	f->arena = arena_create();
	now = INT64_C(1700000000000);
	f->store = open_it(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	arena_destroy(f->arena);
	assert_int_equal(dir_remove(f->dir, NULL), 0);
	free(f);
	return 0;
}

static void reopen(struct fixture *f)
{
	store_close(f->store);
	f->store = open_it(f);
}

static const char *identity_of(struct fixture *f, const char *subject)
{
	const char *id = NULL;
	assert_int_equal(store_identity_for_login(f->store, POOL, "myorg.us.auth0.com", subject,
				 f->arena, &id, &f->err),
		0);
	return id;
}

static void an_identity_is_the_same_after_a_reopen(void **state)
{
	struct fixture *f = *state;
	const char *id = identity_of(f, "auth0|a");
	assert_true(strncmp(id, "eu-west-1:", 10) == 0);
	assert_int_equal(strlen(id), 10 + 36);
	assert_string_not_equal(id, identity_of(f, "auth0|b"));
	reopen(f);
	assert_string_equal(id, identity_of(f, "auth0|a"));
	struct store_identity got;
	assert_true(store_identity_get(f->store, id, f->arena, &got));
	assert_true(got.authenticated);
	assert_string_equal(got.pool, POOL);
	assert_int_equal(got.created_ms, now);
}

static void a_guest_keeps_its_id_when_a_login_is_linked(void **state)
{
	struct fixture *f = *state;
	const char *id = NULL;
	assert_int_equal(store_identity_guest(f->store, POOL, f->arena, &id, &f->err), 0);
	struct store_identity got;
	assert_true(store_identity_get(f->store, id, f->arena, &got));
	assert_false(got.authenticated);
	assert_int_equal(store_login_link(f->store, id, "p", "s", &f->err), 0);
	assert_true(store_identity_get(f->store, id, f->arena, &got));
	assert_true(got.authenticated);
	assert_string_equal(store_login_owner(f->store, POOL, "p", "s", f->arena), id);
	struct store_login *logins;
	assert_int_equal(store_identity_logins(f->store, id, f->arena, &logins), 1);
	assert_string_equal(logins[0].provider, "p");
	assert_string_equal(logins[0].subject, "s");
}

static void a_login_has_one_owner(void **state)
{
	struct fixture *f = *state;
	const char *id = identity_of(f, "auth0|a");
	const char *guest = NULL;
	assert_int_equal(store_identity_guest(f->store, POOL, f->arena, &guest, &f->err), 0);
	assert_int_equal(
		store_login_link(f->store, guest, "myorg.us.auth0.com", "auth0|a", &f->err),
		-ERR_CONFLICT);
	assert_string_equal(
		store_login_owner(f->store, POOL, "myorg.us.auth0.com", "auth0|a", f->arena), id);
	assert_int_equal(
		store_login_link(f->store, "eu-west-1:none", "p", "s", &f->err), -ERR_NOT_FOUND);
}

static void a_deleted_identity_takes_its_logins_along(void **state)
{
	struct fixture *f = *state;
	const char *id = identity_of(f, "auth0|a");
	assert_true(store_identity_delete(f->store, id));
	assert_false(store_identity_delete(f->store, id));
	assert_null(store_login_owner(f->store, POOL, "myorg.us.auth0.com", "auth0|a", f->arena));
}

static void an_unlinked_login_gets_another_identity(void **state)
{
	struct fixture *f = *state;
	const char *id = identity_of(f, "auth0|a");
	assert_true(store_login_unlink(f->store, id, "myorg.us.auth0.com"));
	assert_false(store_login_unlink(f->store, id, "myorg.us.auth0.com"));
	assert_string_not_equal(id, identity_of(f, "auth0|a"));
}

static void identities_are_listed_in_pages(void **state)
{
	struct fixture *f = *state;
	const char *id;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(store_identity_guest(f->store, POOL, f->arena, &id, &f->err), 0);
	}
	struct store_identity *page;
	assert_int_equal(store_identities(f->store, POOL, NULL, 3, f->arena, &page), 3);
	const char *last = page[2].id;
	assert_int_equal(store_identities(f->store, POOL, last, 3, f->arena, &page), 2);
	assert_true(strcmp(page[0].id, last) > 0);
	assert_int_equal(store_identities(f->store, "other", NULL, 3, f->arena, &page), 0);
}

static struct store_credentials issue(struct fixture *f, int64_t expires_ms)
{
	struct store_credentials c = { .expires_ms = expires_ms,
		.role_arn = ROLE,
		.session_name = "CognitoIdentityCredentials",
		.identity_id = "eu-west-1:x",
		.pool_id = POOL,
		.amr = "[\"authenticated\"]",
		.session_policy = "" };
	assert_int_equal(store_credentials_issue(f->store, &c, f->arena, &f->err), 0);
	return c;
}

static void credentials_have_their_shape_and_survive(void **state)
{
	struct fixture *f = *state;
	struct store_credentials c = issue(f, now + 3600000);
	/* base32 of 123456789012 / 2 + 2^39, an even account: then the lower half. */
	assert_memory_equal(c.access_key, "ASIARZPUZDIK", 12);
	assert_true(c.access_key[12] >= 'A' && c.access_key[12] <= 'P');
	assert_int_equal(strlen(c.access_key), 20);
	assert_int_equal(strlen(c.secret), 40);
	assert_int_equal(strlen(c.session_token), 400);
	assert_memory_equal(c.session_token, "IQoJb3JpZ2luX2Vj", 16);
	reopen(f);
	const struct store_credentials *got = store_credentials_find(f->store, c.access_key);
	assert_non_null(got);
	assert_string_equal(got->secret, c.secret);
	assert_string_equal(got->session_token, c.session_token);
	assert_string_equal(got->role_arn, ROLE);
	assert_string_equal(got->amr, "[\"authenticated\"]");
	assert_string_equal(got->pool_id, POOL);
	assert_int_equal(got->expires_ms, c.expires_ms);
	assert_int_equal(got->issued_ms, now);
	assert_null(store_credentials_find(f->store, "ASIAUNKNOWN"));
}

/* Stages of one app share the file, each in a program of its own. */
static void another_programs_new_credentials_are_found(void **state)
{
	struct fixture *f = *state;
	struct store *other = open_it(f);
	struct store_credentials c = issue(f, now + 3600000);
	const struct store_credentials *got = store_credentials_find(other, c.access_key);
	assert_non_null(got);
	assert_string_equal(got->secret, c.secret);
	assert_string_equal(got->session_token, c.session_token);
	assert_string_equal(got->role_arn, ROLE);
	assert_ptr_equal(store_credentials_find(other, c.access_key), got); /* now in memory */
	assert_null(store_credentials_find(other, "ASIAUNKNOWN"));
	store_close(other);
}

static void expired_credentials_are_known_for_an_hour(void **state)
{
	struct fixture *f = *state;
	struct store_credentials c = issue(f, now + 1000);
	now += 3500000;
	issue(f, now + 1000);
	assert_non_null(store_credentials_find(f->store, c.access_key));
	now += 700000;
	issue(f, now + 1000);
	assert_null(store_credentials_find(f->store, c.access_key));
	reopen(f);
	assert_null(store_credentials_find(f->store, c.access_key));
}

static void tickets_end_and_only_their_hash_is_kept(void **state)
{
	struct fixture *f = *state;
	static const char secret[] = "a-very-secret-code-0123456789";
	assert_int_equal(
		store_ticket_put(f->store, "code", secret, "{\"a\":1}", now + 1000, &f->err), 0);
	assert_string_equal(store_ticket_get(f->store, "code", secret, f->arena), "{\"a\":1}");
	assert_null(store_ticket_get(f->store, "refresh", secret, f->arena));
	assert_null(store_ticket_get(f->store, "code", "other", f->arena));
	reopen(f);
	assert_non_null(store_ticket_get(f->store, "code", secret, f->arena));
	struct buf file = BUF_INIT(1 << 20);
	assert_int_equal(file_read(f->path, &file, &f->err), 0);
	assert_null(memmem(file.ptr, file.len, secret, sizeof secret - 1));
	buf_fini(&file);
	now += 1000;
	assert_null(store_ticket_get(f->store, "code", secret, f->arena));
	now -= 1;
	assert_true(store_ticket_delete(f->store, "code", secret));
	assert_false(store_ticket_delete(f->store, "code", secret));
}

static void users_are_stable_and_the_last_one_comes_first(void **state)
{
	struct fixture *f = *state;
	struct store_user jane, joe;
	assert_int_equal(
		store_user_get(f->store, ISSUER, "Jane@Example.com", f->arena, &jane, &f->err), 0);
	assert_memory_equal(jane.subject, "auth0|", 6);
	assert_int_equal(strlen(jane.subject), 30);
	assert_string_equal(jane.email, "jane@example.com");
	now += 5;
	assert_int_equal(
		store_user_get(f->store, ISSUER, "joe@example.com", f->arena, &joe, &f->err), 0);
	struct store_user *all;
	assert_int_equal(store_users(f->store, ISSUER, f->arena, &all), 2);
	assert_string_equal(all[0].subject, joe.subject);
	now += 5;
	const char *subject = jane.subject;
	assert_int_equal(
		store_user_get(f->store, ISSUER, "jane@example.com", f->arena, &jane, &f->err), 0);
	assert_string_equal(jane.subject, subject);
	assert_int_equal(jane.updated_ms, jane.created_ms + 10);
	assert_int_equal(store_users(f->store, ISSUER, f->arena, &all), 2);
	assert_string_equal(all[0].subject, subject);
	assert_int_equal(store_users(f->store, "https://other", f->arena, &all), 0);
}

static void the_newest_key_comes_first(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(store_key_add(f->store, ISSUER, "k1", "pem1", &f->err), 0);
	assert_int_equal(store_key_add(f->store, ISSUER, "k2", "pem2", &f->err), 0);
	assert_int_equal(store_key_add(f->store, ISSUER, "k2", "pem3", &f->err), -ERR_CONFLICT);
	reopen(f);
	const char **pem;
	const char **kid;
	assert_int_equal(store_keys(f->store, ISSUER, f->arena, &pem, &kid), 2);
	assert_string_equal(kid[0], "k2");
	assert_string_equal(pem[1], "pem1");
}

static void kill_9_loses_nothing(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	int pipe_ends[2];
	assert_int_equal(pipe(pipe_ends), 0);
	pid_t child = fork();
	if (child == 0) {
		struct store *s = store_open(f->path, &fake, &f->err);
		struct store_credentials c = { .expires_ms = now + 1000,
			.role_arn = ROLE,
			.session_name = "",
			.identity_id = "",
			.pool_id = "",
			.amr = "",
			.session_policy = "" };
		if (s && store_credentials_issue(s, &c, f->arena, &f->err) == 0 &&
			write(pipe_ends[1], c.access_key, 20) == 20) {
			raise(SIGKILL);
		}
		_exit(1);
	}
	char key[21] = "";
	assert_int_equal(read(pipe_ends[0], key, 20), 20);
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	f->store = open_it(f);
	assert_non_null(store_credentials_find(f->store, key));
}

static void the_files_are_private(void **state)
{
	struct fixture *f = *state;
	issue(f, now + 1);
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
		AUTO_FREE char *path = xasprintf("%s%s", f->path, suffixes[i]);
		struct stat st;
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

static void a_file_that_is_no_database_is_refused_with_its_path(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = xasprintf("%s/other", f->dir);
	assert_int_equal(file_replace(path,
				 SPAN("this is not a database, but it is long enough to "
				      "be taken for one at first sight: 0123456789 "
				      "0123456789 0123456789"),
				 0600, &f->err),
		0);
	assert_null(store_open(path, &fake, &f->err));
	assert_non_null(strstr(f->err.msg, path));
	assert_non_null(strstr(f->err.msg, "not a database"));
	assert_non_null(strstr(f->err.msg, "delete it"));
}

static void another_programs_database_is_refused(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = xasprintf("%s/other.db", f->dir);
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_null(store_open(path, &fake, &f->err));
	assert_non_null(strstr(f->err.msg, "belongs to another program"));
}

static void a_file_of_the_first_version_is_taken_over(void **state)
{
	struct fixture *f = *state;
	struct store_credentials c = issue(f, now + 3600000);
	store_close(f->store);
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				 "ALTER TABLE credentials DROP COLUMN issued_ms; PRAGMA "
				 "user_version=1",
				 NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	f->store = open_it(f);
	const struct store_credentials *got = store_credentials_find(f->store, c.access_key);
	assert_non_null(got);
	assert_string_equal(got->secret, c.secret);
	assert_int_equal(got->issued_ms, 0);
}

static void a_missing_folder_is_named(void **state)
{
	struct fixture *f = *state;
	assert_null(store_open("/nowhere/state.db", &fake, &f->err));
	assert_non_null(strstr(f->err.msg, "/nowhere/state.db"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_identity_is_the_same_after_a_reopen),
		T(a_guest_keeps_its_id_when_a_login_is_linked),
		T(a_login_has_one_owner),
		T(a_deleted_identity_takes_its_logins_along),
		T(an_unlinked_login_gets_another_identity),
		T(identities_are_listed_in_pages),
		T(credentials_have_their_shape_and_survive),
		T(another_programs_new_credentials_are_found),
		T(expired_credentials_are_known_for_an_hour),
		T(tickets_end_and_only_their_hash_is_kept),
		T(users_are_stable_and_the_last_one_comes_first),
		T(the_newest_key_comes_first),
		T(kill_9_loses_nothing),
		T(the_files_are_private),
		T(a_file_that_is_no_database_is_refused_with_its_path),
		T(another_programs_database_is_refused),
		T(a_file_of_the_first_version_is_taken_over),
		T(a_missing_folder_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
