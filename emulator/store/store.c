#include "emulator/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emulator/store/db.h"
#include "proxy/base/alloc.h"
#include "proxy/base/log.h"

/* "Offs": tells our file from any other SQLite file. */
#define APPLICATION_ID 0x4f666673

/* Each entry takes the schema from its index to the next; released entries are never edited. The
 * version is SQLite's own user_version, which changes within the same transaction. */
static const char *const MIGRATIONS[] = {
	"CREATE TABLE identities(id TEXT PRIMARY KEY, pool TEXT NOT NULL, disabled INTEGER NOT "
	"NULL,"
	" created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX identities_by_pool ON identities(pool, id);"
	"CREATE TABLE identity_logins(pool TEXT NOT NULL, provider TEXT NOT NULL,"
	" subject TEXT NOT NULL, identity TEXT NOT NULL REFERENCES identities(id) ON DELETE "
	"CASCADE,"
	" PRIMARY KEY(pool, provider, subject)) WITHOUT ROWID;"
	"CREATE INDEX identity_logins_by_identity ON identity_logins(identity, provider);"
	"CREATE TABLE credentials(access_key TEXT PRIMARY KEY, secret TEXT NOT NULL,"
	" session_token TEXT NOT NULL, expires_ms INTEGER NOT NULL, role_arn TEXT NOT NULL,"
	" session_name TEXT NOT NULL, identity_id TEXT NOT NULL, pool_id TEXT NOT NULL,"
	" amr TEXT NOT NULL, guest INTEGER NOT NULL, session_policy TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX credentials_by_expiry ON credentials(expires_ms);"
	"CREATE TABLE keys(issuer TEXT NOT NULL, kid TEXT NOT NULL, pem TEXT NOT NULL,"
	" added INTEGER PRIMARY KEY AUTOINCREMENT, UNIQUE(issuer, kid));"
	"CREATE TABLE users(issuer TEXT NOT NULL, email TEXT NOT NULL, subject TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
	" PRIMARY KEY(issuer, email), UNIQUE(issuer, subject)) WITHOUT ROWID;"
	"CREATE TABLE tickets(kind TEXT NOT NULL, hash TEXT NOT NULL, value TEXT NOT NULL,"
	" expires_ms INTEGER NOT NULL, PRIMARY KEY(kind, hash)) WITHOUT ROWID;"
	"CREATE INDEX tickets_by_expiry ON tickets(expires_ms);",
	"ALTER TABLE credentials ADD COLUMN issued_ms INTEGER NOT NULL DEFAULT 0;",
};

/* SQLite gives its -wal and -shm files the mode of the main one, so that one is made private
 * before SQLite sees it. By name and not by descriptor: closing a descriptor would drop the
 * locks that another connection of this process holds on the file. */
static int make_private(const char *path, struct err *err)
{
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0) {
		close(fd);
	} else if (errno != EEXIST) {
		return err_errno(err, errno, "cannot create the state file '%s'", path);
	}
	if (chmod(path, 0600)) {
		return err_errno(err, errno, "cannot make the state file '%s' private", path);
	}
	return 0;
}

static int run(struct store *s, const char *sql, struct err *err)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK) {
		return 0;
	}
	return err_set(err, ERR_IO, "%s", sqlite3_errmsg(s->db));
}

static int number(struct store *s, const char *sql, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(stmt);
	}
	if (rc == SQLITE_ROW) {
		*out = sqlite3_column_int64(stmt, 0);
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? 0 : err_set(err, ERR_IO, "%s", sqlite3_errmsg(s->db));
}

static int migrate_from(struct store *s, int64_t version, struct err *err)
{
	for (size_t i = (size_t)version; i < COUNT_OF(MIGRATIONS); i++) {
		AUTO_FREE char *stamp = xasprintf(
			"PRAGMA application_id=%d; PRAGMA user_version=%zu", APPLICATION_ID, i + 1);
		if (run(s, MIGRATIONS[i], err) || run(s, stamp, err)) {
			return -(int)err->code;
		}
	}
	return 0;
}

/* Within an immediate transaction, so that of two programs opening a new file one waits. */
static int migrate(struct store *s, struct err *err)
{
	int64_t owner = 0;
	int64_t version = 0;
	int64_t tables = 0;
	if (run(s, "BEGIN IMMEDIATE", err) || number(s, "PRAGMA application_id", &owner, err) ||
		number(s, "PRAGMA user_version", &version, err) ||
		number(s, "SELECT count(*) FROM sqlite_schema", &tables, err)) {
		return -(int)err->code;
	}
	if (owner != APPLICATION_ID && (owner || version || tables)) {
		return err_set(err, ERR_INVALID, "it belongs to another program");
	}
	if (version < 0 || (uint64_t)version > COUNT_OF(MIGRATIONS)) {
		return err_set(err, ERR_INVALID,
			"it was written by a newer offstage (schema %lld, this one knows %zu)",
			(long long)version, COUNT_OF(MIGRATIONS));
	}
	if (migrate_from(s, version, err)) {
		return -(int)err->code;
	}
	return run(s, "COMMIT", err);
}

static int open_database(struct store *s, const char *path, struct err *err)
{
	if (path && make_private(path, err)) {
		return -(int)err->code;
	}
	struct err why = ERR_INIT;
	int rc = sqlite3_open_v2(path ? path : ":memory:", &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		err_set(&why, ERR_IO, "%s", s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
	} else {
		sqlite3_busy_timeout(s->db, 2000);
		rc = run(s,
			"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
			"PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF",
			&why);
		if (!rc) {
			rc = migrate(s, &why);
		}
		if (!rc) {
			rc = store_credentials_load(s, &why);
		}
	}
	if (!rc) {
		return 0;
	}
	return err_set(err, why.code,
		"cannot use the state file '%s': %s; move it away or delete it, and a new one is "
		"made "
		"(identities, credentials and logins start afresh)",
		path ? path : ":memory:", why.msg);
}

struct store *store_open(const char *path, const struct clock *clock, struct err *err)
{
	struct store *s = xalloc(sizeof *s);
	s->clock = clock;
	struct err local = ERR_INIT;
	if (open_database(s, path, &local)) {
		err_set(err, local.code, "%s", local.msg);
		store_close(s);
		return NULL;
	}
	store_tickets_sweep(s);
	return s;
}

void store_close(struct store *s)
{
	if (!s) {
		return;
	}
	store_credentials_unload(s);
	for (size_t i = 0; i < s->n_statements; i++) {
		sqlite3_finalize(s->statements[i].stmt);
	}
	ENSURE(sqlite3_close(s->db) == SQLITE_OK);
	free(s);
}

static sqlite3_stmt *prepared(struct store *s, const char *sql, struct err *err)
{
	for (size_t i = 0; i < s->n_statements; i++) {
		if (s->statements[i].sql == sql) {
			return s->statements[i].stmt;
		}
	}
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) !=
		SQLITE_OK) {
		err_set(err, ERR_IO, "state file: %s", sqlite3_errmsg(s->db));
		return NULL;
	}
	ENSURE(s->n_statements < STORE_STATEMENTS);
	s->statements[s->n_statements].sql = sql;
	s->statements[s->n_statements].stmt = stmt;
	s->n_statements++;
	return stmt;
}

static sqlite3_stmt *bound(
	struct store *s, struct err *err, const char *sql, const char *types, va_list args)
{
	sqlite3_stmt *stmt = prepared(s, sql, err);
	if (!stmt) {
		return NULL;
	}
	for (int i = 0; types[i]; i++) {
		int rc;
		if (types[i] == 'i') {
			rc = sqlite3_bind_int64(stmt, i + 1, va_arg(args, int64_t));
		} else {
			ENSURE(types[i] == 's');
			rc = sqlite3_bind_text(
				stmt, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
		}
		ENSURE(rc == SQLITE_OK);
	}
	return stmt;
}

sqlite3_stmt *store_query(struct store *s, struct err *err, const char *sql, const char *types, ...)
{
	va_list args;
	va_start(args, types);
	sqlite3_stmt *stmt = bound(s, err, sql, types, args);
	va_end(args);
	return stmt;
}

bool store_row(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		log_error("store", "reading the state file: %s",
			sqlite3_errmsg(sqlite3_db_handle(stmt)));
	}
	return rc == SQLITE_ROW;
}

void store_done(sqlite3_stmt *stmt)
{
	if (stmt) {
		sqlite3_reset(stmt);
		/* Secrets do not linger in bindings. */
		sqlite3_clear_bindings(stmt);
	}
}

static int execute(sqlite3_stmt *stmt, struct err *err)
{
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE) {
		store_done(stmt);
		return 0;
	}
	int code = err_set(err, rc == SQLITE_CONSTRAINT ? ERR_CONFLICT : ERR_IO, "state file: %s",
		sqlite3_errmsg(sqlite3_db_handle(stmt)));
	store_done(stmt);
	return code;
}

int store_exec(struct store *s, struct err *err, const char *sql, const char *types, ...)
{
	va_list args;
	va_start(args, types);
	struct err local = ERR_INIT;
	sqlite3_stmt *stmt = bound(s, &local, sql, types, args);
	va_end(args);
	if (!stmt || execute(stmt, &local)) {
		return err_set(err, local.code, "%s", local.msg);
	}
	return 0;
}

bool store_change(struct store *s, const char *sql, const char *types, ...)
{
	va_list args;
	va_start(args, types);
	struct err err = ERR_INIT;
	sqlite3_stmt *stmt = bound(s, &err, sql, types, args);
	va_end(args);
	if (!stmt || execute(stmt, &err)) {
		log_error("store", "%s", err.msg);
		return false;
	}
	return sqlite3_changes(s->db) > 0;
}

const char *store_text(sqlite3_stmt *stmt, int column, struct arena *arena)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);
	return arena_strndup(
		arena, text ? (const char *)text : "", (size_t)sqlite3_column_bytes(stmt, column));
}
