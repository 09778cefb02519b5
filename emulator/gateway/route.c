/* The tree: a node per path prefix, with literal children in one hash table over (parent, segment), at
 * most one {param} child and one {greedy+} child. A leaf keeps one entry per method, with its own
 * parameter names, since GET /pets/{id} and POST /pets/{pet} share their nodes.
 *
 * The search goes down literal children first and remembers the best leaf so far. More literal
 * segments win, and a branch that can no longer have more is not entered: a literal path is found in
 * one descent. The worst case is bounded by the nodes of the declared routes, never by the request.
 *
 * Segments are cut at the slashes as received and decoded after that, so %2F does not separate
 * segments. (Whether the service decodes before matching is unconfirmed; this way a client cannot
 * reach a route that its path does not spell.) */
#include "emulator/gateway/route.h"

#include "emulator/gateway/route_key.h"
#include "proxy/base/alloc.h"
#include "proxy/base/arena.h"

#define NONE (-1)

struct entry {
	const struct model_route *route;
	const char **names;
	size_t n_names;
	struct entry *next;
};

struct node {
	int param, greedy; /* child nodes or NONE */
	struct entry *entries; /* one per method */
};

struct edge {
	int parent, child; /* child NONE: an empty slot */
	uint32_t hash;
	struct span segment; /* of the model */
};

struct route_table {
	struct arena *arena;
	struct node *nodes;
	int n_nodes;
	struct edge *edges;
	size_t mask;
	const struct model_route *otherwise; /* $default */
};

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at *i of a percent-encoded text, and *i moved behind it; a bad escape is literal. */
static char decoded_next(struct span s, size_t *i)
{
	char c = s.ptr[(*i)++];
	if (c != '%' || s.len - *i < 2) {
		return c;
	}
	int high = hex_value(s.ptr[*i]);
	int low = hex_value(s.ptr[*i + 1]);
	if (high < 0 || low < 0) {
		return c;
	}
	*i += 2;
	return (char)(high << 4 | low);
}

static uint32_t hash_byte(uint32_t hash, char c)
{
	return (hash ^ (unsigned char)c) * 16777619u;
}

static uint32_t hash_start(int parent)
{
	return 2166136261u ^ (uint32_t)parent * 2654435761u;
}

static uint32_t hash_literal(int parent, struct span literal)
{
	uint32_t hash = hash_start(parent);
	for (size_t i = 0; i < literal.len; i++) {
		hash = hash_byte(hash, literal.ptr[i]);
	}
	return hash;
}

static uint32_t hash_encoded(int parent, struct span segment)
{
	uint32_t hash = hash_start(parent);
	for (size_t i = 0; i < segment.len;) {
		hash = hash_byte(hash, decoded_next(segment, &i));
	}
	return hash;
}

static bool encoded_is(struct span segment, struct span literal)
{
	size_t i = 0;
	size_t n = 0;
	while (i < segment.len && n < literal.len) {
		if (decoded_next(segment, &i) != literal.ptr[n++]) {
			return false;
		}
	}
	return i == segment.len && n == literal.len;
}

static int new_node(struct route_table *t)
{
	t->nodes[t->n_nodes] = (struct node){ NONE, NONE, NULL };
	return t->n_nodes++;
}

static int literal_child(struct route_table *t, int parent, struct span segment)
{
	uint32_t hash = hash_literal(parent, segment);
	size_t at = hash & t->mask;
	while (t->edges[at].child != NONE) {
		struct edge *e = &t->edges[at];
		if (e->hash == hash && e->parent == parent && span_eq(e->segment, segment)) {
			return e->child;
		}
		at = (at + 1) & t->mask;
	}
	t->edges[at] = (struct edge){ parent, new_node(t), hash, segment };
	return t->edges[at].child;
}

static int only_child(struct route_table *t, int parent, enum route_segment kind)
{
	int child = kind == ROUTE_SEGMENT_GREEDY ? t->nodes[parent].greedy : t->nodes[parent].param;
	if (child == NONE) {
		child = new_node(t);
		*(kind == ROUTE_SEGMENT_GREEDY ? &t->nodes[parent].greedy
					       : &t->nodes[parent].param) = child;
	}
	return child;
}

static int add_entry(struct route_table *t, int node, struct entry *e, struct err *err)
{
	struct entry **at = &t->nodes[node].entries;
	for (; *at; at = &(*at)->next) {
		if (strcmp((*at)->route->key, e->route->key) == 0) {
			return err_set(
				err, ERR_CONFLICT, "route '%s' is declared twice", e->route->key);
		}
	}
	*at = e; /* behind those declared earlier: of two with one shape the first wins */
	return 0;
}

static int add_route(struct route_table *t, const struct model_route *route, struct err *err)
{
	struct span method, path;
	if (route_key_parse(span_of(route->key), &method, &path, err)) {
		return -(int)ERR_INVALID;
	}
	if (!path.len) {
		if (t->otherwise) {
			return err_set(err, ERR_CONFLICT, "route '$default' is declared twice");
		}
		t->otherwise = route;
		return 0;
	}
	struct entry *e = arena_alloc(t->arena, sizeof *e);
	e->route = route;
	e->names = arena_alloc(t->arena, ROUTE_MAX_PARAMS * sizeof *e->names);
	int node = 0;
	struct span rest = span_n(path.ptr + 1, path.len - 1);
	while (rest.ptr) {
		struct span name;
		struct span segment = span_cut(&rest, '/');
		enum route_segment kind = route_segment_kind(segment, &name);
		if (kind == ROUTE_SEGMENT_LITERAL) {
			node = literal_child(t, node, segment);
		} else {
			node = only_child(t, node, kind);
			e->names[e->n_names++] = arena_strndup(t->arena, name.ptr, name.len);
		}
	}
	return add_entry(t, node, e, err);
}

static size_t count_segments(const struct model_api *api)
{
	size_t n = 1;
	for (size_t i = 0; i < api->n_routes; i++) {
		for (const char *p = api->routes[i].key; *p; p++) {
			n += *p == '/';
		}
	}
	return n;
}

struct route_table *route_table_create(const struct model_api *api, struct err *err)
{
	struct arena *arena = arena_create();
	struct route_table *t = arena_alloc(arena, sizeof *t);
	t->arena = arena;
	size_t nodes = count_segments(api);
	t->nodes = arena_alloc(arena, nodes * sizeof *t->nodes);
	size_t slots = 8;
	while (slots < nodes * 2) {
		slots *= 2;
	}
	t->mask = slots - 1;
	t->edges = arena_alloc(arena, slots * sizeof *t->edges);
	for (size_t i = 0; i < slots; i++) {
		t->edges[i].child = NONE;
	}
	new_node(t);
	for (size_t i = 0; i < api->n_routes; i++) {
		if (add_route(t, &api->routes[i], err)) {
			err_wrap(err, "API '%s'", api->logical_id);
			route_table_destroy(t);
			return NULL;
		}
	}
	return t;
}

void route_table_destroy(struct route_table *t)
{
	if (t) {
		arena_destroy(t->arena);
	}
}

/* The best leaf of one class so far. */
struct best {
	const struct entry *entry;
	size_t literals, depth;
	struct span values[ROUTE_MAX_PARAMS];
};

struct search {
	const struct route_table *t;
	struct span method;
	struct span values[ROUTE_MAX_PARAMS];
	size_t n_values;
	struct best full, greedy;
	unsigned steps;
};

static const struct entry *entry_for(const struct node *node, struct span method)
{
	const struct entry *any = NULL;
	for (const struct entry *e = node->entries; e; e = e->next) {
		struct span own = span_of(e->route->key);
		own = span_cut(&own, ' ');
		if (span_eq(own, method)) {
			return e;
		}
		if (!any && span_is(own, "ANY")) {
			any = e;
		}
	}
	return any;
}

static void keep(
	struct search *s, struct best *best, const struct entry *e, size_t literals, size_t depth)
{
	best->entry = e;
	best->literals = literals;
	best->depth = depth;
	memcpy(best->values, s->values, s->n_values * sizeof *s->values);
}

static int find_literal(struct search *s, int parent, struct span segment)
{
	const struct route_table *t = s->t;
	uint32_t hash = hash_encoded(parent, segment);
	size_t at = hash & t->mask;
	for (; t->edges[at].child != NONE; at = (at + 1) & t->mask) {
		const struct edge *e = &t->edges[at];
		if (e->hash == hash && e->parent == parent) {
			s->steps++;
			if (encoded_is(segment, e->segment)) {
				return e->child;
			}
		}
	}
	return NONE;
}

static void try_greedy(
	struct search *s, const struct node *node, struct span rest, size_t literals, size_t depth)
{
	if (node->greedy == NONE || s->full.entry) {
		return;
	}
	struct best *g = &s->greedy;
	if (g->entry &&
		(literals < g->literals || (literals == g->literals && depth <= g->depth))) {
		return;
	}
	const struct entry *e = entry_for(&s->t->nodes[node->greedy], s->method);
	if (e) {
		s->values[s->n_values++] = rest;
		keep(s, g, e, literals, depth);
		s->n_values--;
	}
}

/* `left` is the number of segments in rest; rest.ptr is NULL when there are none. */
static void descend(
	struct search *s, int at, struct span rest, size_t left, size_t literals, size_t depth)
{
	const struct node *node = &s->t->nodes[at];
	if (s->full.entry && literals + left <= s->full.literals) {
		return;
	}
	s->steps++;
	if (!rest.ptr) {
		const struct entry *e = entry_for(node, s->method);
		if (e) {
			keep(s, &s->full, e, literals, depth);
		}
		return;
	}
	try_greedy(s, node, rest, literals, depth);
	struct span segment = span_cut(&rest, '/');
	int child = find_literal(s, at, segment);
	if (child != NONE) {
		descend(s, child, rest, left - 1, literals + 1, depth + 1);
	}
	if (node->param != NONE && segment.len) {
		s->values[s->n_values++] = segment;
		descend(s, node->param, rest, left - 1, literals, depth + 1);
		s->n_values--;
	}
}

static size_t segments_of(struct span rest)
{
	size_t n = 1;
	for (size_t i = 0; i < rest.len; i++) {
		n += rest.ptr[i] == '/';
	}
	return n;
}

bool route_match(
	const struct route_table *t, struct span method, struct span path, struct route_match *out)
{
	struct search s;
	s.t = t;
	s.method = method;
	s.n_values = 0;
	s.full.entry = s.greedy.entry = NULL;
	s.steps = 0;
	if (path.len && path.ptr[0] == '/') {
		struct span rest = span_n(path.ptr + 1, path.len - 1);
		descend(&s, 0, rest, segments_of(rest), 0, 0);
	}
	const struct best *best = s.full.entry ? &s.full : &s.greedy;
	out->steps = s.steps;
	out->n_params = 0;
	out->route = best->entry ? best->entry->route : t->otherwise;
	for (size_t i = 0; best->entry && i < best->entry->n_names; i++) {
		out->params[out->n_params++] =
			(struct route_param){ best->entry->names[i], best->values[i] };
	}
	return out->route != NULL;
}

const struct model_stage *route_stage(
	const struct model_api *api, struct span path, struct span *rest)
{
	const struct model_stage *otherwise = NULL;
	struct span tail = path.len ? span_n(path.ptr + 1, path.len - 1) : SPAN("");
	struct span first = span_cut(&tail, '/');
	*rest = path;
	for (size_t i = 0; i < api->n_stages; i++) {
		const struct model_stage *stage = &api->stages[i];
		if (strcmp(stage->name, "$default") == 0) {
			otherwise = stage;
		} else if (span_is(first, stage->name)) {
			*rest = tail.ptr ? span_n(tail.ptr - 1, tail.len + 1) : SPAN("/");
			return stage;
		}
	}
	return otherwise;
}
