/* One function a command, in files named cmd_<what>.c. */
#pragma once

#include "runtime/cli/commands.h"

int cmd_start(const struct options *o);
int cmd_token(const struct options *o);
int cmd_credentials(const struct options *o);
int cmd_request(const struct options *o);
int cmd_invoke(const struct options *o);
int cmd_exec(const struct options *o);
