#include "emulator/auth/execute_arn.h"

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"

const char *execute_arn(const struct model *model, const struct auth_request *r)
{
	struct span path = r->route_path;
	if (path.len && path.ptr[0] == '/') {
		path = span_n(path.ptr + 1, path.len - 1);
	}
	/* Piece by piece: every authorized request pays for it, and formatting costs more. */
	struct buf arn = BUF_INIT(64 * 1024);
	const char *const pieces[] = { "arn:aws:execute-api:", model->region, ":", model->account,
		":", r->api->id, "/", r->stage->name, "/" };
	(void)buf_reserve(&arn, 128);
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		buf_add_str(&arn, pieces[i]);
	}
	buf_add_span(&arn, r->http->method);
	buf_add_char(&arn, '/');
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
