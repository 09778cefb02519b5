/* libcurl, loaded when a first request needs it. With the twenty libraries that come along it is a quarter
 * of the program's memory, and most runs never ask another host for anything. */
#pragma once

#include <curl/curl.h>

#include "proxy/base/err.h"

#define CURL_LIBRARY_FUNCTIONS(F) \
	F(easy_cleanup)           \
	F(easy_getinfo)           \
	F(easy_init)              \
	F(easy_pause)             \
	F(easy_setopt)            \
	F(easy_strerror)          \
	F(global_init)            \
	F(multi_add_handle)       \
	F(multi_assign)           \
	F(multi_cleanup)          \
	F(multi_info_read)        \
	F(multi_init)             \
	F(multi_remove_handle)    \
	F(multi_setopt)           \
	F(multi_socket_action)    \
	F(slist_append)           \
	F(slist_free_all)

/* Its functions, under their own names less "curl_". */
struct curl_library {
#define CURL_LIBRARY_MEMBER(name) __typeof__(curl_##name) *name;
	CURL_LIBRARY_FUNCTIONS(CURL_LIBRARY_MEMBER)
#undef CURL_LIBRARY_MEMBER
};

/* The library, initialised, for the rest of the process's life. NULL with err (ERR_UNAVAILABLE) if it is
 * not installed. From the one thread that talks HTTP. */
const struct curl_library *curl_library(struct err *err);
