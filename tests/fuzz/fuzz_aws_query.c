/* aws_query: a form body to STS. Whatever comes, there is one answer. */
#include "cognito_stubs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	AUTO_FREE char *body = xasprintf("Action=%s", text);
	struct http_exchange *x = fake_exchange("POST", "/", body);
	fake_header(x, "Content-Type", "application/x-www-form-urlencoded");
	stub_answer(x);
	return 0;
}
