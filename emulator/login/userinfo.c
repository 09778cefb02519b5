#include "emulator/login/userinfo.h"

#include "emulator/login/tokens.h"
#include "proxy/base/json.h"

static const char *bearer(struct visit *v)
{
	struct span header = http_header_get(v->r, "authorization");
	if (header.ptr && span_iis(span_cut(&header, ' '), "bearer") && header.ptr) {
		struct span token = span_trim(header);
		return arena_strndup(v->arena, token.ptr, token.len);
	}
	return "";
}

void userinfo_request(struct visit *v)
{
	struct grant g;
	struct store_user user;
	if (!tokens_find_access(v->l, bearer(v), v->arena, &g)) {
		visit_event(v->l, LOGIN_REFUSED, "", "",
			"/userinfo: no access token of this provider, or it is expired or revoked");
		visit_text(v, 401, "Unauthorized");
		return;
	}
	if (!grant_has_scope(g.scope, "openid") ||
		!store_user_by_subject(
			v->l->config.store, v->l->config.issuer, g.sub, v->arena, &user)) {
		/* A token for an API alone is not meant for here. */
		if (*g.audience) {
			visit_json_error(v, 401, "unauthorized", "invalid credentials",
				"the token was asked for without the scope openid");
		} else {
			visit_json(v, 200, SPAN("{}"));
		}
		return;
	}
	struct buf body = BUF_INIT(1 << 16);
	buf_add_char(&body, '{');
	json_add_member(&body, "sub", span_of(g.sub));
	tokens_add_profile(&body, &user, g.scope);
	buf_add_char(&body, '}');
	visit_json(v, 200, buf_span(&body));
	buf_fini(&body);
}
