/* What the builder says of an app's errors holds the app's own text: any JSON may come. */
#include "proxy/base/json.h"
#include "runtime/bundle/answer.h"
#include "runtime/bundle/bundler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *tree = json_parse(span_n((const char *)data, size), &err);
	struct buf out = BUF_INIT(64 * 1024);
	build_problem(&out, tree);
	buf_fini(&out);
	struct answer_paths paths = answer_paths(tree, "inputs");
	answer_paths_fini(&paths);
	return 0;
}
