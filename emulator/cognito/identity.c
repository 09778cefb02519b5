#include "emulator/cognito/identity.h"

#include "emulator/cognito/logins.h"

#define LOGINS_DONT_MATCH                                                                   \
	"Logins don't match. Please include at least one valid login for this identity or " \
	"identity pool."
#define MAX_REPLY (1 << 20)

static const struct model_pool *require_pool(struct call *call, const char *id)
{
	const struct model_pool *pool = call_pool(call, id);
	if (!pool) {
		call_fail(call, "ResourceNotFoundException", "IdentityPool '%s' not found.", id);
	}
	return pool;
}

static bool require_guests_allowed(struct call *call, const struct model_pool *pool)
{
	if (!pool->allow_unauthenticated) {
		call_fail(call, "NotAuthorizedException",
			"Unauthenticated access is not supported for this identity pool.");
	}
	return pool->allow_unauthenticated;
}

static bool has_provider(struct call *call, const char *id, const char *provider)
{
	struct store_login *logins;
	size_t n = store_identity_logins(call->c->config.store, id, call->arena, &logins);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(logins[i].provider, provider) == 0) {
			return true;
		}
	}
	return false;
}

/* Who owns the call's logins already. */
struct owners {
	const char *of[CALL_MAX_LOGINS]; /* NULL = nobody */
	const char *common; /* NULL if there is none */
	bool differ;
	bool include_requested;
};

static struct owners find_owners(struct call *call, const char *requested)
{
	struct owners o = { .common = NULL };
	for (size_t i = 0; i < call->n_logins; i++) {
		const struct call_login *login = &call->logins[i];
		const char *owner = store_login_owner(call->c->config.store, call->pool_id,
			login->provider, login->subject, call->arena);
		o.of[i] = owner;
		if (!owner) {
			continue;
		}
		o.differ = o.differ || (o.common && strcmp(o.common, owner) != 0);
		o.common = owner;
		o.include_requested =
			o.include_requested || (requested && strcmp(owner, requested) == 0);
	}
	return o;
}

/* Links the logins that nobody owns. False if the call has failed. */
static bool link_free_logins(struct call *call, const struct owners *o, const char *id)
{
	struct err err = ERR_INIT;
	for (size_t i = 0; i < call->n_logins; i++) {
		const struct call_login *login = &call->logins[i];
		if (o->of[i]) {
			continue;
		}
		if (has_provider(call, id, login->provider)) {
			/* Text (unconfirmed). */
			call_fail(call, "ResourceConflictException",
				"A login of '%s' is already linked to this identity.",
				login->provider);
			return false;
		}
		if (store_login_link(
			    call->c->config.store, id, login->provider, login->subject, &err)) {
			call_broken(call, &err);
			return false;
		}
	}
	return true;
}

static void fail_differ(struct call *call)
{
	/* The service merges such identities; here one login is never given another's identity
	 * unasked. Text (unconfirmed). */
	call_fail(call, "ResourceConflictException",
		"Logins are already linked to different identities.");
}

static void reply_id(struct call *call, const char *id)
{
	struct buf body = BUF_INIT(MAX_REPLY);
	buf_add_char(&body, '{');
	json_add_member(&body, "IdentityId", span_of(id));
	buf_add_char(&body, '}');
	call_reply(call, &body);
}

static void get_id_for_logins(struct call *call)
{
	struct err err = ERR_INIT;
	struct owners o = find_owners(call, NULL);
	if (o.differ) {
		fail_differ(call);
		return;
	}
	const char *id = o.common;
	if (!id) {
		const struct call_login *first = &call->logins[0];
		if (store_identity_for_login(call->c->config.store, call->pool_id, first->provider,
			    first->subject, call->arena, &id, &err)) {
			call_broken(call, &err);
			return;
		}
		o.of[0] = id;
	}
	if (link_free_logins(call, &o, id)) {
		reply_id(call, id);
	}
}

static void on_get_id_logins(struct call *call)
{
	const struct model_pool *pool = require_pool(call, call->pool_id);
	if (!pool) {
		return;
	}
	if (call->n_logins) {
		get_id_for_logins(call);
		return;
	}
	if (!require_guests_allowed(call, pool)) {
		return;
	}
	struct err err = ERR_INIT;
	const char *id = NULL;
	if (store_identity_guest(call->c->config.store, pool->id, call->arena, &id, &err)) {
		call_broken(call, &err);
		return;
	}
	reply_id(call, id);
}

void identity_get_id(struct call *call)
{
	const char *pool_id = call_id(call, "IdentityPoolId");
	const struct model_pool *pool = pool_id ? require_pool(call, pool_id) : NULL;
	if (pool) {
		logins_verify(call, pool, on_get_id_logins);
	}
}

/* --- an identity and its logins ------------------------------------------------------------ */

static bool find_identity(struct call *call, const char *id)
{
	if (!store_identity_get(call->c->config.store, id, call->arena, &call->identity)) {
		call_fail(call, "ResourceNotFoundException", "Identity '%s' not found.", id);
		return false;
	}
	return true;
}

static bool settle_guest(struct call *call)
{
	const struct model_pool *pool = require_pool(call, call->pool_id);
	if (!pool) {
		return false;
	}
	if (call->identity.authenticated || call->identity.disabled) {
		call_fail(call, "NotAuthorizedException", LOGINS_DONT_MATCH);
		return false;
	}
	return require_guests_allowed(call, pool);
}

/* A guest whose login has an identity of its own becomes that identity, and its guest id ends. */
static bool settle_logins(struct call *call)
{
	const char *requested = call->identity.id;
	struct owners o = find_owners(call, requested);
	bool is_guest = !call->identity.authenticated;
	if (!is_guest && !o.include_requested) {
		call_fail(call, "NotAuthorizedException", LOGINS_DONT_MATCH);
		return false;
	}
	if (o.differ) {
		fail_differ(call);
		return false;
	}
	if (!o.common && call->identity.disabled) {
		call_fail(call, "NotAuthorizedException", LOGINS_DONT_MATCH);
		return false;
	}
	const char *id = o.common ? o.common : requested;
	if (!link_free_logins(call, &o, id)) {
		return false;
	}
	if (strcmp(id, requested) != 0) {
		store_identity_disable(call->c->config.store, requested);
	}
	return find_identity(call, id);
}

static void on_identity_logins(struct call *call)
{
	/* Read again: a call that ran while we waited may have linked or merged it. */
	if (!find_identity(call, call->identity.id)) {
		return;
	}
	if (call->n_logins ? settle_logins(call) : settle_guest(call)) {
		call->on_identity(call);
	}
}

void identity_resolve(struct call *call, void (*then)(struct call *))
{
	const char *id = call_id(call, "IdentityId");
	if (!id || !find_identity(call, id)) {
		return;
	}
	const struct model_pool *pool = require_pool(call, call->identity.pool);
	if (pool) {
		call->on_identity = then;
		logins_verify(call, pool, on_identity_logins);
	}
}

static void on_unlink_logins(struct call *call)
{
	struct owners o = find_owners(call, call->identity.id);
	if (!o.include_requested) {
		call_fail(call, "NotAuthorizedException", LOGINS_DONT_MATCH);
		return;
	}
	JSON_FOR (item, json_array(call->body, "LoginsToRemove")) {
		if (json_value(item)) {
			store_login_unlink(
				call->c->config.store, call->identity.id, json_value(item));
		}
	}
	struct buf body = BUF_INIT(MAX_REPLY);
	call_reply(call, &body);
}

void identity_unlink(struct call *call)
{
	const char *id = call_id(call, "IdentityId");
	if (!id || !find_identity(call, id)) {
		return;
	}
	const struct model_pool *pool = require_pool(call, call->identity.pool);
	if (pool) {
		logins_verify(call, pool, on_unlink_logins);
	}
}

/* --- reading and deleting ------------------------------------------------------------------ */

/* Names only, never subjects. */
static void add_description(
	struct call *call, struct buf *out, const struct store_identity *identity)
{
	struct store_login *logins;
	size_t n = store_identity_logins(call->c->config.store, identity->id, call->arena, &logins);
	buf_add_char(out, '{');
	json_add_member(out, "IdentityId", span_of(identity->id));
	json_add_name(out, "Logins");
	buf_add_char(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i) {
			buf_add_char(out, ',');
		}
		json_add_string(out, span_of(logins[i].provider));
	}
	buf_addf(out, "],\"CreationDate\":%.3f,\"LastModifiedDate\":%.3f}",
		(double)identity->created_ms / 1000, (double)identity->modified_ms / 1000);
}

void identity_describe(struct call *call)
{
	const char *id = call_id(call, "IdentityId");
	if (!id || !find_identity(call, id)) {
		return;
	}
	struct buf body = BUF_INIT(MAX_REPLY);
	add_description(call, &body, &call->identity);
	call_reply(call, &body);
}

void identity_list(struct call *call)
{
	const char *pool_id = call_id(call, "IdentityPoolId");
	size_t max = pool_id ? call_max_results(call) : 0;
	if (!max || !require_pool(call, pool_id)) {
		return;
	}
	/* The token is the last id of the page before. One more than asked for tells if there is
	 * another page. */
	struct store_identity *page;
	size_t n = store_identities(call->c->config.store, pool_id,
		json_str(call->body, "NextToken"), max + 1, call->arena, &page);
	size_t shown = n < max ? n : max;
	bool hide = json_bool(call->body, "HideDisabled", false);
	struct buf body = BUF_INIT(MAX_REPLY);
	buf_add_char(&body, '{');
	json_add_member(&body, "IdentityPoolId", span_of(pool_id));
	json_add_name(&body, "Identities");
	buf_add_char(&body, '[');
	bool first = true;
	for (size_t i = 0; i < shown; i++) {
		if (page[i].disabled && hide) {
			continue;
		}
		if (!first) {
			buf_add_char(&body, ',');
		}
		first = false;
		add_description(call, &body, &page[i]);
	}
	buf_add_char(&body, ']');
	if (n > max) {
		json_add_member(&body, "NextToken", span_of(page[max - 1].id));
	}
	buf_add_char(&body, '}');
	call_reply(call, &body);
}

void identity_delete(struct call *call)
{
	const cJSON *ids = json_array(call->body, "IdentityIdsToDelete");
	int n = cJSON_GetArraySize(ids);
	if (n < 1 || n > 60) {
		call_fail(call, "ValidationException",
			"1 validation error detected: Value at 'identityIdsToDelete' failed to "
			"satisfy "
			"constraint: Member must have length between 1 and 60");
		return;
	}
	JSON_FOR (item, ids) {
		if (!json_value(item) ||
			!call_check_id(call, "IdentityIdsToDelete", json_value(item))) {
			if (!json_value(item)) {
				call_fail(call, "SerializationException",
					"IdentityIdsToDelete must be a list of strings");
			}
			return;
		}
	}
	JSON_FOR (item, ids) {
		/* An id that is not there any more is deleted: the service reports none for it. */
		store_identity_delete(call->c->config.store, item->valuestring);
	}
	struct buf body = BUF_INIT(MAX_REPLY);
	buf_add_str(&body, "{\"UnprocessedIdentityIds\":[]}");
	call_reply(call, &body);
}
