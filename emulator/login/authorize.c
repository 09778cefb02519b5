#include "emulator/login/authorize.h"

#include <stdlib.h>

#include "emulator/login/answer.h"
#include "emulator/login/callback.h"
#include "emulator/login/session.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"

#define TRANSACTION_LIFETIME_MS (3600 * INT64_C(1000))
#define TRANSACTION_LEN 43
#define MAX_PARAMETER 4096

/* --- what must not redirect ------------------------------------------------------------------ */

static bool has_repeats(const struct form *form)
{
	for (size_t i = 0; i < form->n; i++) {
		for (size_t j = i + 1; j < form->n; j++) {
			if (strcmp(form->fields[i].name, form->fields[j].name) == 0) {
				return true;
			}
		}
	}
	return false;
}

static bool too_long(const struct form *form)
{
	for (size_t i = 0; i < form->n; i++) {
		if (strlen(form->fields[i].value) > MAX_PARAMETER) {
			return true;
		}
	}
	return false;
}

/* Client and redirect_uri first: until they are known to be good nobody is sent anywhere. */
static bool check_client(struct visit *v, const struct grant *g)
{
	if (!*g->client_id) {
		visit_error_page(
			v, 400, "Invalid request", "Missing required parameter: client_id", NULL);
		return false;
	}
	if (!visit_knows_client(v->l, g->client_id)) {
		/* Status and text (unconfirmed). */
		visit_error_page(v, 403, "Unknown client",
			arena_printf(v->arena, "Unknown client: %.200s", g->client_id),
			"the app declares other client ids for this provider");
		return false;
	}
	if (!*g->redirect_uri) {
		visit_error_page(v, 400, "Invalid request",
			"Missing required parameter: redirect_uri", NULL);
		return false;
	}
	if (!callback_allowed(&v->l->config, g->redirect_uri)) {
		visit_error_page(v, 403, "Oops, something went wrong",
			"Callback URL mismatch. The provided redirect_uri is not in the list of "
			"allowed "
			"callback URLs.",
			arena_printf(v->arena,
				"callbacks on http://localhost are always allowed, others with "
				"--allow-callback '%.500s'",
				g->redirect_uri));
		return false;
	}
	return true;
}

/* --- what is told to the client -------------------------------------------------------------- */

static bool is_response_type(const char *type)
{
	struct span rest = span_of(type);
	size_t n = 0;
	while (rest.ptr) {
		struct span word = span_cut(&rest, ' ');
		if (!span_is(word, "code") && !span_is(word, "token") &&
			!span_is(word, "id_token")) {
			return false;
		}
		n++;
	}
	return n > 0 && n <= 3;
}

static bool is_verifier_text(const char *s)
{
	size_t n = strlen(s);
	return n >= 43 && n <= 128 && strspn(s, ID_URLSAFE ".~") == n;
}

static bool refuse(struct visit *v, const struct grant *g, const char *error, const char *text)
{
	answer_error(v, g, error, text);
	return false;
}

static bool check_challenge(struct visit *v, struct grant *g)
{
	if (!*g->code_challenge) {
		return !*g->code_challenge_method ||
		       refuse(v, g, "invalid_request",
			       "Missing required parameter: code_challenge");
	}
	/* RFC 7636 section 4.3: plain when not said. */
	if (!*g->code_challenge_method) {
		g->code_challenge_method = "plain";
	}
	if (strcmp(g->code_challenge_method, "S256") != 0 &&
		strcmp(g->code_challenge_method, "plain") != 0) {
		return refuse(v, g, "invalid_request",
			"Parameter code_challenge_method must be S256 or plain");
	}
	return is_verifier_text(g->code_challenge) ||
	       refuse(v, g, "invalid_request", "Parameter code_challenge is invalid");
}

static bool check_request(struct visit *v, struct grant *g)
{
	if (!*g->response_type) {
		return refuse(v, g, "invalid_request", "Missing required parameter: response_type");
	}
	if (!is_response_type(g->response_type)) {
		return refuse(v, g, "unsupported_response_type",
			arena_printf(
				v->arena, "Unsupported response type: %.100s", g->response_type));
	}
	if (!answer_mode(g)) {
		const char *mode = g->response_mode;
		g->response_mode = "";
		return refuse(v, g, "invalid_request",
			arena_printf(v->arena, "Unsupported response mode: %.100s", mode));
	}
	if (*g->audience && !visit_knows_audience(v->l, g->audience)) {
		return refuse(v, g, "access_denied",
			arena_printf(v->arena, "Service not found: %.500s", g->audience));
	}
	/* OpenID Connect Core 3.2.2.1. */
	if (grant_has_scope(g->response_type, "id_token") && !*g->nonce) {
		return refuse(v, g, "invalid_request", "Missing required parameter: nonce");
	}
	uint64_t age;
	if (*g->max_age && !span_u64(span_of(g->max_age), INT32_MAX, &age)) {
		return refuse(v, g, "invalid_request", "Parameter max_age must be a number");
	}
	return check_challenge(v, g);
}

/* --- who is it? ------------------------------------------------------------------------------ */

static bool is_fresh(struct visit *v, const struct grant *g)
{
	if (!*g->max_age) {
		return true;
	}
	int64_t since = clock_now_ms(v->l->config.clock) / 1000 - strtoll(g->auth_time, NULL, 10);
	return since <= strtoll(g->max_age, NULL, 10);
}

static void show_login(struct visit *v, struct grant *g)
{
	g->sub = g->sid = g->auth_time = "";
	g->browser = session_browser(v);
	char state[TRANSACTION_LEN + 1];
	id_random(state, TRANSACTION_LEN, ID_URLSAFE);
	struct err err = ERR_INIT;
	if (grant_keep(v->l, GRANT_TRANSACTION, state, g, TRANSACTION_LIFETIME_MS, &err)) {
		answer_error(v, g, "server_error", err.msg);
		return;
	}
	visit_redirect(v, arena_printf(v->arena, "/u/login?state=%s", state));
}

void authorize_start(struct visit *v)
{
	struct form form = v->query;
	if (span_is(v->r->method, "POST") && !visit_read_body(v, &form)) {
		visit_error_page(v, 400, "Invalid request", "The request is no form.", NULL);
		return;
	}
	if (has_repeats(&form) || too_long(&form)) {
		visit_error_page(v, 400, "Invalid request",
			"A parameter is repeated, or longer than 4096 bytes.", NULL);
		return;
	}
	struct grant g;
	grant_read_parameters(&g, &form);
	if (!check_client(v, &g) || !check_request(v, &g)) {
		return;
	}
	const char *prompt = form_get(&form, "prompt");
	prompt = prompt ? prompt : "";
	bool silent = grant_has_scope(prompt, "none");
	if (silent && strcmp(prompt, "none") != 0) {
		answer_error(v, &g, "invalid_request", "Parameter prompt: none stands alone");
		return;
	}
	bool known = session_find(v, &g) && is_fresh(v, &g);
	bool ask = grant_has_scope(prompt, "login") || grant_has_scope(prompt, "select_account");
	if (known && !ask) {
		answer_success(v, &g);
	} else if (silent) {
		answer_error(v, &g, "login_required", "Login required");
	} else {
		show_login(v, &g);
	}
}

void authorize_resume(struct visit *v)
{
	const char *state = form_get(&v->query, "state");
	struct grant g;
	if (!state || !grant_find(v->l, GRANT_TRANSACTION, state, v->arena, &g) ||
		!session_is_browser(v, g.browser)) {
		visit_error_page(v, 400, "Login expired",
			"This login was not started in this browser, or it has expired. Go back to "
			"the "
			"application and try again.",
			NULL);
		return;
	}
	if (!*g.sub) {
		visit_redirect(v, arena_printf(v->arena, "/u/login?state=%s", state));
		return;
	}
	grant_drop(v->l, GRANT_TRANSACTION, state);
	answer_success(v, &g);
}
