/* The $context and $stageVariables of one request (reference api-gateway.md section 10): for access logs,
 * identity sources of Lambda authorizers and parameter mappings. Pure. */
#pragma once

#include "emulator/gateway/event.h"

struct context {
	const struct event_input *event;
	/* What is known once there is an answer; 0 and "" before. */
	int status;
	size_t response_length;
	double response_latency_ms, integration_latency_ms;
	int integration_status; /* what the function or backend answered */
	int endpoint_status; /* what Lambda's API answered: 200 also on a function error */
	const char *integration_error, *integration_request_id;
	const char *integration_request_id2; /* x-amz-id-2 of an HTTP backend */
	struct span error_message; /* of an error that the gateway made */
	const char *refused_by; /* the check that made it: "signature", "timeout" ... */
};

/* The value of a variable, named without "$context."; ptr NULL if it is unset or unknown. Lives in the
 * request's arena. */
struct span context_value(const struct context *c, struct span name);
/* The same for "$context.NAME" or "$stageVariables.NAME". */
struct span context_resolve(const struct context *c, struct span expression);
