/* Who is logged in at the provider in this browser: a cookie, and a ticket in the store. */
#pragma once

#include "emulator/login/grant.h"

/* Fills sub, sid and auth_time of *out; false if nobody is logged in. */
bool session_find(struct visit *v, struct grant *out);
/* Logs the e-mail address's owner in: sets the cookie and sub, sid and auth_time of *g. */
int session_start(struct visit *v, const char *email, struct grant *g, struct err *err) MUST_CHECK;
/* Forgets the login, here and in the browser. True if there was one; then *email is whose (""
 * if the user is gone). */
bool session_end(struct visit *v, const char **email);
/* A value that names this browser, new if it has none yet: ties the login page to whoever
 * opened it. */
const char *session_browser(struct visit *v);
bool session_is_browser(struct visit *v, const char *browser);
/* Looks like an e-mail address: one @ with something on both sides, no blanks, at most 254
 * characters. */
bool session_is_email(const char *s);
