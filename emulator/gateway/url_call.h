/* One request to a function URL, from its arrival to its answer. */
#pragma once

#include "emulator/gateway/function_url.h"
#include "emulator/gateway/listeners.h"

/* The body of a 413; lambda.md 5.3 has it for Invoke, for function URLs it is unconfirmed. */
#define URL_TOO_LARGE                                                                            \
	SPAN("{\"message\":\"Request must be smaller than 6291456 bytes for the InvokeFunction " \
	     "operation\"}")

/* One function URL and what its calls share. Owned by function_urls. */
struct url_listener {
	struct listener base;
	const struct function_urls_config *config;
	struct buf *event, *body;
	const struct model *model; /* NULL until the first */
	const struct model_function
		*function; /* in the current model; NULL if it has none of this id */
};

/* Takes the request on; the answer is given to x in its own time. */
void url_call_begin(struct url_listener *l, struct http_exchange *x);
