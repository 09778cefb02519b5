/* The environment of a command that shall talk to a running copy: our own, plus where things are. */
#pragma once

#include "proxy/base/json.h"

struct environment {
	char **list; /* "NAME=value", NULL-terminated */
	size_t n, cap;
	char **argv; /* environment_guard's */
};

void environment_init(struct environment *e); /* a copy of the process's environment */
void environment_fini(struct environment *e);
/* Replaces or adds. */
void environment_set(struct environment *e, const char *name, const char *value);
void environment_unset(struct environment *e, const char *name);
/* AWS_ENDPOINT_URL, AWS_REGION, credentials, OFFSTAGE_ENDPOINTS, OFFSTAGE_OUTPUT_<Name> (design 4 and 5).
 * access_key "" leaves credentials alone. */
void environment_for_app(struct environment *e, const cJSON *endpoints, const char *endpoints_path,
	const char *access_key, const char *secret);
/* The list, still owned by e. */
char **environment_take(struct environment *e);
/* argv under a guard (guard.h); owned by e. */
char **environment_guard(struct environment *e, char *const *argv);
