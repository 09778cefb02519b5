/* One request to the Lambda service API as it reads: which operation, of which function, with what sent
 * along (reference lambda 5.1, 5.2, 5.5). Runs nothing; what it refuses it has answered. */
#pragma once

#include "emulator/lambda/function_name.h"
#include "proxy/net/http_server.h"

#define API_MAX_SYNC 6291456
#define API_MAX_ASYNC (1024 * 1024)

enum api_operation {
	API_LIST,
	API_GET,
	API_GET_CONFIGURATION,
	API_INVOKE,
	API_INVOKE_ASYNC,
	API_INVOKE_STREAM,
	API_UNKNOWN
};

struct api_call {
	struct http_exchange *x;
	const struct http_request *r;
	enum api_operation operation;
	struct span text; /* the function as the path names it, decoded */
	const char *qualifier; /* the query's; NULL = none */
	struct function_name name; /* once api_call_find has said yes */
	struct span payload, context; /* once they were read */
};

/* Is the path one of this API's? */
bool api_call_handles(struct span path);
/* The strings live in the request's arena. */
void api_call_init(struct api_call *c, struct http_exchange *x);
/* Value of a query parameter, decoded; NULL if absent or empty. */
const char *api_call_parameter(const struct api_call *c, const char *name);
/* Fills name. An unknown function is no error here (name.function is NULL then). False: answered. */
bool api_call_find(struct api_call *c, const struct model *m);
/* The ARN in the answer about an unknown function (5.3). */
const char *api_call_missing_arn(const struct api_call *c, const struct model *m);
/* Fills payload, at most max bytes of JSON. False: answered. */
bool api_call_read_payload(struct api_call *c, size_t max);
/* Fills context from X-Amz-Client-Context. False: answered. */
bool api_call_read_context(struct api_call *c);
