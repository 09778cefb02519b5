/* parameter mapping: whatever a template maps and whatever a client or a backend sends, what comes out can
 * be sent: header lines that cannot be broken, a URL without blanks, a final status. The input is a key, its
 * value and a body, with NULs between. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "emulator/gateway/headers.h"
#include "emulator/gateway/mapping.h"
#include "proxy/base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_headers(const struct http_header *h, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ENSURE(header_is_sendable(h[i].name, h[i].value));
	}
}

static void check_url(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		ENSURE(text.ptr[i] > ' ' && text.ptr[i] < 0x7f && text.ptr[i] != '#');
	}
}

static const struct http_header headers[] = { { { "X-A", 3 }, { "1", 1 } },
	{ { "x-b", 3 }, { "caf\xe9", 4 } }, { { "X-A", 3 }, { "2", 1 } } };

static void try_request(const struct model_mappings *all, const struct context *c)
{
	const struct http_request *http = mapping_request(all, c, SPAN("/p/a%20b"));
	check_headers(http->headers, http->n_headers);
	check_url(http->path);
	check_url(http->query);
}

static void try_response(
	const struct model_mappings *all, const struct context *c, struct span body)
{
	struct reply r;
	reply_init(&r, c->event->http->arena);
	r.status = 201;
	r.body = body;
	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		reply_header(&r, headers[i].name, headers[i].value);
	}
	mapping_apply_response(all, c, &r);
	ENSURE(r.status >= 200 && r.status <= 599);
	check_headers(r.headers, r.n_headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_create();
	struct span rest = span_n((const char *)data, size);
	struct span key = span_cut(&rest, '\0');
	struct span value = span_cut(&rest, '\0');
	struct model_mapping mapping = { arena_strndup(a, key.ptr ? key.ptr : "", key.len),
		arena_strndup(a, value.ptr ? value.ptr : "", value.len) };
	/* A copy of its own size, so that a read past the end is seen. */
	char *body = xalloc(rest.len + 1);
	memcpy(body, rest.ptr ? rest.ptr : "", rest.len);
	const struct route_param params[] = { { "id", { "a%20b", 5 } } };
	struct http_request http = { .method = SPAN("POST"),
		.target = SPAN("/p/a%20b?q=1&r"),
		.path = SPAN("/p/a%20b"),
		.query = SPAN("q=1&r"),
		.headers = headers,
		.n_headers = COUNT_OF(headers),
		.body = span_n(body, rest.len),
		.arena = a };
	struct event_input event = { .http = &http,
		.account = "123456789012",
		.api_id = "aaaaaaaaaa",
		.route_key = "POST /p/{id}",
		.params = params,
		.n_params = 1,
		.stage = "dev",
		.request_id = "LV7fzho-PHcEJPw=",
		.trace_id = "Root=1-x" };
	struct context context = { .event = &event };
	struct model_mappings all = { &mapping, 1 };
	struct err err = ERR_INIT;
	if (mapping_check_request(&mapping, &err) == 0) {
		try_request(&all, &context);
	}
	if (mapping_check_response(&mapping, &err) == 0) {
		try_response(&all, &context, http.body);
	}
	free(body);
	arena_destroy(a);
	return 0;
}
