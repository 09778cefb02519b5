/* One function a command, in files named cmd_<what>.c. */
#pragma once

#include "runtime/cli/commands.h"

int cmd_start(const struct options *o);
int cmd_token(const struct options *o);
int cmd_credentials(const struct options *o);
int cmd_request(const struct options *o);
int cmd_invoke(const struct options *o);
int cmd_exec(const struct options *o);
int cmd_deploy(const struct options *o);
int cmd_remove(const struct options *o);
int cmd_status(const struct options *o);
int cmd_serve(const struct options *o);
int cmd_connect(const struct options *o);
int cmd_init(const struct options *o);
