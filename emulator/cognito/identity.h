/* Identities: which one a set of logins means, and the operations that read and delete them
 * (identity-and-auth.md 2). One login, one identity, for ever; no login ever gets another's. */
#pragma once

#include "emulator/cognito/call.h"

/* GetId. */
void identity_get_id(struct call *call);
/* For the operations that take IdentityId and Logins: finds the identity, verifies the logins,
 * links or merges as the rules say and calls `then` with call->identity being the one to answer
 * for (it may differ from the one asked for). A refusal answers the call instead. */
void identity_resolve(struct call *call, void (*then)(struct call *));
/* UnlinkIdentity, DescribeIdentity, ListIdentities, DeleteIdentities. */
void identity_unlink(struct call *call);
void identity_describe(struct call *call);
void identity_list(struct call *call);
void identity_delete(struct call *call);
