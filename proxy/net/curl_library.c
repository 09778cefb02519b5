#include "proxy/net/curl_library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#define SONAME "libcurl.so.4" /* its ABI since 2006 */

static int load_function(void *library, const char *name, void *slot, struct err *err)
{
	void *function = dlsym(library, name);
	if (!function) {
		return err_set(err, ERR_UNAVAILABLE, SONAME " has no %s", name);
	}
	/* C has no cast from an object's pointer to a function's; POSIX says that they look alike. */
	memcpy(slot, &function, sizeof function);
	return 0;
}

static int load(struct curl_library *curl, struct err *err)
{
	void *library = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		return err_set(err, ERR_UNAVAILABLE, "requests to other hosts need libcurl: %s",
			dlerror());
	}
#define LOAD(name)                                                          \
	if (load_function(library, "curl_" #name, &curl->name, err) != 0) { \
		return -1;                                                  \
	}
	CURL_LIBRARY_FUNCTIONS(LOAD)
#undef LOAD
	if (curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		return err_set(err, ERR_UNAVAILABLE, "libcurl cannot be initialised");
	}
	return 0;
}

const struct curl_library *curl_library(struct err *err)
{
	static struct curl_library curl;
	static bool loaded;
	if (!loaded && load(&curl, err) != 0) {
		return NULL;
	}
	loaded = true;
	return &curl;
}
