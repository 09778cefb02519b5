#include "proxy/base/form.h"

#include "proxy/base/encode.h"

static const char *decode(struct span text, struct arena *arena)
{
	struct buf raw = BUF_INIT(text.len + 1);
	bool good = percent_decode(&raw, text, true);
	good = good && span_find(buf_span(&raw), '\0') < 0 && utf8_valid(buf_span(&raw));
	const char *value = good ? arena_strndup(arena, raw.ptr ? raw.ptr : "", raw.len) : NULL;
	buf_fini(&raw);
	return value;
}

bool form_parse(struct form *out, struct span text, struct arena *arena)
{
	*out = (struct form){ arena_alloc(arena, FORM_MAX_FIELDS * sizeof *out->fields), 0 };
	struct span rest = text;
	while (rest.ptr) {
		struct span value = span_cut(&rest, '&');
		if (value.len == 0) {
			continue;
		}
		struct span name = span_cut(&value, '=');
		struct form_field field = { decode(name, arena), decode(value, arena) };
		if (!field.name || !field.value || out->n == FORM_MAX_FIELDS) {
			out->n = 0;
			return false;
		}
		out->fields[out->n++] = field;
	}
	return true;
}

const char *form_get(const struct form *form, const char *name)
{
	for (size_t i = 0; i < form->n; i++) {
		if (strcmp(form->fields[i].name, name) == 0) {
			return form->fields[i].value;
		}
	}
	return NULL;
}
