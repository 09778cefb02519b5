/* aws_json: an operation's name, a newline, a body. Whatever comes, there is one answer, and it is JSON. */
#include "cognito_stubs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	size_t line = strcspn(text, "\n");
	AUTO_FREE char *target = xasprintf("AWSCognitoIdentityService.%.*s", (int)line, text);
	struct http_exchange *x = fake_exchange("POST", "/", text + line);
	fake_header(x, "X-Amz-Target", target);
	stub_answer(x);
	return 0;
}
