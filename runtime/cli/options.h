/* The command line, from one table: commands, options, their defaults and their help. Both `--help` and
 * README.md say what stands there. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "proxy/base/err.h"

enum command {
	COMMAND_START,
	COMMAND_EXEC,
	COMMAND_DEPLOY,
	COMMAND_REMOVE,
	COMMAND_STATUS,
	COMMAND_SERVE,
	COMMAND_CONNECT,
	COMMAND_INVOKE,
	COMMAND_TOKEN,
	COMMAND_CREDENTIALS,
	COMMAND_REQUEST,
	COMMAND_INIT,
	COMMAND_HELP,
	COMMAND_VERSION,
};

#define MAX_CALLBACKS 16

struct options {
	enum command command;
	const char *dir; /* the app's folder, as given; "." by default */
	const char *stage;
	bool stage_given; /* by the command line, not by default */
	const char *host;
	unsigned port;
	bool json;
	unsigned inspect; /* 0 = off, else the port */
	unsigned max_concurrency;
	const char *credentials; /* file, NULL = none */
	const char *allow_callbacks[MAX_CALLBACKS];
	size_t n_allow_callbacks;
	bool remote_login;
	const char *token_file;
	const char *tls_cert, *tls_key; /* serve */
	const char *url; /* connect */
	const char *function; /* invoke */
	const char *event; /* invoke: file or "-" */
	const char *user; /* token, credentials, request --as */
	const char *provider; /* token */
	const char *format; /* credentials */
	const char *method, *path, *data; /* request */
	const char *api; /* request */
	char **child; /* exec: the command, NULL-terminated */
};

/* Reads argv; points into it and the environment. Stage may come from npm (`npm run remove --stage prod`
 * hands the word over in a way of its own, sst.md 6.2). ERR_INVALID with what, and what to do. */
int options_parse(struct options *o, int argc, char **argv, struct err *err) MUST_CHECK;
/* Help on all commands, or on one. */
void options_help(FILE *out, const char *command);
