/* Small secrets with an end. Only a hash is stored: the file gives no ticket away. */
#include "emulator/store/db.h"
#include "proxy/base/digest.h"

static const char *hash(const char *secret, struct arena *arena)
{
	struct buf hex = BUF_INIT(2 * SHA256_LEN + 1);
	sha256_hex(&hex, span_of(secret));
	const char *text = arena_strndup(arena, hex.ptr, hex.len);
	buf_fini(&hex);
	return text;
}

int store_ticket_put(struct store *s, const char *kind, const char *secret, const char *value,
	int64_t expires_ms, struct err *err)
{
	static const char SQL[] = "INSERT OR REPLACE INTO tickets(kind, hash, value, expires_ms) "
				  "VALUES(?1, ?2, ?3, ?4)";
	struct arena *arena = arena_create();
	int rc = store_exec(s, err, SQL, "sssi", kind, hash(secret, arena), value, expires_ms);
	arena_destroy(arena);
	return rc;
}

const char *store_ticket_get(
	struct store *s, const char *kind, const char *secret, struct arena *arena)
{
	static const char SQL[] =
		"SELECT value FROM tickets WHERE kind = ?1 AND hash = ?2 AND expires_ms > ?3";
	sqlite3_stmt *row =
		store_query(s, NULL, SQL, "ssi", kind, hash(secret, arena), clock_now_ms(s->clock));
	const char *value = row && store_row(row) ? store_text(row, 0, arena) : NULL;
	store_done(row);
	return value;
}

bool store_ticket_delete(struct store *s, const char *kind, const char *secret)
{
	static const char SQL[] = "DELETE FROM tickets WHERE kind = ?1 AND hash = ?2";
	struct arena *arena = arena_create();
	bool deleted = store_change(s, SQL, "ss", kind, hash(secret, arena));
	arena_destroy(arena);
	return deleted;
}

void store_tickets_sweep(struct store *s)
{
	static const char SQL[] = "DELETE FROM tickets WHERE expires_ms <= ?1";
	store_change(s, SQL, "i", clock_now_ms(s->clock));
}
