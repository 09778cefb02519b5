/* One function a command, each in a file of its own (cmd_<name>.c). */
#pragma once

#include "runtime/cli/commands.h"

int cmd_start(const struct options *o);
