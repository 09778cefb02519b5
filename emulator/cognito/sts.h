/* STS: who am I, and temporary credentials for a role (identity-and-auth.md 4). */
#pragma once

#include "emulator/cognito/call.h"

/* Answers an Action= request. call->form is filled. */
void sts_request(struct call *call);
/* For an answer outside an operation: a body that is no form. */
void sts_fail(
	struct call *call, int status, const char *code, const char *message, const char *reason);
