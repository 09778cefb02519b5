/* offstage: reads the command line and runs one command. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "proxy/base/console.h"
#include "proxy/base/log.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/guard.h"

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], GUARD_WORD) == 0) {
		console_init(false);
		return guard_run(argv + 2);
	}
	struct options o;
	struct err err = ERR_INIT;
	log_init();
	/* A peer that closed is an error code, not the end of the program. */
	signal(SIGPIPE, SIG_IGN);
	if (options_parse(&o, argc, argv, &err)) {
		console_init(false);
		console_problem("offstage: %s", err.msg);
		return EXIT_USAGE;
	}
	console_init(o.json);
	int code = command_run(&o);
	console_flush();
	return code;
}
