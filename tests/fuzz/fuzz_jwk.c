/* jwk: a key set as an issuer might send it. */
#include <stddef.h>
#include <stdint.h>

#include "emulator/auth/jwk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct jwks *set = jwks_parse(span_n((const char *)data, size), &err);
	if (set) {
		const char *const kids[] = { NULL, "k", "" };
		for (size_t i = 0; i < sizeof kids / sizeof *kids; i++) {
			const struct jwk *k = jwks_find(set, kids[i], "RS256", &err);
			(void)!(k && jwk_verify(k, "RS256", SPAN("a.b"), SPAN("signature")));
		}
		jwks_destroy(set);
	}
	return 0;
}
