/* What the STS operations that hand out credentials share: their parameters and their answer. */
#pragma once

#include "emulator/cognito/call.h"

struct session_request {
	const char *role_arn, *name;
	int64_t duration_ms;
};

/* Reads RoleArn, RoleSessionName and DurationSeconds; false if the call has failed. */
bool session_read(struct call *call, struct session_request *out);
/* Reads DurationSeconds alone. */
bool session_read_duration(struct call *call, int64_t max_s, int64_t otherwise_s, int64_t *out_ms);
/* The role, if the session is not longer than it allows; NULL if the call has failed. `denied`
 * is what the client is told about a role that is not there, as about one that refuses. */
const struct model_role *session_role(
	struct call *call, const struct session_request *r, const char *denied);
/* Issues *c (its role_arn and Cognito parts filled), for the duration; false if the call has
 * failed. */
bool session_issue(struct call *call, int64_t duration_ms, struct store_credentials *c);
/* Appends <Credentials>. */
void session_add_credentials(struct buf *out, const struct store_credentials *c);
/* Appends <AssumedRoleUser>. */
void session_add_user(struct call *call, struct buf *out, const struct model_role *role,
	const char *session_name);
