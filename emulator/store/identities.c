/* Identities of identity pools and the logins linked to them (identity-and-auth.md 2). */
#include "emulator/store/db.h"
#include "proxy/base/ids.h"

#define IDENTITY_COLUMNS                                         \
	"i.id, i.pool, i.disabled, i.created_ms, i.modified_ms," \
	" EXISTS(SELECT 1 FROM identity_logins l WHERE l.identity = i.id)"

/* The region is the pool id's prefix: nothing else in an unsigned request names one. */
static const char *id_in_region_of(const char *pool, const char *uuid, struct arena *arena)
{
	struct span rest = span_of(pool);
	struct span region = span_cut(&rest, ':');
	return arena_printf(arena, "%.*s:%s", SPAN_ARG(region), uuid);
}

static int insert(struct store *s, const char *id, const char *pool, struct err *err)
{
	static const char SQL[] =
		"INSERT INTO identities(id, pool, disabled, created_ms, modified_ms)"
		" VALUES(?1, ?2, 0, ?3, ?3)";
	return store_exec(s, err, SQL, "ssi", id, pool, clock_now_ms(s->clock));
}

int store_identity_guest(
	struct store *s, const char *pool, struct arena *arena, const char **id, struct err *err)
{
	char uuid[UUID_LEN + 1];
	uuid_random(uuid);
	*id = id_in_region_of(pool, uuid, arena);
	return insert(s, *id, pool, err);
}

/* The id is derived from whose it is, so that throw-away copies of an app agree on it; if that
 * id is taken (its login was moved or unlinked) a random one serves. */
static int insert_for_login(struct store *s, const char *pool, const char *provider,
	const char *subject, struct arena *arena, const char **id, struct err *err)
{
	char uuid[UUID_LEN + 1];
	uuid_from_name(uuid, span_of(arena_printf(arena, "%s\n%s\n%s", pool, provider, subject)));
	*id = id_in_region_of(pool, uuid, arena);
	struct store_identity taken;
	if (store_identity_get(s, *id, arena, &taken)) {
		return store_identity_guest(s, pool, arena, id, err);
	}
	return insert(s, *id, pool, err);
}

int store_identity_for_login(struct store *s, const char *pool, const char *provider,
	const char *subject, struct arena *arena, const char **id, struct err *err)
{
	*id = store_login_owner(s, pool, provider, subject, arena);
	if (*id) {
		return 0;
	}
	int rc = store_exec(s, err, "SAVEPOINT identity", "");
	if (rc) {
		return rc;
	}
	rc = insert_for_login(s, pool, provider, subject, arena, id, err);
	if (!rc) {
		rc = store_login_link(s, *id, provider, subject, err);
	}
	if (rc) {
		store_change(s, "ROLLBACK TO identity", "");
	}
	store_change(s, "RELEASE identity", "");
	return rc;
}

static void read_identity(sqlite3_stmt *row, struct arena *arena, struct store_identity *out)
{
	*out = (struct store_identity){
		.id = store_text(row, 0, arena),
		.pool = store_text(row, 1, arena),
		.disabled = sqlite3_column_int(row, 2),
		.created_ms = sqlite3_column_int64(row, 3),
		.modified_ms = sqlite3_column_int64(row, 4),
		.authenticated = sqlite3_column_int(row, 5),
	};
}

bool store_identity_get(
	struct store *s, const char *id, struct arena *arena, struct store_identity *out)
{
	static const char SQL[] = "SELECT " IDENTITY_COLUMNS " FROM identities i WHERE i.id = ?1";
	sqlite3_stmt *row = store_query(s, NULL, SQL, "s", id);
	bool found = row && store_row(row);
	if (found) {
		read_identity(row, arena, out);
	}
	store_done(row);
	return found;
}

static size_t count(struct store *s, const char *sql, const char *key)
{
	sqlite3_stmt *row = store_query(s, NULL, sql, "s", key);
	size_t n = row && store_row(row) ? (size_t)sqlite3_column_int64(row, 0) : 0;
	store_done(row);
	return n;
}

size_t store_identity_logins(
	struct store *s, const char *id, struct arena *arena, struct store_login **out)
{
	static const char COUNT[] = "SELECT count(*) FROM identity_logins WHERE identity = ?1";
	static const char SQL[] =
		"SELECT provider, subject FROM identity_logins WHERE identity = ?1"
		" ORDER BY provider, subject";
	size_t max = count(s, COUNT, id);
	*out = arena_alloc(arena, (max + 1) * sizeof **out);
	size_t n = 0;
	sqlite3_stmt *row = store_query(s, NULL, SQL, "s", id);
	while (row && n < max && store_row(row)) {
		(*out)[n++] = (struct store_login){ store_text(row, 0, arena),
			store_text(row, 1, arena) };
	}
	store_done(row);
	return n;
}

const char *store_login_owner(struct store *s, const char *pool, const char *provider,
	const char *subject, struct arena *arena)
{
	static const char SQL[] = "SELECT identity FROM identity_logins"
				  " WHERE pool = ?1 AND provider = ?2 AND subject = ?3";
	sqlite3_stmt *row = store_query(s, NULL, SQL, "sss", pool, provider, subject);
	const char *id = row && store_row(row) ? store_text(row, 0, arena) : NULL;
	store_done(row);
	return id;
}

static void touch(struct store *s, const char *id)
{
	static const char SQL[] = "UPDATE identities SET modified_ms = ?2 WHERE id = ?1";
	store_change(s, SQL, "si", id, clock_now_ms(s->clock));
}

int store_login_link(
	struct store *s, const char *id, const char *provider, const char *subject, struct err *err)
{
	static const char SQL[] = "INSERT INTO identity_logins(pool, provider, subject, identity)"
				  " SELECT pool, ?2, ?3, id FROM identities WHERE id = ?1";
	int rc = store_exec(s, err, SQL, "sss", id, provider, subject);
	if (rc) {
		return rc;
	}
	if (sqlite3_changes(s->db) == 0) {
		return err_set(err, ERR_NOT_FOUND, "no identity '%s'", id);
	}
	touch(s, id);
	return 0;
}

bool store_login_unlink(struct store *s, const char *id, const char *provider)
{
	static const char SQL[] =
		"DELETE FROM identity_logins WHERE identity = ?1 AND provider = ?2";
	bool unlinked = store_change(s, SQL, "ss", id, provider);
	if (unlinked) {
		touch(s, id);
	}
	return unlinked;
}

size_t store_identities(struct store *s, const char *pool, const char *after, size_t max,
	struct arena *arena, struct store_identity **out)
{
	static const char SQL[] =
		"SELECT " IDENTITY_COLUMNS " FROM identities i WHERE i.pool = ?1 AND i.id > ?2"
		" ORDER BY i.id LIMIT ?3";
	*out = arena_alloc(arena, (max + 1) * sizeof **out);
	size_t n = 0;
	sqlite3_stmt *row =
		store_query(s, NULL, SQL, "ssi", pool, after ? after : "", (int64_t)max);
	while (row && n < max && store_row(row)) {
		read_identity(row, arena, &(*out)[n++]);
	}
	store_done(row);
	return n;
}

bool store_identity_delete(struct store *s, const char *id)
{
	static const char SQL[] = "DELETE FROM identities WHERE id = ?1";
	return store_change(s, SQL, "s", id);
}

bool store_identity_disable(struct store *s, const char *id)
{
	static const char SQL[] =
		"UPDATE identities SET disabled = 1, modified_ms = ?2 WHERE id = ?1";
	return store_change(s, SQL, "si", id, clock_now_ms(s->clock));
}
