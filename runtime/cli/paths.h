/* Where things are: the app's folder and what Offstage keeps in it, and the program's own files. */
#pragma once

#include "proxy/base/err.h"
#include "runtime/cli/options.h"

struct paths {
	char *app; /* absolute, real */
	char *state; /* <app>/.offstage */
	char *stage; /* <app>/.offstage/<stage> */
	char *endpoints; /* <stage>/endpoints.json */
	char *runtime; /* the folder with bootstrap/, synth/ and bundle/ */
};

/* The program's own files alone; the caller's. */
char *paths_runtime(void);
/* Finds them; creates nothing. ERR_NOT_FOUND says which and what to do. paths_fini in any case. */
int paths_find(struct paths *p, const struct options *o, struct err *err) MUST_CHECK;
void paths_fini(struct paths *p);
/* Makes .offstage (0700, with a .gitignore that ignores all of it) and the stage's folder. */
int paths_make(const struct paths *p, struct err *err) MUST_CHECK;
