/* What the store's own files share: the open database and a short way to run a statement. Not for
 * other rooms.
 *
 * Statements are prepared once and kept; `sql` must be a string with static storage, since its
 * address is the key. `types` has a letter for each parameter: 's' const char *, 'i' int64_t. */
#pragma once

#include <sqlite3.h>

#include "emulator/store/store.h"

struct credentials_cache;

#define STORE_STATEMENTS 48

struct store {
	sqlite3 *db;
	const struct clock *clock;
	struct {
		const char *sql;
		sqlite3_stmt *stmt;
	} statements[STORE_STATEMENTS];
	size_t n_statements;
	struct credentials_cache *credentials; /* owned; see credentials.c */
};

/* Prepared, bound and ready for store_row; NULL with err set. End with store_done. */
sqlite3_stmt *store_query(
	struct store *s, struct err *err, const char *sql, const char *types, ...) MUST_CHECK;
/* Steps: true while there is a row. A fault ends the rows and is logged. */
bool store_row(sqlite3_stmt *stmt);
/* Frees the statement for its next use. NULL is fine. */
void store_done(sqlite3_stmt *stmt);
/* Runs a statement that gives no rows. ERR_CONFLICT if a constraint forbids it. */
int store_exec(
	struct store *s, struct err *err, const char *sql, const char *types, ...) MUST_CHECK;
/* As store_exec, for callers that have no way to fail: a fault is logged and gives false; true
 * if at least one row changed. */
bool store_change(struct store *s, const char *sql, const char *types, ...);
/* A column's text in the arena; "" for NULL. */
const char *store_text(sqlite3_stmt *stmt, int column, struct arena *arena);

/* credentials.c: reads the live credentials into memory; drops the long expired ones. */
int store_credentials_load(struct store *s, struct err *err) MUST_CHECK;
void store_credentials_unload(struct store *s);
/* tickets.c: deletes the expired ones. */
void store_tickets_sweep(struct store *s);
