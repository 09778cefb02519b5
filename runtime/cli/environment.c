#include "runtime/cli/environment.h"

#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "runtime/cli/guard.h"

extern char **environ;

static void push(struct environment *e, char *entry)
{
	if (e->n + 1 >= e->cap) {
		e->cap = e->cap ? e->cap * 2 : 64;
		e->list = xrealloc(e->list, e->cap * sizeof *e->list);
	}
	e->list[e->n++] = entry;
	e->list[e->n] = NULL;
}

void environment_init(struct environment *e)
{
	*e = (struct environment){ 0 };
	for (char **p = environ; *p; p++) {
		push(e, xstrdup(*p));
	}
}

void environment_fini(struct environment *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->list[i]);
	}
	free(e->list);
	free(e->argv);
	*e = (struct environment){ 0 };
}

void environment_unset(struct environment *e, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < e->n; i++) {
		if (strncmp(e->list[i], name, n) == 0 && e->list[i][n] == '=') {
			free(e->list[i]);
			e->list[i] = e->list[--e->n];
			e->list[e->n] = NULL;
			i--;
		}
	}
}

void environment_set(struct environment *e, const char *name, const char *value)
{
	environment_unset(e, name);
	push(e, xasprintf("%s=%s", name, value));
}

char **environment_take(struct environment *e)
{
	return e->list;
}

char **environment_guard(struct environment *e, char *const *argv)
{
	static char self[] = "/proc/self/exe", word[] = GUARD_WORD;
	size_t n = 0;
	while (argv[n]) {
		n++;
	}
	e->argv = xcalloc(n + 3, sizeof *e->argv);
	e->argv[0] = self;
	e->argv[1] = word;
	memcpy(e->argv + 2, argv, n * sizeof *argv);
	return e->argv;
}

static void set_outputs(struct environment *e, const cJSON *endpoints)
{
	JSON_FOR (stack, json_object(endpoints, "outputs")) {
		JSON_FOR (output, stack) {
			AUTO_FREE char *name = xasprintf("OFFSTAGE_OUTPUT_%s", output->string);
			if (json_value(output)) {
				environment_set(e, name, json_value(output));
			}
		}
	}
}

void environment_for_app(struct environment *e, const cJSON *endpoints, const char *endpoints_path,
	const char *access_key, const char *secret)
{
	const char *region = json_str(endpoints, "region");
	environment_set(e, "AWS_ENDPOINT_URL", json_str(endpoints, "service"));
	environment_set(e, "AWS_REGION", region ? region : "us-east-1");
	environment_set(e, "AWS_DEFAULT_REGION", region ? region : "us-east-1");
	environment_set(e, "OFFSTAGE_ENDPOINTS", endpoints_path);
	set_outputs(e, endpoints);
	if (access_key[0]) {
		/* The developer's real account must be out of reach. */
		environment_unset(e, "AWS_PROFILE");
		environment_unset(e, "AWS_SESSION_TOKEN");
		environment_set(e, "AWS_ACCESS_KEY_ID", access_key);
		environment_set(e, "AWS_SECRET_ACCESS_KEY", secret);
	}
}
