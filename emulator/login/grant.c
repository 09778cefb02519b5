#include "emulator/login/grant.h"

#include "proxy/base/json.h"

#define MAX_RECORD (1 << 16)

void grant_init(struct grant *g)
{
#define X(name) g->name = "";
	GRANT_PARAMETERS(X)
	GRANT_OWN(X)
#undef X
}

void grant_read_parameters(struct grant *g, const struct form *form)
{
	grant_init(g);
	const char *value;
#define X(name)                        \
	value = form_get(form, #name); \
	g->name = value ? value : "";
	GRANT_PARAMETERS(X)
#undef X
}

bool grant_has_scope(const char *scope, const char *word)
{
	struct span rest = span_of(scope);
	while (rest.ptr) {
		if (span_is(span_cut(&rest, ' '), word)) {
			return true;
		}
	}
	return false;
}

/* Two providers share one store, but no ticket. */
static const char *kind(struct login *l, const char *station, struct arena *arena)
{
	return arena_printf(arena, "%s %s", station, l->config.issuer);
}

int grant_keep(struct login *l, const char *station, const char *secret, const struct grant *g,
	int64_t lifetime_ms, struct err *err)
{
	struct buf text = BUF_INIT(MAX_RECORD);
	buf_add_char(&text, '{');
#define X(name)                                                  \
	if (*g->name) {                                          \
		json_add_member(&text, #name, span_of(g->name)); \
	}
	GRANT_PARAMETERS(X)
	GRANT_OWN(X)
#undef X
	buf_add_char(&text, '}');
	struct arena *arena = arena_create();
	int rc = text.overflow ? err_set(err, ERR_LIMIT, "the authorization request is too long")
			       : store_ticket_put(l->config.store, kind(l, station, arena), secret,
					 buf_cstr(&text),
					 clock_now_ms(l->config.clock) + lifetime_ms, err);
	arena_destroy(arena);
	buf_fini(&text);
	return rc;
}

bool grant_find(struct login *l, const char *station, const char *secret, struct arena *arena,
	struct grant *out)
{
	const char *text =
		store_ticket_get(l->config.store, kind(l, station, arena), secret, arena);
	cJSON *tree = text ? json_parse(span_of(text), NULL) : NULL;
	if (!tree) {
		return false;
	}
	const char *value;
#define X(name)                        \
	value = json_str(tree, #name); \
	out->name = arena_strdup(arena, value ? value : "");
	GRANT_PARAMETERS(X)
	GRANT_OWN(X)
#undef X
	cJSON_Delete(tree);
	return true;
}

bool grant_drop(struct login *l, const char *station, const char *secret)
{
	struct arena *arena = arena_create();
	bool dropped = store_ticket_delete(l->config.store, kind(l, station, arena), secret);
	arena_destroy(arena);
	return dropped;
}
