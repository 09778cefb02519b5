#include "emulator/auth/execute_arn.h"

#include "proxy/base/encode.h"

const char *execute_arn(const struct model *model, const struct auth_request *r)
{
	struct span path = r->route_path;
	if (path.len && path.ptr[0] == '/') {
		path = span_n(path.ptr + 1, path.len - 1);
	}
	struct buf arn = BUF_INIT(64 * 1024);
	buf_addf(&arn, "arn:aws:execute-api:%s:%s:%s/%s/%.*s/", model->region, model->account,
		r->api->id, r->stage->name, SPAN_ARG(r->http->method));
	(void)percent_decode(&arn, path, false);
	/* A NUL cannot be part of any pattern, and would end the text where the route goes on. */
	for (size_t i = 0; i < arn.len; i++) {
		if (arn.ptr[i] == '\0') {
			arn.ptr[i] = '\1';
		}
	}
	const char *out = arena_strndup(r->http->arena, arn.ptr, arn.len);
	buf_fini(&arn);
	return out;
}
