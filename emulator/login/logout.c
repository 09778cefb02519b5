#include "emulator/login/logout.h"

#include "emulator/login/callback.h"
#include "emulator/login/session.h"
#include "proxy/base/encode.h"

static void end_session(struct visit *v)
{
	const char *email;
	if (session_end(v, &email)) {
		const char *client = form_get(&v->query, "client_id");
		visit_event(v->l, LOGIN_SIGNED_OUT, email, client ? client : "", "logout");
	}
}

/* An open redirect is a gift to phishers, here as anywhere. */
static bool check_target(struct visit *v, const char *target, const char *text)
{
	if (callback_allowed(&v->l->config, target)) {
		return true;
	}
	visit_error_page(v, 400, "Logout URL not allowed", text,
		"targets on http://localhost are always allowed, others with --allow-callback");
	return false;
}

void logout_v2(struct visit *v)
{
	const char *target = form_get(&v->query, "returnTo");
	if (target && !check_target(v, target,
			      arena_printf(v->arena,
				      "The \"returnTo\" querystring parameter \"%.500s\" is not "
				      "defined as a "
				      "valid URL in \"Allowed Logout URLs\".",
				      target))) {
		return;
	}
	end_session(v);
	if (target) {
		visit_redirect(v, target);
	} else {
		visit_text(v, 200, "OK");
	}
}

void logout_oidc(struct visit *v)
{
	const char *target = form_get(&v->query, "post_logout_redirect_uri");
	const char *state = form_get(&v->query, "state");
	if (target &&
		!check_target(v, target,
			arena_printf(v->arena,
				"invalid_request: The \"post_logout_redirect_uri\" querystring "
				"parameter \"%.500s\" is not defined as a valid URL in \"Allowed "
				"Logout "
				"URLs\".",
				target))) {
		return;
	}
	end_session(v);
	if (!target) {
		visit_text(v, 200, "OK");
		return;
	}
	struct buf location = BUF_INIT(1 << 14);
	buf_add_str(&location, target);
	if (state) {
		buf_add_str(&location, strchr(target, '?') ? "&state=" : "?state=");
		percent_encode(&location, span_of(state), "");
	}
	visit_redirect(v, buf_cstr(&location));
	buf_fini(&location);
}
