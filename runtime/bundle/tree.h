/* The files of a code folder, without what is hidden, installed or made by tools. */
#pragma once

#include "proxy/base/err.h"
#include "proxy/base/span.h"

/* Absolute paths; tree_fini frees them. */
struct tree {
	char **at;
	size_t n;
};

/* Lists the files below root; with `folders` root and the folders in it as well, which change when an
 * entry comes or goes; without the folders named `left_out` (NULL allowed). Of very large trees a part. */
struct tree tree_list(const char *root, bool folders, const char *left_out);
void tree_fini(struct tree *t);
/* Copies what tree_list(root, false, NULL) names to below `to`, which must not exist; links as they are. */
int tree_copy(const char *root, const char *to, struct err *err) MUST_CHECK;
/* Copies one file with its mode. */
int tree_copy_file(const char *from, const char *to, struct err *err) MUST_CHECK;
/* Whether two files hold the same bytes. */
bool tree_same_file(const char *a, const char *b);
