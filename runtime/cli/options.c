#include "runtime/cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/alloc.h"
#include "proxy/base/span.h"
#include "runtime/cli/host.h"

#define IN(command) (1u << COMMAND_##command)
#define RUNS (IN(START) | IN(EXEC) | IN(DEPLOY))
#define ANYWHERE (~0u)

struct command_row {
	const char *name;
	enum command command;
	const char *arguments, *help;
};

static const struct command_row COMMANDS[] = {
	{ "start", COMMAND_START, "[DIR]", "run the app on localhost; saves are live at once" },
	{ "exec", COMMAND_EXEC, "[DIR] -- COMMAND...",
		"run COMMAND against a throw-away copy on free ports" },
	{ "deploy", COMMAND_DEPLOY, "[DIR] --stage NAME",
		"freeze the app and run it in the background" },
	{ "remove", COMMAND_REMOVE, "[DIR] --stage NAME", "stop a deployed stage and delete it" },
	{ "status", COMMAND_STATUS, "[DIR]", "the stages of an app, their URLs and pids" },
	{ "serve", COMMAND_SERVE, "", "the emulator alone, for agents on other machines" },
	{ "connect", COMMAND_CONNECT, "URL [DIR]", "the agent alone, against `offstage serve`" },
	{ "invoke", COMMAND_INVOKE, "FUNCTION", "invoke a function of the running app" },
	{ "token", COMMAND_TOKEN, "--user EMAIL", "tokens of a local login, as JSON" },
	{ "credentials", COMMAND_CREDENTIALS, "--user EMAIL",
		"temporary AWS credentials through login and identity pool" },
	{ "request", COMMAND_REQUEST, "METHOD PATH", "a request, signed if --as is given" },
	{ "init", COMMAND_INIT, "[DIR]", "write the tutorial's starter app" },
	{ "help", COMMAND_HELP, "[COMMAND]", "this text" },
	{ "version", COMMAND_VERSION, "", "the version" },
};

enum kind {
	TEXT,
	NUMBER,
	FLAG,
	OPTIONAL_NUMBER,
	LIST
};

struct option_row {
	const char *name; /* with dashes */
	enum kind kind;
	unsigned commands;
	size_t offset;
	unsigned min, max, bare; /* numbers; bare: an optional one's value when none is given */
	const char *value, *help;
};

#define AT(member) offsetof(struct options, member)

static const struct option_row OPTIONS[] = {
	{ "--stage", TEXT, ANYWHERE & ~IN(SERVE), AT(stage), 0, 0, 0, "NAME",
		"the stage (default: dev; exec: test)" },
	{ "--port", NUMBER, RUNS | IN(SERVE), AT(port), 0, 65535, 0, "N",
		"service port; APIs and logins take the next ones (default: 4510; 0 = any free)" },
	{ "--host", TEXT, IN(START) | IN(DEPLOY) | IN(SERVE), AT(host), 0, 0, 0, "ADDRESS",
		"the address to listen on (default: 127.0.0.1)" },
	{ "--json", FLAG, ANYWHERE, AT(json), 0, 0, 0, NULL,
		"one JSON object per event on stdout" },
	{ "--inspect", OPTIONAL_NUMBER, IN(START) | IN(CONNECT), AT(inspect), 1024, 65535, 9229,
		"PORT", "let a debugger attach to handlers" },
	{ "--max-concurrency", NUMBER, RUNS | IN(CONNECT), AT(max_concurrency), 1, 1000, 0, "N",
		"handler processes at the same time (default: 64)" },
	{ "--credentials", TEXT, RUNS | IN(SERVE), AT(credentials), 0, 0, 0, "FILE",
		"IAM users for scripts, in the AWS shared credentials format" },
	{ "--allow-callback", LIST, RUNS | IN(SERVE), AT(allow_callbacks), 0, 0, 0, "URL",
		"a login callback beyond loopback (may be repeated)" },
	{ "--login", TEXT, RUNS | IN(SERVE), AT(remote_login), 0, 0, 0, "local|remote",
		"local: login providers have a stand-in here (default)" },
	{ "--token-file", TEXT,
		IN(SERVE) | IN(CONNECT) | IN(INVOKE) | IN(TOKEN) | IN(CREDENTIALS) | IN(REQUEST),
		AT(token_file), 0, 0, 0, "FILE", "where the bridge's token is kept" },
	{ "--tls-cert", TEXT, IN(SERVE), AT(tls_cert), 0, 0, 0, "FILE",
		"certificate for agents on other machines (default: one of our own)" },
	{ "--tls-key", TEXT, IN(SERVE), AT(tls_key), 0, 0, 0, "FILE", "its key" },
	{ "--event", TEXT, IN(INVOKE), AT(event), 0, 0, 0, "FILE|-", "the event (default: {})" },
	{ "--user", TEXT, IN(TOKEN) | IN(CREDENTIALS), AT(user), 0, 0, 0, "EMAIL", "who logs in" },
	{ "--as", TEXT, IN(REQUEST), AT(user), 0, 0, 0, "EMAIL", "sign as this user" },
	{ "--provider", TEXT, IN(TOKEN) | IN(CREDENTIALS) | IN(REQUEST), AT(provider), 0, 0, 0,
		"ISSUER", "the login provider, if the app has several" },
	{ "--format", TEXT, IN(CREDENTIALS), AT(format), 0, 0, 0, "json|env|process",
		"how to print them (default: json)" },
	{ "--data", TEXT, IN(REQUEST), AT(data), 0, 0, 0, "BODY", "the request's body" },
	{ "--api", TEXT, IN(REQUEST), AT(api), 0, 0, 0, "NAME", "the API, if the app has several" },
};

static const struct command_row *find_command(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(COMMANDS); i++) {
		if (strcmp(COMMANDS[i].name, name) == 0) {
			return &COMMANDS[i];
		}
	}
	return NULL;
}

/* The row of "--name" or "--name=value"; *value is what stands after '='. */
static const struct option_row *find_option(const char *arg, const char **value)
{
	const char *equals = strchr(arg, '=');
	size_t n = equals ? (size_t)(equals - arg) : strlen(arg);
	*value = equals ? equals + 1 : NULL;
	for (size_t i = 0; i < COUNT_OF(OPTIONS); i++) {
		if (strlen(OPTIONS[i].name) == n && strncmp(OPTIONS[i].name, arg, n) == 0) {
			return &OPTIONS[i];
		}
	}
	return NULL;
}

static size_t distance(const char *a, const char *b)
{
	size_t n = 0;
	while (*a && *a == *b) {
		a++, b++;
	}
	size_t la = strlen(a), lb = strlen(b);
	while (la && lb && a[la - 1] == b[lb - 1]) {
		la--, lb--;
	}
	n = la > lb ? la : lb;
	return n;
}

static int unknown_option(const char *arg, struct err *err)
{
	const char *best = NULL;
	size_t least = 4;
	for (size_t i = 0; i < COUNT_OF(OPTIONS); i++) {
		size_t d = distance(arg, OPTIONS[i].name);
		if (d < least) {
			least = d;
			best = OPTIONS[i].name;
		}
	}
	return best ? err_set(err, ERR_INVALID, "unknown option '%s': did you mean '%s'?", arg,
			      best)
		    : err_set(err, ERR_INVALID, "unknown option '%s': see `offstage help`", arg);
}

static int set_number(
	struct options *o, const struct option_row *row, const char *value, struct err *err)
{
	uint64_t number;
	if (!span_u64(span_of(value), row->max, &number) || number < row->min) {
		return err_set(err, ERR_INVALID, "%s must be a number from %u to %u, not '%s'",
			row->name, row->min, row->max, value);
	}
	*(unsigned *)(void *)((char *)o + row->offset) = (unsigned)number;
	return 0;
}

static int set_text(
	struct options *o, const struct option_row *row, const char *value, struct err *err)
{
	if (row->offset != AT(remote_login)) {
		*(const char **)(void *)((char *)o + row->offset) = value;
		return 0;
	}
	o->remote_login = strcmp(value, "remote") == 0;
	return o->remote_login || strcmp(value, "local") == 0
		       ? 0
		       : err_set(err, ERR_INVALID, "--login is 'local' or 'remote', not '%s'",
				 value);
}

static int set_option(
	struct options *o, const struct option_row *row, const char *value, struct err *err)
{
	switch (row->kind) {
	case FLAG:
		*(bool *)(void *)((char *)o + row->offset) = true;
		return value ? err_set(err, ERR_INVALID, "%s takes no value", row->name) : 0;
	case NUMBER:
	case OPTIONAL_NUMBER:
		return set_number(o, row, value, err);
	case TEXT:
		return set_text(o, row, value, err);
	case LIST:
		if (o->n_allow_callbacks == MAX_CALLBACKS) {
			return err_set(err, ERR_LIMIT, "%s may be given %d times", row->name,
				MAX_CALLBACKS);
		}
		o->allow_callbacks[o->n_allow_callbacks++] = value;
		return 0;
	}
	return 0;
}

static bool good_stage(const char *s)
{
	bool first = (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z');
	return first && strlen(s) <= 64 &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") ==
		       strlen(s);
}

/* `npm run remove --stage prod` gives the script the bare word and npm_config_stage=true;
 * `--stage=prod` gives it npm_config_stage=prod and no word. */
static void stage_from_npm(struct options *o, const char **words, size_t *n)
{
	const char *npm = getenv("npm_config_stage");
	if (o->stage || !npm || !*npm) {
		return;
	}
	if (strcmp(npm, "true") != 0) {
		o->stage = npm;
	} else if (*n) {
		o->stage = words[--*n];
	}
}

/* How many bare words a command must and may have, and where they go. */
static int take_words(
	struct options *o, const char *name, const char **words, size_t n, struct err *err)
{
	size_t must = 0;
	const char **to[3] = { &o->dir, NULL, NULL };
	switch (o->command) {
	case COMMAND_CONNECT:
		to[0] = &o->url, to[1] = &o->dir, must = 1;
		break;
	case COMMAND_INVOKE:
		to[0] = &o->function, must = 1;
		break;
	case COMMAND_REQUEST:
		to[0] = &o->method, to[1] = &o->path, must = 2;
		break;
	case COMMAND_HELP:
		to[0] = &o->function;
		break;
	case COMMAND_SERVE:
	case COMMAND_TOKEN:
	case COMMAND_CREDENTIALS:
	case COMMAND_VERSION:
		to[0] = NULL;
		break;
	default:
		break;
	}
	for (size_t i = 0; i < n; i++) {
		if (i >= COUNT_OF(to) || !to[i]) {
			return err_set(err, ERR_INVALID,
				"'%s' is one word too many for `offstage %s`: see `offstage help "
				"%s`",
				words[i], name, name);
		}
		*to[i] = words[i];
	}
	return n < must
		       ? err_set(err, ERR_INVALID, "`offstage %s` needs %s: see `offstage help %s`",
				 name, find_command(name)->arguments, name)
		       : 0;
}

static int require(const struct options *o, struct err *err)
{
	if (o->stage && !good_stage(o->stage)) {
		return err_set(err, ERR_INVALID,
			"'%s' is no stage name: a letter, then letters, digits and '-'", o->stage);
	}
	if (o->host && !host_is_good(o->host)) {
		return err_set(err, ERR_INVALID,
			"--host takes 'localhost' or a number such as 0.0.0.0 or ::1, not '%s'",
			o->host);
	}
	if (!o->tls_cert != !o->tls_key) {
		return err_set(err, ERR_INVALID,
			"--tls-cert and --tls-key go together: add --tls-%s FILE",
			o->tls_cert ? "key" : "cert");
	}
	if (o->command == COMMAND_HELP && o->function && !find_command(o->function)) {
		return err_set(
			err, ERR_INVALID, "unknown command '%s': see `offstage help`", o->function);
	}
	bool needs_stage = o->command == COMMAND_DEPLOY || o->command == COMMAND_REMOVE;
	if (needs_stage && !o->stage) {
		return err_set(err, ERR_INVALID,
			"which stage? Add --stage NAME (with npm: npm run %s -- --stage NAME)",
			o->command == COMMAND_DEPLOY ? "deploy" : "remove");
	}
	bool needs_user = o->command == COMMAND_TOKEN || o->command == COMMAND_CREDENTIALS;
	if (needs_user && !o->user) {
		return err_set(err, ERR_INVALID, "who logs in? Add --user EMAIL");
	}
	if (o->command == COMMAND_EXEC && (!o->child || !o->child[0])) {
		return err_set(err, ERR_INVALID,
			"what shall run? Add -- COMMAND (offstage exec -- npm test)");
	}
	return 0;
}

static void defaults(struct options *o)
{
	o->dir = o->dir ? o->dir : ".";
	o->stage_given = o->stage != NULL;
	o->stage = o->stage ? o->stage : o->command == COMMAND_EXEC ? "test" : "dev";
	o->host = o->host ? o->host : "127.0.0.1";
	o->format = o->format ? o->format : "json";
}

static int parse_rest(struct options *o, const struct command_row *command, int argc, char **argv,
	struct err *err)
{
	const char *words[8];
	size_t n = 0;
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			o->child = argv + i + 1;
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			if (n == COUNT_OF(words)) {
				return err_set(err, ERR_INVALID,
					"too many words: see `offstage help %s`", command->name);
			}
			words[n++] = argv[i];
			continue;
		}
		const char *value;
		const struct option_row *row = find_option(argv[i], &value);
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			o->command = COMMAND_HELP;
			o->function = command->name;
			return 0;
		}
		if (!row) {
			return unknown_option(argv[i], err);
		}
		if (!(row->commands & (1u << command->command))) {
			return err_set(err, ERR_INVALID,
				"`offstage %s` has no option %s: see `offstage help %s`",
				command->name, row->name, command->name);
		}
		if (row->kind == OPTIONAL_NUMBER && !value) {
			*(unsigned *)(void *)((char *)o + row->offset) = row->bare;
			continue;
		}
		if (row->kind != FLAG && !value) {
			value = i + 1 < argc ? argv[++i] : NULL;
			if (!value) {
				return err_set(err, ERR_INVALID, "%s needs a value: %s %s",
					row->name, row->name, row->value);
			}
		}
		int rc = set_option(o, row, value, err);
		if (rc) {
			return rc;
		}
	}
	stage_from_npm(o, words, &n);
	int rc = take_words(o, command->name, words, n, err);
	return rc ? rc : require(o, err);
}

int options_parse(struct options *o, int argc, char **argv, struct err *err)
{
	*o = (struct options){ .port = 4510, .max_concurrency = 64 };
	const char *name = argc > 1 ? argv[1] : "help";
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		name = "help";
	} else if (strcmp(name, "--version") == 0) {
		name = "version";
	}
	const struct command_row *command = find_command(name);
	if (!command) {
		return err_set(err, ERR_INVALID, "unknown command '%s': see `offstage help`", name);
	}
	o->command = command->command;
	/* Copies on free ports are the point of exec; a second deployed stage beside a live one, too. */
	if (o->command == COMMAND_EXEC || o->command == COMMAND_DEPLOY) {
		o->port = 0;
	}
	int rc = parse_rest(o, command, argc, argv, err);
	defaults(o);
	return rc;
}

static void help_options(FILE *out, unsigned commands)
{
	for (size_t i = 0; i < COUNT_OF(OPTIONS); i++) {
		const struct option_row *row = &OPTIONS[i];
		if (row->commands & commands) {
			char left[64];
			bool optional = row->kind == OPTIONAL_NUMBER;
			snprintf(left, sizeof left, "%s%s%s%s", row->name,
				row->value ? (optional ? "[=" : " ") : "",
				row->value ? row->value : "", optional ? "]" : "");
			fprintf(out, "  %-24s %s\n", left, row->help);
		}
	}
}

void options_help(FILE *out, const char *name)
{
	const struct command_row *one = name ? find_command(name) : NULL;
	if (one) {
		fprintf(out, "offstage %s%s%s\n  %s\n\n", one->name, *one->arguments ? " " : "",
			one->arguments, one->help);
		help_options(out, 1u << one->command);
		return;
	}
	fputs("Offstage runs a serverless app on this machine as the cloud would answer it.\n\n",
		out);
	for (size_t i = 0; i < COUNT_OF(COMMANDS); i++) {
		char left[64];
		snprintf(left, sizeof left, "%s %s", COMMANDS[i].name, COMMANDS[i].arguments);
		fprintf(out, "  offstage %-30s %s\n", left, COMMANDS[i].help);
	}
	fputs("\n", out);
	help_options(out, ANYWHERE);
}
