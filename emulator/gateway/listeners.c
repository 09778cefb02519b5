/* Closing: each server closes by itself (http_server_close) -> on_closed for each -> the last one tells. */
#include "emulator/gateway/listeners.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"

void listeners_init(
	struct listeners *s, uv_loop_t *loop, const char *host, void (*release)(struct listener *l))
{
	*s = (struct listeners){ .loop = loop, .host = host, .release = release };
	list_init(&s->all);
}

struct listener *listeners_find(const struct listeners *s, const char *key)
{
	LIST_FOR (node, &s->all) {
		struct listener *l = container_of(node, struct listener, link);
		if (strcmp(l->key, key) == 0) {
			return l;
		}
	}
	return NULL;
}

unsigned listeners_port(const struct listeners *s, const char *key)
{
	const struct listener *l = listeners_find(s, key);
	return l ? http_server_port(l->server) : 0;
}

static void release(struct listener *l)
{
	list_remove(&l->link);
	free(l->key);
	l->set->release(l);
}

int listeners_open(struct listeners *s, struct listener *l, const char *what, const char *key,
	unsigned port, const struct http_server_config *config, struct err *err)
{
	bool taken = listeners_find(s, key) != NULL;
	l->set = s;
	l->key = xstrdup(key);
	list_init(&l->link);
	l->server = taken ? NULL : http_server_open(s->loop, s->host, port, config, err);
	if (!l->server) {
		release(l);
		return taken ? err_set(err, ERR_CONFLICT, "%s '%s' already has a listener", what,
				       key)
			     : err_wrap(err, "%s '%s'", what, key);
	}
	list_push_back(&s->all, &l->link);
	s->open++;
	return 0;
}

/* One less; after the last one nothing of the set is used any more. */
static void drop(struct listeners *s)
{
	if (--s->open == 0 && s->closed) {
		s->closed(s->closed_ctx);
	}
}

static void on_closed(void *ctx)
{
	struct listener *l = ctx;
	struct listeners *s = l->set;
	release(l);
	drop(s);
}

void listeners_close(struct listeners *s, unsigned grace_ms, void (*done)(void *ctx), void *ctx)
{
	if (s->closing) {
		return;
	}
	s->closing = true;
	s->closed = done;
	s->closed_ctx = ctx;
	s->open++;
	LIST_FOR_SAFE (node, &s->all) {
		struct listener *l = container_of(node, struct listener, link);
		http_server_close(l->server, grace_ms, on_closed, l);
	}
	drop(s);
}
