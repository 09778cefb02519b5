/* Copies of an app's folder: sources are copied, what is Offstage's or git's is left out, installed packages
 * are linked one by one, so that workspace packages among them are the copy's own. */
#pragma once

#include "proxy/base/err.h"

/* `to` must be missing or empty; its parent must exist. Half a copy may be left after an error. */
int copy_app(const char *from, const char *to, struct err *err) MUST_CHECK;
