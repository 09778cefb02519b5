/* An intrusive, circular, doubly linked list. A node that is on no list points at itself, so
 * list_remove may be called twice. Each list's element type is named where it is declared. */
#pragma once

#include <stdbool.h>

#include "proxy/base/alloc.h"

struct list {
	struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert_before(struct list *at, struct list *node)
{
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
}

static inline void list_push_back(struct list *l, struct list *node)
{
	list_insert_before(l, node);
}

static inline void list_push_front(struct list *l, struct list *node)
{
	list_insert_before(l->next, node);
}

static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* The first node, or NULL. */
static inline struct list *list_first(const struct list *l)
{
	return list_empty(l) ? NULL : l->next;
}

#define LIST_FOR(node, l) for (struct list *node = (l)->next; node != (l); node = node->next)
/* The body may remove `node` (and only it). */
#define LIST_FOR_SAFE(node, l)                                                      \
	for (struct list *node = (l)->next, *node##_next = node->next; node != (l); \
		node = node##_next, node##_next = node->next)
