/* One request to Cognito Identity or STS, from its arrival to its answer: what the operations
 * share. The call lives in its exchange's arena; after call_reply, call_fail or call_sts_fail it
 * is gone.
 *
 * Nothing of the model is kept across a wait, for the model may be swapped meanwhile: the steps
 * after a wait look things up again. */
#pragma once

#include "emulator/cognito/cognito.h"
#include "proxy/base/form.h"
#include "proxy/base/json.h"
#include "proxy/base/signing_key.h"

/* The provider's name and URL as which GetOpenIdToken signs. */
#define COGNITO_PROVIDER "cognito-identity.amazonaws.com"
#define COGNITO_ISSUER "https://" COGNITO_PROVIDER

struct cognito {
	struct cognito_config config;
	const struct model *model; /* borrowed; may be NULL */
	struct signing_key *open_id_key; /* owned; NULL until first needed */
	char open_id_kid[64];
};

/* A login that has been verified. */
struct call_login {
	const char *provider; /* Logins key */
	const char *amr; /* what stands for the user in amr: "<provider ARN>:OIDC:<sub>" */
	const char *subject;
	const cJSON *claims;
};

#define CALL_MAX_LOGINS 10

struct call {
	struct cognito *c;
	struct http_exchange *x;
	const struct http_request *r;
	struct arena *arena; /* the exchange's */
	const char *operation;
	cJSON *body; /* Cognito Identity; dies with the arena */
	struct form form; /* STS */
	struct auth_job *job; /* while a token is being verified */
	/* logins.c */
	const char *pool_id;
	const cJSON *unverified; /* the next member of Logins */
	const struct model_oidc_provider *verifying; /* in the arena */
	struct call_login logins[CALL_MAX_LOGINS];
	size_t n_logins;
	void (*on_logins)(struct call *call);
	/* identity.c: the identity asked for */
	struct store_identity identity;
	void (*on_identity)(struct call *call);
	/* STS */
	const cJSON *peeked; /* a token's claims before they are verified */
	const char *session_policy; /* Policy, or "" */
};

/* The model's pool of that id, or NULL. */
const struct model_pool *call_pool(const struct call *call, const char *id);
/* A copy in the call's arena, which no model swap touches. */
struct model_oidc_provider *call_copy_provider(
	struct call *call, const struct model_oidc_provider *p);

void call_reply(struct call *call, struct buf *body);
/* An error of Cognito Identity, told to the terminal too. */
void call_fail(struct call *call, const char *type, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same where the terminal can be told more than the client. */
void call_refuse(struct call *call, const char *type, const char *message, const char *reason);
/* Our own fault: logged, and 500. */
void call_broken(struct call *call, const struct err *err);

/* A required string member; NULL if the call has failed. `member` as on the wire ("IdentityId"). */
const char *call_string(struct call *call, const char *member);
/* As call_string for an identity or pool id: 1-55 characters of [\w-]+:[0-9a-f-]+. */
const char *call_id(struct call *call, const char *member);
/* The same check for a value already in hand. */
bool call_check_id(struct call *call, const char *member, const char *value);
/* 1 to 60; 0 if the call has failed. */
size_t call_max_results(struct call *call);
