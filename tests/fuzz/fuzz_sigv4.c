/* sigv4: a request as text (method, target, header lines, body), read, verified, explained. The
 * secret must never show, and what verifies must be refused after a change of method. */
#include <stddef.h>
#include <stdint.h>

#include "emulator/auth/sigv4.h"
#include "proxy/base/alloc.h"

#define HEADERS_MAX 64
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(struct http_request *r, struct http_header headers[HEADERS_MAX], struct span rest)
{
	r->method = span_cut(&rest, ' ');
	r->target = span_cut(&rest, '\n');
	r->query = r->target;
	r->path = span_cut(&r->query, '?');
	while (rest.ptr && r->n_headers < HEADERS_MAX) {
		struct span value = span_cut(&rest, '\n');
		if (value.len == 0) {
			break;
		}
		struct span name = span_cut(&value, ':');
		headers[r->n_headers++] = (struct http_header){ name, span_trim(value) };
	}
	r->headers = headers;
	r->body = rest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sigv4_keys *keys;
	if (!keys) {
		keys = sigv4_keys_create();
	}
	struct http_header headers[HEADERS_MAX];
	struct http_request r = { .minor = 1, .arena = arena_create() };
	struct sigv4_claim claim;
	struct sigv4_fault fault = { "", "", "" };
	parse(&r, headers, span_n((const char *)data, size));
	if (sigv4_read(&r, r.arena, &claim, &fault)) {
		(void)!sigv4_check_scope(
			&claim, "us-east-1", "service", 300, 1440938160000, r.arena, &fault);
		if (sigv4_verify(&r, &claim, SECRET, keys, r.arena, &fault)) {
			r.method = SPAN("X");
			ENSURE(!sigv4_verify(&r, &claim, SECRET, keys, r.arena, &fault));
		}
		ENSURE(memmem(data, size, SECRET, strlen(SECRET)) || !strstr(fault.reason, SECRET));
	}
	arena_destroy(r.arena);
	return 0;
}
