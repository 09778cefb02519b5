/* Temporary credentials (identity-and-auth.md 3.1): written to the file, answered from a hash. */
#include <stdio.h>
#include <stdlib.h>

#include <uthash.h>

#include "emulator/store/db.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/ids.h"
#include "proxy/base/log.h"

/* Expired ones are kept for an hour, so that "expired" can be told from "unknown". */
#define KEPT_EXPIRED_MS (3600 * INT64_C(1000))
#define SWEEP_EVERY_MS (600 * INT64_C(1000))
#define SESSION_TOKEN_PREFIX "IQoJb3JpZ2luX2Vj"
#define SESSION_TOKEN_LEN 400
#define ACCOUNT_OFFSET UINT64_C(549755813888)

struct node {
	struct store_credentials c; /* its strings lie behind the struct, in the same allocation */
	UT_hash_handle hh;
};

struct credentials_cache {
	struct node *nodes;
	int64_t swept_ms;
};

static const char *append(char **at, const char *s)
{
	size_t n = strlen(s) + 1;
	const char *copy = memcpy(*at, s, n);
	*at += n;
	return copy;
}

static void remember(struct credentials_cache *cache, const struct store_credentials *c)
{
	size_t n = strlen(c->session_token) + strlen(c->role_arn) + strlen(c->session_name) +
		   strlen(c->identity_id) + strlen(c->pool_id) + strlen(c->amr) +
		   strlen(c->session_policy) + 7;
	struct node *node = xalloc(sizeof *node + n);
	char *at = (char *)(node + 1);
	node->c = *c;
	node->c.session_token = append(&at, c->session_token);
	node->c.role_arn = append(&at, c->role_arn);
	node->c.session_name = append(&at, c->session_name);
	node->c.identity_id = append(&at, c->identity_id);
	node->c.pool_id = append(&at, c->pool_id);
	node->c.amr = append(&at, c->amr);
	node->c.session_policy = append(&at, c->session_policy);
	HASH_ADD_STR(cache->nodes, c.access_key, node);
}

static void sweep(struct store *s)
{
	static const char SQL[] = "DELETE FROM credentials WHERE expires_ms < ?1";
	int64_t now = clock_now_ms(s->clock);
	int64_t limit = now - KEPT_EXPIRED_MS;
	s->credentials->swept_ms = now;
	store_change(s, SQL, "i", limit);
	struct node *node, *next;
	HASH_ITER (hh, s->credentials->nodes, node, next) {
		if (node->c.expires_ms < limit) {
			HASH_DEL(s->credentials->nodes, node);
			free(node);
		}
	}
}

#define SELECT                                                                          \
	"SELECT access_key, secret, session_token, expires_ms, role_arn, session_name," \
	" identity_id, pool_id, amr, guest, session_policy, issued_ms FROM credentials"

static void load_row(struct store *s, sqlite3_stmt *row, struct arena *arena)
{
	struct store_credentials c = {
		.session_token = store_text(row, 2, arena),
		.expires_ms = sqlite3_column_int64(row, 3),
		.role_arn = store_text(row, 4, arena),
		.session_name = store_text(row, 5, arena),
		.identity_id = store_text(row, 6, arena),
		.pool_id = store_text(row, 7, arena),
		.amr = store_text(row, 8, arena),
		.guest = sqlite3_column_int(row, 9),
		.session_policy = store_text(row, 10, arena),
		.issued_ms = sqlite3_column_int64(row, 11),
	};
	snprintf(c.access_key, sizeof c.access_key, "%s", store_text(row, 0, arena));
	snprintf(c.secret, sizeof c.secret, "%s", store_text(row, 1, arena));
	remember(s->credentials, &c);
}

int store_credentials_load(struct store *s, struct err *err)
{
	static const char SQL[] = SELECT;
	s->credentials = xalloc(sizeof *s->credentials);
	sweep(s);
	sqlite3_stmt *row = store_query(s, err, SQL, "");
	if (!row) {
		return -(int)err->code;
	}
	struct arena *arena = arena_create();
	while (store_row(row)) {
		load_row(s, row, arena);
		arena_reset(arena);
	}
	arena_destroy(arena);
	store_done(row);
	return 0;
}

void store_credentials_unload(struct store *s)
{
	if (!s->credentials) {
		return;
	}
	struct node *node, *next;
	HASH_ITER (hh, s->credentials->nodes, node, next) {
		HASH_DEL(s->credentials->nodes, node);
		free(node);
	}
	free(TAKE(s->credentials));
}

/* The account stands in the ARN of whoever the credentials are for. */
static uint64_t account_of(const char *arn)
{
	struct span rest = span_of(arn);
	struct span field = rest;
	for (int i = 0; i < 5; i++) {
		field = span_cut(&rest, ':');
	}
	uint64_t account = 0;
	span_u64(field, UINT64_C(999999999999), &account);
	return account;
}

static void make_access_key(char out[21], const char *arn)
{
	uint64_t account = account_of(arn);
	uint64_t bits = account / 2 + ACCOUNT_OFFSET;
	memcpy(out, "ASIA", 4);
	for (unsigned i = 0; i < 8; i++) {
		out[4 + i] = ID_BASE32[(bits >> (35 - 5 * i)) & 31];
	}
	/* An odd account's next character is of the alphabet's upper half. */
	id_random(out + 12, 1, account % 2 ? &ID_BASE32[16] : "ABCDEFGHIJKLMNOP");
	id_random(out + 13, 7, ID_BASE32);
}

static const char *make_session_token(struct arena *arena)
{
	char *token = arena_alloc(arena, SESSION_TOKEN_LEN + 1);
	size_t at = sizeof SESSION_TOKEN_PREFIX - 1;
	memcpy(token, SESSION_TOKEN_PREFIX, at);
	while (at < SESSION_TOKEN_LEN) {
		size_t part = SESSION_TOKEN_LEN - at < 128 ? SESSION_TOKEN_LEN - at : 128;
		id_random(token + at, part, ID_BASE64);
		at += part;
	}
	return token;
}

int store_credentials_issue(
	struct store *s, struct store_credentials *c, struct arena *arena, struct err *err)
{
	static const char SQL[] =
		"INSERT INTO credentials(access_key, secret, session_token, expires_ms, role_arn,"
		" session_name, identity_id, pool_id, amr, guest, session_policy, issued_ms)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
	if (clock_now_ms(s->clock) - s->credentials->swept_ms >= SWEEP_EVERY_MS) {
		sweep(s);
	}
	make_access_key(c->access_key, c->role_arn);
	id_random(c->secret, sizeof c->secret - 1, ID_BASE64);
	c->session_token = make_session_token(arena);
	c->issued_ms = clock_now_ms(s->clock);
	int rc = store_exec(s, err, SQL, "sssisssssisi", c->access_key, c->secret, c->session_token,
		c->expires_ms, c->role_arn, c->session_name, c->identity_id, c->pool_id, c->amr,
		(int64_t)c->guest, c->session_policy, c->issued_ms);
	if (!rc) {
		remember(s->credentials, c);
	}
	return rc;
}

/* Another program on the same file may have issued them since it was opened. */
static void look_in_file(struct store *s, const char *access_key)
{
	static const char SQL[] = SELECT " WHERE access_key = ?1";
	struct err err = ERR_INIT;
	sqlite3_stmt *row = store_query(s, &err, SQL, "s", access_key);
	if (!row) {
		log_error("store", "%s", err.msg);
		return;
	}
	if (store_row(row)) {
		struct arena *arena = arena_create();
		load_row(s, row, arena);
		arena_destroy(arena);
	}
	store_done(row);
}

const struct store_credentials *store_credentials_find(struct store *s, const char *access_key)
{
	struct node *node;
	HASH_FIND_STR(s->credentials->nodes, access_key, node);
	if (!node) {
		look_in_file(s, access_key);
		HASH_FIND_STR(s->credentials->nodes, access_key, node);
	}
	return node ? &node->c : NULL;
}
