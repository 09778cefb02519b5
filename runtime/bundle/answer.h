/* Reading what the helper answers. */
#pragma once

#include "proxy/base/json.h"

/* A list of absolute paths; the strings are the tree's. */
struct answer_paths {
	const char **at;
	size_t n;
};

/* The member's strings; empty if it is absent or no array. answer_paths_fini frees the list. */
struct answer_paths answer_paths(const cJSON *obj, const char *name);
void answer_paths_fini(struct answer_paths *p);
