#include "emulator/login/discovery.h"

#include "proxy/base/alloc.h"
#include "proxy/base/json.h"

/* In Auth0's order. */
static const struct {
	const char *name, *path;
} ENDPOINTS[] = {
	{ "authorization_endpoint", "/authorize" },
	{ "token_endpoint", "/oauth/token" },
	{ "userinfo_endpoint", "/userinfo" },
	{ "jwks_uri", "/.well-known/jwks.json" },
	{ "revocation_endpoint", "/oauth/revoke" },
	{ "end_session_endpoint", "/oidc/logout" },
};

static const char REST[] =
	"\"scopes_supported\":[\"openid\",\"profile\",\"offline_access\",\"name\",\"nickname\","
	"\"email\",\"email_verified\",\"picture\"],"
	"\"response_types_supported\":[\"code\",\"token\",\"id_token\",\"code token\","
	"\"code id_token\",\"token id_token\",\"code token id_token\"],"
	"\"code_challenge_methods_supported\":[\"S256\",\"plain\"],"
	"\"response_modes_supported\":[\"query\",\"fragment\",\"form_post\"],"
	"\"subject_types_supported\":[\"public\"],"
	"\"id_token_signing_alg_values_supported\":[\"RS256\"],"
	"\"token_endpoint_auth_methods_supported\":[\"client_secret_basic\",\"client_secret_post\","
	"\"none\"],"
	"\"claims_supported\":[\"aud\",\"auth_time\",\"email\",\"email_verified\",\"exp\",\"iat\","
	"\"iss\",\"name\",\"nickname\",\"picture\",\"sub\"],"
	"\"request_uri_parameter_supported\":false,\"request_parameter_supported\":false}";

void discovery_document(struct visit *v)
{
	struct buf body = BUF_INIT(1 << 14);
	buf_add_char(&body, '{');
	/* The issuer that tokens name, at the address where it answers. */
	json_add_member(&body, "issuer", span_of(v->l->iss));
	for (size_t i = 0; i < COUNT_OF(ENDPOINTS); i++) {
		json_add_member(&body, ENDPOINTS[i].name,
			span_of(arena_printf(v->arena, "%s%s", v->base, ENDPOINTS[i].path)));
	}
	buf_add_char(&body, ',');
	buf_add_str(&body, REST);
	visit_json(v, 200, buf_span(&body));
	buf_fini(&body);
}
