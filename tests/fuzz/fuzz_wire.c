/* A peer that says anything, cut anywhere: the session refuses or delivers, and never reads or keeps more
 * than it may. */
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/alloc.h"
#include "proxy/wire/frame.h"
#include "proxy/wire/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_message(void *ctx, const struct wire_message *m)
{
	size_t *sum = ctx;
	/* Every byte that was handed out is looked at, so that the sanitizer sees it. */
	for (size_t i = 0; i < m->meta.len; i++) {
		*sum += (unsigned char)m->meta.ptr[i];
	}
	for (size_t i = 0; i < m->payload.len; i++) {
		*sum += (unsigned char)m->payload.ptr[i];
	}
	ENSURE(m->meta.len <= FRAME_MAX_META && m->payload.len <= FRAME_MAX_MESSAGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2) {
		return 0;
	}
	size_t sum = 0;
	struct session *s = session_create(on_message, &sum);
	struct err err = ERR_INIT;
	session_link_up(s, 0);
	session_send(s, &(struct wire_message){ .type = WIRE_LOG, .meta = SPAN("{}") });
	cJSON *hello = json_parse(SPAN("{\"received\":0,\"extra\":[]}"), &err);
	bool flowing = data[0] & 1;
	ENSURE(!flowing || session_resume(s, hello, &err) == 0);
	cJSON_Delete(hello);
	size_t step = (size_t)data[1] + 1;
	for (size_t at = 2; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;
		if (session_input(s, span_n((const char *)data + at, n), at, &err)) {
			break;
		}
		struct buf out = BUF_INIT(1u << 20);
		session_output(s, &out, 4096);
		buf_fini(&out);
	}
	session_link_down(s);
	session_destroy(s);
	return 0;
}
