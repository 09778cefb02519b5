/* What the emulator answers to an agent's templates: addresses, outputs and the functions as they shall
 * run (proxy/wire/messages.h, OUTPUTS). Outputs and environment variables that hold the address which an API has in
 * the cloud hold its local one instead. */
#pragma once

#include "emulator/model/model.h"
#include "emulator/store/store.h"
#include "proxy/base/buf.h"

struct outputs_login {
	const char *issuer; /* as the app declares it, without a trailing slash */
	const char *url;
};

struct outputs_input {
	const struct model *model;
	const char *service; /* "http://localhost:4510" */
	const struct outputs_login *logins;
	size_t n_logins;
	struct store *store;
	const struct clock *clock;
};

/* Appends the JSON object. Issues each function's credentials: its role's, if it has one. */
int outputs_write(const struct outputs_input *in, struct buf *out, struct err *err) MUST_CHECK;
