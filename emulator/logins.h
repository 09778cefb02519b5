/* The login providers of an app: a local stand-in for each issuer that it names, on a listener of its own. */
#pragma once

#include "emulator/auth/auth.h"
#include "emulator/emulator.h"
#include "emulator/outputs.h"

struct logins;

struct logins_config {
	const struct emulator_config *emulator;
	struct store *store;
	struct auth *auth; /* is told of each stand-in's keys */
	const char *app; /* shown on the login page */
	unsigned (*take_port)(void *ctx);
	void *ctx;
};

struct logins *logins_create(const struct logins_config *config);
/* Opens stand-ins for issuers that are new in this model and tells the others what has changed. One that the
 * app no longer names stays open: somebody may be in the middle of a login. Nothing under --login remote. */
int logins_open(struct logins *l, const struct model *m, struct err *err) MUST_CHECK;
/* Their addresses, at most n; returns how many. */
size_t logins_list(const struct logins *l, struct outputs_login *out, size_t n);
/* Logs a user in without a browser; issuer "" = the only one. Appends the token endpoint's answer. */
int logins_issue_tokens(struct logins *l, const char *issuer, const char *user,
	const char *client_id, const char *scope, const char *audience, struct buf *out,
	struct err *err) MUST_CHECK;
/* Closes the listeners and frees; then done, never before this returned. */
void logins_close(struct logins *l, void (*done)(void *ctx), void *ctx);
