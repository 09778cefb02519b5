#include "emulator/logins.h"

#include <stdio.h>
#include <stdlib.h>

#include "emulator/login/login.h"
#include "emulator/narrate.h"
#include "emulator/service.h"
#include "proxy/base/list.h"
#include "proxy/net/timer.h"

struct provider {
	struct list link;
	struct login *login;
	char *issuer; /* without a trailing slash */
	char url[300];
};

struct logins {
	struct logins_config config;
	struct list providers; /* struct provider */
	unsigned closing_left;
	struct timer *closer;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

struct logins *logins_create(const struct logins_config *config)
{
	struct logins *all = xalloc(sizeof *all);
	all->config = *config;
	list_init(&all->providers);
	return all;
}

static struct provider *find_provider(struct logins *all, const char *issuer)
{
	LIST_FOR (node, &all->providers) {
		struct provider *p = container_of(node, struct provider, link);
		if (strcmp(p->issuer, issuer) == 0) {
			return p;
		}
	}
	return NULL;
}

static void on_login_event(void *ctx, const struct login_event *event)
{
	(void)ctx;
	if (event->kind == LOGIN_REFUSED) {
		narrate_service_refused("login", event->issuer, "refused", event->detail);
	} else {
		narrate_login(event->issuer, event->user, event->detail);
	}
}

/* What the app knows a provider for. Lists live in the arena. */
struct wanted_login {
	const char *issuer; /* without a trailing slash */
	const char **clients;
	size_t n_clients;
	const char **audiences;
	size_t n_audiences;
};

struct wanted_logins {
	struct arena *arena;
	struct wanted_login *at;
	size_t n;
};

static void add_text(struct arena *arena, const char ***list, size_t *n, const char *text)
{
	for (size_t i = 0; i < *n; i++) {
		if (strcmp((*list)[i], text) == 0) {
			return;
		}
	}
	const char **grown = arena_alloc(arena, (*n + 1) * sizeof *grown);
	if (*n) {
		memcpy(grown, *list, *n * sizeof *grown);
	}
	grown[(*n)++] = text;
	*list = grown;
}

static struct wanted_login *want_login(struct wanted_logins *w, const char *issuer)
{
	size_t len = strlen(issuer);
	len -= len && issuer[len - 1] == '/';
	for (size_t i = 0; i < w->n; i++) {
		if (span_eq(span_of(w->at[i].issuer), span_n(issuer, len))) {
			return &w->at[i];
		}
	}
	struct wanted_login *grown = arena_alloc(w->arena, (w->n + 1) * sizeof *grown);
	if (w->n) {
		memcpy(grown, w->at, w->n * sizeof *grown);
	}
	grown[w->n].issuer = arena_strndup(w->arena, issuer, len);
	w->at = grown;
	return &grown[w->n++];
}

/* The providers of identity pools, and the issuers of JWT authorizers. An audience of an authorizer is an
 * API's identifier, or the client id when ID tokens are sent: the login accepts it as both. */
static void collect_logins(struct wanted_logins *w, const struct model *m)
{
	for (size_t i = 0; i < m->n_oidc; i++) {
		struct wanted_login *l = want_login(w, m->oidc[i].url);
		for (size_t c = 0; c < m->oidc[i].client_ids.n; c++) {
			add_text(w->arena, &l->clients, &l->n_clients, m->oidc[i].client_ids.at[c]);
		}
	}
	for (size_t i = 0; i < m->n_apis; i++) {
		for (size_t j = 0; j < m->apis[i].n_authorizers; j++) {
			const struct model_authorizer *a = &m->apis[i].authorizers[j];
			struct wanted_login *l =
				a->type == MODEL_AUTH_JWT ? want_login(w, a->issuer) : NULL;
			for (size_t k = 0; l && k < a->audience.n; k++) {
				add_text(w->arena, &l->audiences, &l->n_audiences,
					a->audience.at[k]);
			}
		}
	}
}

static int open_provider(struct logins *all, const struct wanted_login *wanted,
	const struct login_app *app, struct err *err)
{
	const struct emulator_config *e = all->config.emulator;
	struct login_config config = { .loop = e->loop,
		.clock = e->clock,
		.store = all->config.store,
		.issuer = wanted->issuer,
		.allow_callbacks = e->allow_callbacks,
		.n_allow_callbacks = e->n_allow_callbacks,
		.host = e->host,
		.on_event = on_login_event,
		.ctx = all };
	struct login *login = login_create(&config, app, err);
	if (!login) {
		return err_wrap(err, "login for %s", wanted->issuer);
	}
	unsigned port = all->config.take_port(all->config.ctx);
	if (login_listen(login, e->host, port, err)) {
		int rc = err->code == ERR_BUSY ? service_explain_busy(err, port) : -(int)err->code;
		login_destroy(login);
		return rc;
	}
	auth_add_local_keys(all->config.auth, login_iss(login), login_jwks(login));
	struct provider *p = xalloc(sizeof *p);
	p->login = login;
	p->issuer = xstrdup(wanted->issuer);
	service_write_url(e->public_host, login_port(login), p->url, sizeof p->url);
	list_push_back(&all->providers, &p->link);
	return 0;
}

/* Opens what is new and tells the others what has changed. A provider that the app no longer names stays
 * open: somebody may be in the middle of a login. */
int logins_open(struct logins *all, const struct model *m, struct err *err)
{
	struct wanted_logins w = { .arena = arena_create() };
	int rc = 0;
	if (!all->config.emulator->remote_login) {
		collect_logins(&w, m);
	}
	for (size_t i = 0; i < w.n && !rc; i++) {
		struct wanted_login *l = &w.at[i];
		struct login_app app = { .name = all->config.app,
			.client_ids = l->clients,
			.n_client_ids = l->n_clients,
			.audiences = l->audiences,
			.n_audiences = l->n_audiences };
		struct provider *known = find_provider(all, l->issuer);
		if (known) {
			login_set_app(known->login, &app);
		} else {
			rc = open_provider(all, l, &app, err);
		}
	}
	arena_destroy(w.arena);
	return rc;
}

/* "https://one.example.com, https://two.example.com" */
static void list_issuers(const struct logins *all, struct buf *out)
{
	LIST_FOR (node, &all->providers) {
		const struct provider *p = container_of(node, struct provider, link);
		buf_addf(out, "%s%s", out->len ? ", " : "", p->issuer);
	}
}

/* The provider of that issuer, or the only one. */
static struct provider *choose_provider(struct logins *all, const char *issuer, struct err *err)
{
	struct provider *found = issuer[0] ? find_provider(all, issuer) : NULL;
	struct buf issuers = BUF_INIT(65536);
	list_issuers(all, &issuers);
	if (list_empty(&all->providers)) {
		err_set(err, ERR_NOT_FOUND, "the app declares no login provider");
	} else if (issuer[0] && !found) {
		err_set(err, ERR_NOT_FOUND, "the app has no login provider '%s': it has %s", issuer,
			buf_cstr(&issuers));
	} else if (!issuer[0] && all->providers.next->next != &all->providers) {
		err_set(err, ERR_INVALID,
			"the app has several login providers: name one with --provider (%s)",
			buf_cstr(&issuers));
	} else if (!issuer[0]) {
		found = container_of(all->providers.next, struct provider, link);
	}
	buf_fini(&issuers);
	return found;
}

size_t logins_list(const struct logins *all, struct outputs_login *out, size_t n)
{
	size_t used = 0;
	LIST_FOR (node, &all->providers) {
		struct provider *p = container_of(node, struct provider, link);
		if (used < n) {
			out[used++] = (struct outputs_login){ p->issuer, p->url };
		}
	}
	return used;
}

int logins_issue_tokens(struct logins *all, const char *issuer, const char *user,
	const char *client_id, const char *scope, const char *audience, struct buf *out,
	struct err *err)
{
	struct provider *p = choose_provider(all, issuer, err);
	return p ? login_issue_tokens(p->login, user, client_id, scope, audience, out, err)
		 : -(int)err->code;
}

static void on_all_closed(void *ctx)
{
	struct logins *all = ctx;
	void (*closed)(void *ctx) = all->closed;
	void *closed_ctx = all->closed_ctx;
	timer_close(all->closer);
	free(all);
	closed(closed_ctx);
}

static void on_one_closed(void *ctx)
{
	struct logins *all = ctx;
	if (--all->closing_left == 0) {
		timer_arm(all->closer, 0);
	}
}

void logins_close(struct logins *all, void (*done)(void *ctx), void *ctx)
{
	all->closed = done;
	all->closed_ctx = ctx;
	all->closer = timer_open(all->config.emulator->loop, on_all_closed, all);
	all->closing_left = 1;
	LIST_FOR_SAFE (node, &all->providers) {
		struct provider *p = container_of(node, struct provider, link);
		all->closing_left++;
		login_close(p->login, 0, on_one_closed, all);
		list_remove(&p->link);
		free(p->issuer);
		free(p);
	}
	on_one_closed(all);
}
