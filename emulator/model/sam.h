/* The SAM transform (AWS::Serverless-2016-10-31), as far as HTTP APIs, function URLs and functions need
 * it: Serverless resources become the CloudFormation resources that the transform would make, under the
 * same logical ids (FunctionRole, FunctionUrl, ServerlessHttpApi...). What is not known keeps its
 * Serverless type and ends as a note. Runs before anything is evaluated, as in the cloud. */
#pragma once

#include "proxy/base/err.h"
#include "proxy/base/json.h"

/* Changes the template in place; err names the resource. */
int sam_expand(cJSON *tree, struct err *err) MUST_CHECK;
