/* form: any text is a form or is refused; what is accepted is UTF-8 without NULs. */
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_create();
	struct form form;
	if (form_parse(&form, span_n((const char *)data, size), arena)) {
		for (size_t i = 0; i < form.n; i++) {
			ENSURE(utf8_valid(span_of(form.fields[i].name)));
			ENSURE(utf8_valid(span_of(form.fields[i].value)));
			ENSURE(form_get(&form, form.fields[i].name));
		}
	} else {
		ENSURE(form.n == 0);
	}
	arena_destroy(arena);
	return 0;
}
