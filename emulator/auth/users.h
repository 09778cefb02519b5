/* The static IAM users of --credentials FILE: AWS's shared credentials format, one user per
 * profile. They belong to the app's account and may do everything. */
#pragma once

#include "proxy/base/err.h"
#include "proxy/base/span.h"

struct users;

struct user {
	const char *name; /* the profile */
	const char *access_key, *secret;
	const char *session_token; /* "" = none */
};

/* Pure: text of the file, its path for messages. Errors name path:line. */
struct users *users_parse(struct span text, const char *path, struct err *err) MUST_CHECK;
/* From disk. path NULL gives a set without users. */
struct users *users_load(const char *path, struct err *err) MUST_CHECK;
/* NULL is fine. */
void users_destroy(struct users *u);
/* By access key, or by the profile's name. NULL if unknown. Lives as long as u. */
const struct user *users_named(const struct users *u, struct span name);
const struct user *users_find(const struct users *u, struct span access_key);
