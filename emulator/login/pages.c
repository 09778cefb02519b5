#include "emulator/login/pages.h"

#include "emulator/login/html.h"
#include "proxy/base/encode.h"
#include "proxy/base/json.h"

/* --- the login page -------------------------------------------------------------------------- */

static const char *display_host(const struct login *l)
{
	const char *scheme = strstr(l->config.issuer, "://");
	return scheme ? scheme + 3 : l->config.issuer;
}

static void add_hidden_state(struct buf *out, const char *state)
{
	buf_add_str(out, "<input type=\"hidden\" name=\"state\" value=\"");
	markup_escape(out, state);
	buf_add_str(out, "\">");
}

/* One form per person: a click on it is the whole login. */
static void add_person(struct buf *out, const struct page_login *p, const struct store_user *user)
{
	unsigned tint = 0;
	for (const char *c = user->subject; *c; c++) {
		tint = tint * 31 + (unsigned char)*c;
	}
	buf_add_str(out, "<li><form method=\"post\" action=\"/u/login\">");
	add_hidden_state(out, p->state);
	buf_add_str(out, "<button class=\"person\" name=\"username\" value=\"");
	markup_escape(out, user->email);
	buf_addf(out, "\"><span class=\"avatar tint%u\" aria-hidden=\"true\">", tint % 6);
	html_initial(out, user->email);
	buf_add_str(out, "</span><span class=\"address\">");
	markup_escape(out, user->email);
	buf_add_str(out, "</span></button></form></li>");
}

static void add_people(struct buf *out, const struct page_login *p)
{
	if (p->n_users == 0) {
		return;
	}
	buf_add_str(out, "<ul class=\"people\" aria-label=\"Continue as\">");
	for (size_t i = 0; i < p->n_users; i++) {
		add_person(out, p, &p->users[i]);
	}
	buf_add_str(out, "</ul><p class=\"or\"><span>or</span></p>");
}

static void add_heading(struct buf *out, const struct page_login *p)
{
	const char *app = *p->app ? p->app : p->client_id;
	buf_add_str(out, "<p class=\"mark\" aria-hidden=\"true\">");
	html_initial(out, app);
	buf_add_str(out, "</p>");
	buf_add_str(out, p->signup ? "<h1>Create your account</h1>" : "<h1>Welcome</h1>");
	buf_add_str(out, p->signup ? "<p class=\"lead\">Sign up to continue to <b>"
				   : "<p class=\"lead\">Log in to continue to <b>");
	markup_escape(out, app);
	buf_add_str(out, "</b></p>");
}

static void add_form(struct buf *out, const struct page_login *p)
{
	buf_add_str(out, "<form method=\"post\" action=\"/u/login\" novalidate>");
	add_hidden_state(out, p->state);
	buf_add_str(out, "<label for=\"username\">Email address</label>"
			 "<input id=\"username\" name=\"username\" type=\"email\" "
			 "autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" "
			 "required maxlength=\"254\"");
	if (p->problem) {
		buf_add_str(out, " aria-invalid=\"true\" aria-describedby=\"problem\"");
	}
	/* With people to click on, a keyboard popping up on a phone would hide them. */
	if (p->n_users == 0 || p->problem) {
		buf_add_str(out, " autofocus");
	}
	buf_add_str(out, " value=\"");
	markup_escape(out, p->email);
	buf_add_str(out, "\">");
	if (p->problem) {
		buf_add_str(out, "<p class=\"problem\" id=\"problem\" role=\"alert\">");
		markup_escape(out, p->problem);
		buf_add_str(out, "</p>");
	}
	buf_add_str(out, "<label for=\"password\">Password <i>optional</i></label>"
			 "<input id=\"password\" name=\"password\" type=\"password\" "
			 "autocomplete=\"current-password\" maxlength=\"1000\">"
			 "<button class=\"primary\">Continue</button></form>");
}

static void add_stand_in_note(struct buf *out, const struct login *l)
{
	buf_add_str(out, "<footer><span class=\"pill\">local stand-in</span> for <b>");
	markup_escape(out, display_host(l));
	buf_add_str(out, "</b><br>Any e-mail address will do.</footer>");
}

void page_login(struct buf *out, const struct login *l, const struct page_login *p)
{
	html_begin(out, p->signup ? "Sign up" : "Log in");
	add_heading(out, p);
	add_people(out, p);
	add_form(out, p);
	html_end_card(out);
	add_stand_in_note(out, l);
	html_end(out);
}

/* --- others ---------------------------------------------------------------------------------- */

void page_error(struct buf *out, const struct login *l, const char *title, const char *text)
{
	html_begin(out, title);
	buf_add_str(out, "<p class=\"sign\" aria-hidden=\"true\">!</p><h1>");
	markup_escape(out, title);
	buf_add_str(out, "</h1><p class=\"lead\">");
	markup_escape(out, text);
	buf_add_str(out, "</p>");
	html_end_card(out);
	buf_add_str(out, "<footer><span class=\"pill\">local stand-in</span> for <b>");
	markup_escape(out, display_host(l));
	buf_add_str(out, "</b></footer>");
	html_end(out);
}

void page_index(struct buf *out, const struct login *l, const char *base)
{
	html_begin(out, "Login provider");
	buf_add_str(
		out, "<h1>Login provider</h1><p class=\"lead\">This is the local stand-in for <b>");
	markup_escape(out, display_host(l));
	buf_add_str(out, "</b>. Apps log in here while there is no network; its tokens are good on "
			 "this machine only.</p><p class=\"lead\"><a href=\"");
	markup_escape(out, base);
	buf_add_str(out, "/.well-known/openid-configuration\">Discovery document</a></p>");
	html_end_card(out);
	html_end(out);
}

void page_form_post(struct buf *out, const char *action, const struct form_field *fields, size_t n,
	const char *nonce)
{
	html_begin(out, "Returning to the application");
	buf_add_str(out, "<h1>One moment</h1><p class=\"lead\">You are being taken back to the "
			 "application.</p><form method=\"post\" action=\"");
	markup_escape(out, action);
	buf_add_str(out, "\">");
	for (size_t i = 0; i < n; i++) {
		buf_add_str(out, "<input type=\"hidden\" name=\"");
		markup_escape(out, fields[i].name);
		buf_add_str(out, "\" value=\"");
		markup_escape(out, fields[i].value);
		buf_add_str(out, "\">");
	}
	buf_addf(out,
		"<noscript><button class=\"primary\">Continue</button></noscript></form>"
		"<script nonce=\"%s\">document.forms[0].submit()</script>",
		nonce);
	html_end_card(out);
	html_end(out);
}

static void add_script_string(struct buf *out, const char *s)
{
	struct buf text = BUF_INIT(out->max);
	json_add_string(&text, span_of(s));
	/* "</script>" or "<!--" in a value would end the script early. */
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '<') {
			buf_add_str(out, "\\u003c");
		} else {
			buf_add_char(out, text.ptr[i]);
		}
	}
	buf_fini(&text);
}

void page_web_message(struct buf *out, const char *origin, const struct form_field *fields,
	size_t n, const char *nonce)
{
	buf_addf(out,
		"<!doctype html><meta charset=\"utf-8\"><title>Authorization response</title>"
		"<script nonce=\"%s\">(window.opener||window.parent).postMessage("
		"{type:\"authorization_response\",response:{",
		nonce);
	for (size_t i = 0; i < n; i++) {
		buf_add_str(out, i ? "," : "");
		add_script_string(out, fields[i].name);
		buf_add_char(out, ':');
		/* A number, as Auth0 sends it. */
		if (strcmp(fields[i].name, "expires_in") == 0) {
			buf_add_str(out, fields[i].value);
		} else {
			add_script_string(out, fields[i].value);
		}
	}
	buf_add_str(out, "}},");
	add_script_string(out, origin);
	buf_add_str(out, ")</script>");
}
