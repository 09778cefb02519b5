#include "emulator/login/visit.h"

#include "emulator/login/pages.h"
#include "proxy/base/alloc.h"
#include "proxy/base/json.h"

#define MAX_HEADERS 12
#define MAX_BODY (1 << 16)
#define FORM_TYPE "application/x-www-form-urlencoded"

static bool is_one_of(const char *const *list, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i], what) == 0) {
			return true;
		}
	}
	return false;
}

bool visit_knows_client(const struct login *l, const char *client_id)
{
	return l->app.n_client_ids == 0 ||
	       is_one_of(l->app.client_ids, l->app.n_client_ids, client_id);
}

bool visit_knows_audience(const struct login *l, const char *audience)
{
	return is_one_of(l->app.audiences, l->app.n_audiences, audience);
}

/* --- reading --------------------------------------------------------------------------------- */

static bool read_json(struct visit *v, struct form *out)
{
	cJSON *tree = json_parse_unique(v->r->body, NULL);
	*out = (struct form){ arena_alloc(v->arena, FORM_MAX_FIELDS * sizeof *out->fields), 0 };
	bool good = cJSON_IsObject(tree);
	JSON_FOR (item, good ? tree : NULL) {
		if (json_value(item) && out->n < FORM_MAX_FIELDS) {
			out->fields[out->n++] =
				(struct form_field){ arena_strdup(v->arena, item->string),
					arena_strdup(v->arena, item->valuestring) };
		}
	}
	cJSON_Delete(tree);
	return good;
}

bool visit_read_body(struct visit *v, struct form *out)
{
	struct span type = http_header_get(v->r, "content-type");
	struct span media = span_trim(span_cut(&type, ';'));
	if (span_iis(media, "application/json")) {
		return read_json(v, out);
	}
	if (media.len && !span_iis(media, FORM_TYPE)) {
		return false;
	}
	return form_parse(out, v->r->body, v->arena);
}

const char *visit_cookie(struct visit *v, const char *name)
{
	struct span cookies = http_header_get(v->r, "cookie");
	while (cookies.ptr) {
		struct span value = span_trim(span_cut(&cookies, ';'));
		if (span_is(span_cut(&value, '='), name) && value.ptr) {
			return arena_strndup(v->arena, value.ptr, value.len);
		}
	}
	return NULL;
}

void visit_set_cookie(struct visit *v, const char *name, const char *value, int64_t max_age_s)
{
	ENSURE(v->n_cookies < COUNT_OF(v->cookies));
	/* Lax and not None, which needs https; pages on other ports of localhost are the same
	 * site. */
	v->cookies[v->n_cookies++] =
		arena_printf(v->arena, "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%lld", name,
			value, (long long)max_age_s);
}

/* --- answering ------------------------------------------------------------------------------- */

struct headers {
	struct http_header at[MAX_HEADERS];
	size_t n;
};

static void add(struct headers *h, const char *name, const char *value)
{
	ENSURE(h->n < MAX_HEADERS);
	h->at[h->n++] = (struct http_header){ span_of(name), span_of(value) };
}

static void send_reply(struct visit *v, int status, struct headers *h, struct span body)
{
	add(h, "Cache-Control", "no-store");
	add(h, "X-Content-Type-Options", "nosniff");
	if (v->cors_origin) {
		add(h, "Access-Control-Allow-Origin", v->cors_origin);
		add(h, "Vary", "Origin");
	}
	for (size_t i = 0; i < v->n_cookies; i++) {
		add(h, "Set-Cookie", v->cookies[i]);
	}
	struct http_reply reply = {
		.status = status, .headers = h->at, .n_headers = h->n, .body = body
	};
	http_reply(v->x, &reply);
}

void visit_json(struct visit *v, int status, struct span body)
{
	struct headers h = { .n = 0 };
	add(&h, "Content-Type", "application/json; charset=utf-8");
	send_reply(v, status, &h, body);
}

void visit_json_error(
	struct visit *v, int status, const char *error, const char *description, const char *hint)
{
	visit_event(v->l, LOGIN_REFUSED, "", "",
		hint ? arena_printf(v->arena, "%s: %s (%s)", error, description, hint)
		     : arena_printf(v->arena, "%s: %s", error, description));
	struct buf body = BUF_INIT(MAX_BODY);
	buf_add_char(&body, '{');
	json_add_member(&body, "error", span_of(error));
	json_add_member(&body, "error_description", span_of(description));
	buf_add_char(&body, '}');
	visit_json(v, status, buf_span(&body));
	buf_fini(&body);
}

void visit_html(struct visit *v, int status, struct span page, const char *csp, bool framed)
{
	struct headers h = { .n = 0 };
	add(&h, "Content-Type", "text/html; charset=utf-8");
	add(&h, "Content-Security-Policy", csp);
	/* Not no-referrer: then browsers post the login form with "Origin: null". */
	add(&h, "Referrer-Policy", "same-origin");
	if (!framed) {
		add(&h, "X-Frame-Options", "DENY");
	}
	send_reply(v, status, &h, page);
}

void visit_redirect(struct visit *v, const char *location)
{
	struct headers h = { .n = 0 };
	add(&h, "Location", location);
	send_reply(v, 302, &h, SPAN(""));
}

void visit_text(struct visit *v, int status, const char *text)
{
	struct headers h = { .n = 0 };
	add(&h, "Content-Type", "text/plain; charset=utf-8");
	send_reply(v, status, &h, span_of(text));
}

void visit_error_page(
	struct visit *v, int status, const char *title, const char *text, const char *hint)
{
	visit_event(v->l, LOGIN_REFUSED, "", "",
		hint ? arena_printf(v->arena, "%s (%s)", text, hint) : text);
	struct buf page = BUF_INIT(MAX_BODY);
	page_error(&page, v->l, title, text);
	visit_html(v, status, buf_span(&page), PAGE_CSP "; form-action 'none'", false);
	buf_fini(&page);
}

void visit_event(struct login *l, enum login_event_kind kind, const char *user,
	const char *client_id, const char *detail)
{
	if (l->config.on_event) {
		struct login_event event = { kind, l->config.issuer, user, client_id, detail };
		l->config.on_event(l->config.ctx, &event);
	}
}
