/* Signing keys of the local login providers. */
#include "emulator/store/db.h"

#define MAX_KEYS 8

size_t store_keys(struct store *s, const char *issuer, struct arena *arena, const char ***pem,
	const char ***kid)
{
	static const char SQL[] =
		"SELECT pem, kid FROM keys WHERE issuer = ?1 ORDER BY added DESC LIMIT ?2";
	*pem = arena_alloc(arena, MAX_KEYS * sizeof **pem);
	*kid = arena_alloc(arena, MAX_KEYS * sizeof **kid);
	size_t n = 0;
	sqlite3_stmt *row = store_query(s, NULL, SQL, "si", issuer, (int64_t)MAX_KEYS);
	while (row && n < MAX_KEYS && store_row(row)) {
		(*pem)[n] = store_text(row, 0, arena);
		(*kid)[n] = store_text(row, 1, arena);
		n++;
	}
	store_done(row);
	return n;
}

int store_key_add(
	struct store *s, const char *issuer, const char *kid, const char *pem, struct err *err)
{
	static const char SQL[] = "INSERT INTO keys(issuer, kid, pem) VALUES(?1, ?2, ?3)";
	return store_exec(s, err, SQL, "sss", issuer, kid, pem);
}
