#include "emulator/gateway/cors.h"

#include "proxy/base/alloc.h"

static bool lists(const struct model_strings *list, const char *what)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->at[i], what) == 0) {
			return true;
		}
	}
	return false;
}

int cors_check(const struct model_cors *cors, struct err *err)
{
	if (cors->allow_credentials && lists(&cors->allow_origins, "*")) {
		return err_set(err, ERR_INVALID,
			"allow-credentials is not supported if 'allow-origin' is *");
	}
	return 0;
}

bool cors_is_preflight(const struct http_request *http)
{
	return span_is(http->method, "OPTIONS") && http_header_get(http, "origin").ptr &&
	       http_header_get(http, "access-control-request-method").ptr;
}

static bool origin_matches(struct span origin, const char *allowed)
{
	if (strcmp(allowed, "https://*") == 0 || strcmp(allowed, "http://*") == 0) {
		struct span scheme = span_n(allowed, strlen(allowed) - 1);
		return span_starts(origin, scheme) && origin.len > scheme.len;
	}
	return span_is(origin, allowed);
}

struct span cors_allowed_origin(const struct model_cors *cors, struct span origin)
{
	if (lists(&cors->allow_origins, "*")) {
		return SPAN("*");
	}
	for (size_t i = 0; i < cors->allow_origins.n; i++) {
		if (origin_matches(origin, cors->allow_origins.at[i])) {
			return origin;
		}
	}
	return (struct span){ NULL, 0 };
}

static bool is_cors_header(struct span name)
{
	return name.len > 15 && span_iis(span_n(name.ptr, 15), "access-control-");
}

/* Spacing of the lists is unconfirmed; browsers take any. */
static void add_list(struct reply *r, struct span name, const struct model_strings *list)
{
	if (!list->n) {
		return;
	}
	size_t len = list->n;
	for (size_t i = 0; i < list->n; i++) {
		len += strlen(list->at[i]);
	}
	struct buf text = buf_on(arena_alloc(r->arena, len + 1), len + 1);
	for (size_t i = 0; i < list->n; i++) {
		if (i) {
			buf_add_char(&text, ',');
		}
		buf_add_str(&text, list->at[i]);
	}
	reply_header(r, name, buf_span(&text));
}

static void add_preflight(struct reply *r, const struct model_cors *cors)
{
	add_list(r, SPAN("access-control-allow-methods"), &cors->allow_methods);
	add_list(r, SPAN("access-control-allow-headers"), &cors->allow_headers);
	if (cors->max_age >= 0) {
		reply_header(r, SPAN("access-control-max-age"),
			span_of(arena_printf(r->arena, "%d", cors->max_age)));
	}
}

void cors_apply(const struct model_cors *cors, const struct http_request *http, struct reply *r)
{
	reply_drop(r, is_cors_header);
	struct span origin = http_header_get(http, "origin");
	if (!origin.ptr) {
		return;
	}
	struct span allowed = cors_allowed_origin(cors, origin);
	/* When exactly the service says `vary` is unconfirmed. Wherever the answer depends on the
	 * origin, a cache needs to know. */
	if (!allowed.ptr || !span_is(allowed, "*")) {
		reply_header(r, SPAN("vary"), SPAN("origin"));
	}
	if (!allowed.ptr) {
		return;
	}
	reply_header(r, SPAN("access-control-allow-origin"), allowed);
	if (cors->allow_credentials) {
		reply_header(r, SPAN("access-control-allow-credentials"), SPAN("true"));
	}
	if (cors_is_preflight(http)) {
		add_preflight(r, cors);
	} else {
		add_list(r, SPAN("access-control-expose-headers"), &cors->expose_headers);
	}
}
