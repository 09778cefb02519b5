/* The answer to an authorization request, brought to the client's redirect_uri by its
 * response_mode: query, fragment, form_post or web_message (identity-and-auth.md 7.2). */
#pragma once

#include "emulator/login/grant.h"

/* The mode asked for, or the default of the response_type; NULL for one that does not exist or
 * would put tokens into a query. */
const char *answer_mode(const struct grant *g);
/* Issues what response_type asks for, for g's user, and sends the browser back with it. */
void answer_success(struct visit *v, struct grant *g);
/* Sends the browser back with an error. The redirect_uri must have been checked. */
void answer_error(
	struct visit *v, const struct grant *g, const char *error, const char *description);
