/* Who has logged in at a local login provider. */
#include "emulator/store/db.h"
#include "proxy/base/ids.h"

#define MAX_USERS 1000

static const char *lower(const char *s, struct arena *arena)
{
	char *copy = arena_strdup(arena, s);
	for (char *c = copy; *c; c++) {
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c;
	}
	return copy;
}

static void read_user(sqlite3_stmt *row, struct arena *arena, struct store_user *out)
{
	*out = (struct store_user){
		.subject = store_text(row, 0, arena),
		.email = store_text(row, 1, arena),
		.created_ms = sqlite3_column_int64(row, 2),
		.updated_ms = sqlite3_column_int64(row, 3),
	};
}

int store_user_get(struct store *s, const char *issuer, const char *email, struct arena *arena,
	struct store_user *out, struct err *err)
{
	static const char SQL[] =
		"INSERT INTO users(issuer, email, subject, created_ms, updated_ms)"
		" VALUES(?1, ?2, ?3, ?4, ?4)"
		" ON CONFLICT(issuer, email) DO UPDATE SET updated_ms = ?4";
	const char *address = lower(email, arena);
	char hex[25];
	id_from_name(hex, 24, ID_HEX, span_of(arena_printf(arena, "%s\n%s", issuer, address)));
	const char *subject = arena_printf(arena, "auth0|%s", hex);
	int rc = store_exec(s, err, SQL, "sssi", issuer, address, subject, clock_now_ms(s->clock));
	if (rc) {
		return rc;
	}
	return store_user_by_subject(s, issuer, subject, arena, out)
		       ? 0
		       : err_set(err, ERR_IO, "state file: cannot read back the user '%s'",
				 address);
}

bool store_user_by_subject(struct store *s, const char *issuer, const char *subject,
	struct arena *arena, struct store_user *out)
{
	static const char SQL[] = "SELECT subject, email, created_ms, updated_ms FROM users"
				  " WHERE issuer = ?1 AND subject = ?2";
	sqlite3_stmt *row = store_query(s, NULL, SQL, "ss", issuer, subject);
	bool found = row && store_row(row);
	if (found) {
		read_user(row, arena, out);
	}
	store_done(row);
	return found;
}

size_t store_users(
	struct store *s, const char *issuer, struct arena *arena, struct store_user **out)
{
	static const char COUNT[] = "SELECT count(*) FROM users WHERE issuer = ?1";
	static const char SQL[] = "SELECT subject, email, created_ms, updated_ms FROM users"
				  " WHERE issuer = ?1 ORDER BY updated_ms DESC, email LIMIT ?2";
	sqlite3_stmt *row = store_query(s, NULL, COUNT, "s", issuer);
	int64_t max = row && store_row(row) ? sqlite3_column_int64(row, 0) : 0;
	store_done(row);
	max = max < MAX_USERS ? max : MAX_USERS;
	*out = arena_alloc(arena, (size_t)(max + 1) * sizeof **out);
	size_t n = 0;
	row = store_query(s, NULL, SQL, "si", issuer, max);
	while (row && n < (size_t)max && store_row(row)) {
		read_user(row, arena, &(*out)[n++]);
	}
	store_done(row);
	return n;
}
