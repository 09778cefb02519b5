#include "emulator/model/model.h"

#include <stdio.h>
#include <stdlib.h>

#include "emulator/model/builder.h"
#include "proxy/base/alloc.h"

void *build_grow(struct builder *b, void *list, size_t n, size_t size)
{
	/* Doubles at each power of two; the old block stays with the arena. */
	if (n && (n & (n - 1))) {
		return list;
	}
	void *more = arena_alloc(b->arena, (n ? 2 * n : 1) * size);
	if (n) {
		memcpy(more, list, n * size);
	}
	return more;
}

void build_note(struct builder *b, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	struct model *m = b->m;
	for (size_t i = 0; i < m->n_notes; i++) {
		if (strcmp(m->notes[i].text, text) == 0) {
			return;
		}
	}
	m->notes = build_grow(b, m->notes, m->n_notes, sizeof *m->notes);
	m->notes[m->n_notes++].text = arena_strdup(b->arena, text);
}

const char *build_ref(struct builder *b, struct template_resource *r)
{
	struct scope s = scope_root(r->stack, r, "Ref", b->err);
	AUTO_FREE char *text = NULL;
	return physical_ref(&s, r, &text) ? NULL : arena_strdup(b->arena, text);
}

const char *build_attribute(struct builder *b, struct template_resource *r, const char *attribute)
{
	struct scope s = scope_root(r->stack, r, attribute, b->err);
	AUTO_FREE char *text = NULL;
	return physical_attribute(&s, r, attribute, &text) ? NULL : arena_strdup(b->arena, text);
}

/* "name", "name:qualifier", "ACCOUNT:function:name", an ARN; all with or without a qualifier
 * (reference lambda 5.2). */
static bool names_function(const struct model *m, const struct model_function *f, const char *text)
{
	struct span s = span_of(text);
	struct span account = span_of(m->account);
	if (span_starts(s, account) &&
		span_starts(span_n(s.ptr + account.len, s.len - account.len), SPAN(":function:"))) {
		s = span_n(s.ptr + account.len + 10, s.len - account.len - 10);
	}
	struct span whole = span_of(span_starts(s, SPAN("arn:")) ? f->arn : f->name);
	return span_starts(s, whole) && (s.len == whole.len || s.ptr[whole.len] == ':');
}

static struct model_function *find_function(const struct model *m, const char *text)
{
	for (size_t i = 0; i < m->n_functions; i++) {
		if (names_function(m, &m->functions[i], text)) {
			return &m->functions[i];
		}
	}
	return NULL;
}

struct model_function *build_find_function(const struct builder *b, const char *text)
{
	return find_function(b->m, text);
}

const struct model_function *model_function(const struct model *m, const char *name)
{
	const struct model_function *found = find_function(m, name);
	size_t n = found ? 1 : 0;
	for (size_t i = 0; i < m->n_functions && !found; i++) {
		n += strcmp(m->functions[i].shown_handler, name) == 0;
	}
	for (size_t i = 0; i < m->n_functions && n == 1 && !found; i++) {
		if (strcmp(m->functions[i].shown_handler, name) == 0) {
			found = &m->functions[i];
		}
	}
	return found;
}

const struct model_role *model_role(const struct model *m, const char *arn)
{
	for (size_t i = 0; i < m->n_roles; i++) {
		if (strcmp(m->roles[i].arn, arn) == 0) {
			return &m->roles[i];
		}
	}
	return NULL;
}

const struct model_pool *model_pool(const struct model *m, const char *id)
{
	for (size_t i = 0; i < m->n_pools; i++) {
		if (strcmp(m->pools[i].id, id) == 0) {
			return &m->pools[i];
		}
	}
	return NULL;
}

const struct model_oidc_provider *model_oidc(const struct model *m, const char *host)
{
	for (size_t i = 0; i < m->n_oidc; i++) {
		if (strcmp(m->oidc[i].host, host) == 0) {
			return &m->oidc[i];
		}
	}
	return NULL;
}

/* One note per type that is not emulated: a list of each resource would bury what matters. */
static void note_types(struct builder *b)
{
	TEMPLATE_FOR(r, &b->set, NULL)
	{
		if (physical_role(r->type) != PHYSICAL_OTHER ||
			template_next(&b->set, NULL, r->type) != r) {
			continue;
		}
		size_t more = 0;
		for (struct template_resource *o = template_next(&b->set, r, r->type); o;
			o = template_next(&b->set, o, r->type)) {
			more++;
		}
		if (more) {
			build_note(b, "%s '%s' and %zu more are not emulated", r->type,
				r->logical_id, more);
		} else {
			build_note(b, "%s '%s' is not emulated", r->type, r->logical_id);
		}
	}
}

static void name_stacks(struct builder *b)
{
	struct model_strings *stacks = &b->m->stacks;
	stacks->at = arena_alloc(b->arena, (b->set.n_stacks + 1) * sizeof *stacks->at);
	for (size_t i = 0; i < b->set.n_stacks; i++) {
		stacks->at[stacks->n++] = b->set.stacks[i].name;
	}
}

static int build(struct builder *b, const struct model_input *in)
{
	int rc = template_load(&b->set, b->arena, in, b->err);
	if (rc == 0) {
		rc = build_functions(b);
	}
	if (rc == 0) {
		rc = build_iam(b);
	}
	if (rc == 0) {
		rc = build_cognito(b);
	}
	if (rc == 0) {
		rc = build_apis(b);
	}
	if (rc == 0) {
		name_stacks(b);
		note_types(b);
		b->m->outputs = b->set.outputs;
		b->m->n_outputs = b->set.n_outputs;
	}
	return rc;
}

struct model *model_build(const struct model_input *in, struct err *err)
{
	struct arena *a = arena_create();
	struct model *m = arena_alloc(a, sizeof *m);
	m->arena = a;
	m->app = arena_strdup(a, in->app);
	m->stage = arena_strdup(a, in->stage);
	m->region = arena_strdup(a, in->region);
	m->account = arena_strdup(a, in->account);
	struct err local = ERR_INIT;
	struct builder b = { .m = m, .arena = a, .err = err ? err : &local };
	if (build(&b, in)) {
		model_destroy(m);
		return NULL;
	}
	return m;
}

void model_destroy(struct model *m)
{
	if (m) {
		arena_destroy(m->arena);
	}
}
