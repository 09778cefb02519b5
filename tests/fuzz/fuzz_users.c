/* users: a shared-credentials file; every refusal names the file. */
#include <stddef.h>
#include <stdint.h>

#include "emulator/auth/users.h"
#include "proxy/base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct users *u = users_parse(span_n((const char *)data, size), "FILE", &err);
	ENSURE(u || strncmp(err.msg, "FILE:", 5) == 0);
	users_destroy(u);
	return 0;
}
