/* Who signed: SigV4 credentials looked up among static users and temporary credentials. Knows no
 * policies. */
#pragma once

#include "emulator/auth/auth.h"
#include "emulator/auth/sigv4.h"
#include "emulator/auth/users.h"

struct iam;

/* store and clock must outlive it; users is taken. */
struct iam *iam_create(struct store *store, const struct clock *clock, struct users *users);
/* NULL is fine. */
void iam_destroy(struct iam *i);

/* As auth_verify_sigv4, for the account, region and roles of model. */
bool iam_identify(struct iam *i, const struct model *model, const struct http_request *r,
	const char *service, unsigned window_s, struct arena *arena, struct auth_caller *out,
	struct sigv4_fault *fault) MUST_CHECK;
