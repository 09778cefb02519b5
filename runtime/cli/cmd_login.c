/* offstage token, offstage credentials: what a script needs instead of a browser. */
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/clock.h"
#include "proxy/base/console.h"
#include "runtime/cli/client.h"
#include "runtime/cli/cmd.h"

int cmd_token(const struct options *o)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *endpoints = client_endpoints(o, &err);
	AUTO_JSON cJSON *tokens = endpoints ? client_tokens(o, endpoints, &err) : NULL;
	if (!tokens) {
		console_problem("%s", err.msg);
		return EXIT_FAILED;
	}
	AUTO_FREE char *text = cJSON_PrintUnformatted(tokens);
	puts(text);
	return EXIT_DONE;
}

/* "json": the names of `aws sts` answers. "process": what AWS's credential_process wants. */
static void print_json(const struct client_credentials *c, bool process)
{
	char expires[25];
	time_iso(expires, c->expires_ms);
	struct buf out = BUF_INIT(65536);
	buf_add_char(&out, '{');
	if (process) {
		json_add_member_int(&out, "Version", 1);
	} else {
		json_add_member(&out, "IdentityId", span_of(c->identity));
	}
	json_add_member(&out, "AccessKeyId", span_of(c->access_key));
	json_add_member(&out, "SecretAccessKey", span_of(c->secret));
	json_add_member(&out, "SessionToken", span_of(c->token));
	json_add_member(&out, "Expiration", span_of(expires));
	buf_add_char(&out, '}');
	puts(buf_cstr(&out));
	buf_fini(&out);
}

/* With the region, without which most clients do nothing. */
static void print_env(const struct client_credentials *c, const char *region)
{
	printf("export AWS_ACCESS_KEY_ID='%s'\nexport AWS_SECRET_ACCESS_KEY='%s'\n"
	       "export AWS_SESSION_TOKEN='%s'\nexport AWS_REGION='%s'\n"
	       "export AWS_DEFAULT_REGION='%s'\n",
		c->access_key, c->secret, c->token, region, region);
}

int cmd_credentials(const struct options *o)
{
	struct err err = ERR_INIT;
	struct client_credentials c = { 0 };
	AUTO_JSON cJSON *endpoints = client_endpoints(o, &err);
	bool env = strcmp(o->format, "env") == 0;
	bool process = strcmp(o->format, "process") == 0;
	if (!env && !process && strcmp(o->format, "json") != 0) {
		console_problem("--format is json, env or process, not '%s'", o->format);
		return EXIT_USAGE;
	}
	if (!endpoints || client_credentials(o, endpoints, &c, &err)) {
		console_problem("%s", err.msg);
		return EXIT_FAILED;
	}
	if (env) {
		print_env(&c, json_str(endpoints, "region"));
	} else {
		print_json(&c, process);
	}
	client_credentials_fini(&c);
	return EXIT_DONE;
}
