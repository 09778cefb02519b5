#include "runtime/cli/commands.h"

#include <stdio.h>

#include "proxy/base/alloc.h"
#include "runtime/cli/cmd.h"

static int cmd_help(const struct options *o)
{
	options_help(stdout, o->function);
	return EXIT_DONE;
}

static int cmd_version(const struct options *o)
{
	(void)o;
	puts("offstage " OFFSTAGE_VERSION);
	return EXIT_DONE;
}

static int (*const COMMANDS[])(const struct options *o) = {
	[COMMAND_START] = cmd_start,
	[COMMAND_EXEC] = cmd_exec,
	[COMMAND_DEPLOY] = cmd_deploy,
	[COMMAND_REMOVE] = cmd_remove,
	[COMMAND_STATUS] = cmd_status,
	[COMMAND_SERVE] = cmd_serve,
	[COMMAND_CONNECT] = cmd_connect,
	[COMMAND_INIT] = cmd_init,
	[COMMAND_INVOKE] = cmd_invoke,
	[COMMAND_TOKEN] = cmd_token,
	[COMMAND_CREDENTIALS] = cmd_credentials,
	[COMMAND_REQUEST] = cmd_request,
	[COMMAND_HELP] = cmd_help,
	[COMMAND_VERSION] = cmd_version,
};

int command_run(const struct options *o)
{
	ENSURE(o->command < COUNT_OF(COMMANDS));
	return COMMANDS[o->command](o);
}
