/* A client that waits for its invocation: RequestResponse, answered at the end, or a response stream,
 * whose head leaves with the first piece. Client and invocation may end in either order; the job cuts the
 * other off. */
#pragma once

#include "emulator/lambda/api_call.h"
#include "emulator/lambda/lambda.h"
#include "proxy/base/list.h"

/* Invokes c->name with what was read. jobs: where those under way stand. trace is the X-Ray header to
 * pass on; tail: the client wants the end of the log. */
void invoke_job_open(struct list *jobs, struct lambda *lambda, const struct api_call *c,
	const char *trace, bool tail);
/* Answers all that still wait with an error. */
void invoke_job_end_all(struct list *jobs);
