/* jwt: a token; what its claims say, as text that must be JSON again. */
#include <stddef.h>
#include <stdint.h>

#include "emulator/auth/claims.h"
#include "emulator/auth/jwt.h"
#include "proxy/base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_claims(const cJSON *claims)
{
	static const char *audience[] = { "api" };
	const struct model_authorizer a = { .issuer = "https://x/", .audience = { audience, 1 } };
	const struct model_oidc_provider p = { .host = "x", .client_ids = { audience, 1 } };
	struct claims_fault fault;
	struct err err = ERR_INIT;
	struct arena *arena = arena_create();
	(void)!claims_fit_authorizer(claims, &a, 1700000000, &fault);
	(void)!claims_fit_login(claims, &p, 1700000000, &err);
	(void)claims_scopes(claims, arena);
	struct buf text = BUF_INIT(16 * JWT_MAX);
	claims_text(claims, &text);
	ENSURE(!text.overflow);
	AUTO_JSON cJSON *again = cJSON_ParseWithLength(text.ptr, text.len);
	ENSURE(cJSON_IsObject(again));
	buf_fini(&text);
	arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jwt t;
	struct err err = ERR_INIT;
	if (jwt_decode(&t, span_n((const char *)data, size), &err) == 0) {
		AUTO_JSON cJSON *claims = jwt_claims(&t, &err);
		if (claims) {
			read_claims(claims);
		}
	}
	jwt_fini(&t);
	return 0;
}
