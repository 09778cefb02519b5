/* Property readers of template.h. */
#include <stdio.h>
#include <stdlib.h>

#include "emulator/model/template.h"
#include "proxy/base/alloc.h"

int template_fault(const struct template_resource *r, struct err *err, const char *property,
	const char *fmt, ...)
{
	char message[320];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	return err_set(err, ERR_INVALID, "stack '%s', resource '%s' (%s)%s%s: %s", r->stack->name,
		r->logical_id, r->type, property ? ", " : "", property ? property : "", message);
}

int template_text(const struct template_resource *r, const cJSON *in, const char *name,
	const char *otherwise, const char **out, struct err *err)
{
	const cJSON *item = json_get(in, name);
	if (!item || cJSON_IsNull(item)) {
		*out = otherwise;
	} else if (cJSON_IsString(item)) {
		*out = item->valuestring;
	} else if (cJSON_IsNumber(item) || cJSON_IsBool(item)) {
		AUTO_FREE char *text = cJSON_PrintUnformatted(item);
		*out = arena_strdup(r->stack->set->arena, text);
	} else {
		return template_fault(r, err, name, "must be text");
	}
	return 0;
}

int template_number(const struct template_resource *r, const cJSON *in, const char *name,
	double otherwise, double *out, struct err *err)
{
	const cJSON *item = json_get(in, name);
	*out = otherwise;
	if (!item || cJSON_IsNull(item)) {
		return 0;
	}
	if (cJSON_IsNumber(item)) {
		*out = item->valuedouble;
		return 0;
	}
	const char *text = json_value(item);
	char *end = NULL;
	double value = text ? strtod(text, &end) : 0;
	/* strtod also reads "nan" and "0x10", which are no JSON numbers. */
	if (!text || !*text || *end || strspn(text, "0123456789.-") != strlen(text)) {
		return template_fault(r, err, name, "must be a number");
	}
	*out = value;
	return 0;
}

int template_bool(const struct template_resource *r, const cJSON *in, const char *name,
	bool otherwise, bool *out, struct err *err)
{
	const cJSON *item = json_get(in, name);
	const char *text = json_value(item);
	if (!item || cJSON_IsNull(item)) {
		*out = otherwise;
	} else if (cJSON_IsBool(item)) {
		*out = cJSON_IsTrue(item);
	} else if (text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
		*out = *text == 't';
	} else {
		return template_fault(r, err, name, "must be true or false");
	}
	return 0;
}

int template_texts(const struct template_resource *r, const cJSON *in, const char *name,
	struct model_strings *out, struct err *err)
{
	struct arena *a = r->stack->set->arena;
	const cJSON *item = json_get(in, name);
	*out = (struct model_strings){ NULL, 0 };
	if (!item || cJSON_IsNull(item)) {
		return 0;
	}
	if (cJSON_IsString(item)) {
		out->at = arena_alloc(a, sizeof *out->at);
		out->at[out->n++] = item->valuestring;
		return 0;
	}
	if (!cJSON_IsArray(item)) {
		return template_fault(r, err, name, "must be a list of text");
	}
	out->at = arena_alloc(a, ((size_t)cJSON_GetArraySize(item) + 1) * sizeof *out->at);
	JSON_FOR (value, item) {
		if (!cJSON_IsString(value)) {
			return template_fault(r, err, name, "must be a list of text");
		}
		out->at[out->n++] = value->valuestring;
	}
	return 0;
}
