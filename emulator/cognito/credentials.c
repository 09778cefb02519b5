#include "emulator/cognito/credentials.h"

#include "emulator/cognito/identity.h"
#include "emulator/cognito/logins.h"
#include "emulator/cognito/roles.h"

#define MAX_REPLY (1 << 16)
#define MAX_AMR (1 << 16)

static void reply_credentials(struct call *call, const struct store_credentials *c)
{
	struct buf body = BUF_INIT(MAX_REPLY);
	buf_add_str(&body, "{\"Credentials\":{");
	json_add_member(&body, "AccessKeyId", span_of(c->access_key));
	/* A number: the JavaScript SDK takes nothing else. */
	json_add_member_int(&body, "Expiration", c->expires_ms / 1000);
	json_add_member(&body, "SecretKey", span_of(c->secret));
	json_add_member(&body, "SessionToken", span_of(c->session_token));
	buf_add_char(&body, '}');
	json_add_member(&body, "IdentityId", span_of(call->identity.id));
	buf_add_char(&body, '}');
	call_reply(call, &body);
}

static void on_identity(struct call *call)
{
	const struct model_pool *pool = call_pool(call, call->pool_id);
	if (!pool) {
		call_fail(call, "ResourceNotFoundException", "IdentityPool '%s' not found.",
			call->pool_id);
		return;
	}
	const struct model_role *role = roles_choose(call, pool);
	if (!role) {
		return;
	}
	struct buf amr = BUF_INIT(MAX_AMR);
	logins_amr(call, &amr);
	/* The service also narrows guests by a list of services; all that is emulated is on that
	 * list, so no session policy is needed. Whole seconds, as the client is told. */
	struct store_credentials c = {
		.expires_ms =
			clock_now_ms(call->c->config.clock) / 1000 * 1000 + CREDENTIALS_LIFETIME_MS,
		.role_arn = role->arn,
		.session_name = "CognitoIdentityCredentials",
		.identity_id = call->identity.id,
		.pool_id = call->pool_id,
		.amr = arena_strdup(call->arena, buf_cstr(&amr)),
		.guest = call->n_logins == 0,
		.session_policy = "",
	};
	buf_fini(&amr);
	struct err err = ERR_INIT;
	if (store_credentials_issue(call->c->config.store, &c, call->arena, &err)) {
		call_broken(call, &err);
		return;
	}
	reply_credentials(call, &c);
}

void credentials_for_identity(struct call *call)
{
	identity_resolve(call, on_identity);
}
