#include "runtime/cli/story.h"

#include <stdlib.h>
#include <strings.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"

void story_banner(const char *title)
{
	char line[64];
	size_t n = strlen(title) + 2;
	ENSURE(n < sizeof line);
	memset(line, '=', n);
	line[n] = '\0';
	console_line(STYLE_PLAIN, "\n%s\n %s\n%s\n", line, title, line);
}

static int by_name(const void *a, const void *b)
{
	const cJSON *const *x = a;
	const cJSON *const *y = b;
	return strcasecmp((*x)->string, (*y)->string);
}

/* Sorted; what only ties stacks together is not the developer's. */
static void print_outputs(const cJSON *stack)
{
	size_t n = (size_t)cJSON_GetArraySize(stack);
	AUTO_FREE const cJSON **sorted = xcalloc(n, sizeof *sorted);
	size_t used = 0;
	JSON_FOR (output, stack) {
		if (strncmp(output->string, "ExportsOutput", 13) != 0) {
			sorted[used++] = output;
		}
	}
	qsort(sorted, used, sizeof *sorted, by_name);
	console_line(STYLE_PLAIN, "%s", used ? "  Outputs:" : "");
	for (size_t i = 0; i < used; i++) {
		console_line(STYLE_PLAIN, "    %s: %s", sorted[i]->string, json_value(sorted[i]));
	}
}

void story_stacks(const cJSON *outputs)
{
	JSON_FOR (stack, json_object(outputs, "outputs")) {
		console_line(STYLE_GREEN, " ✅  %s", stack->string);
		console_line(STYLE_PLAIN, "\nStack %s\n  Status: deployed", stack->string);
		print_outputs(stack);
	}
	JSON_FOR (note, json_array(outputs, "notes")) {
		console_line(STYLE_YELLOW, "Note: %s", json_value(note));
	}
}

void story_addresses(const cJSON *endpoints)
{
	JSON_FOR (api, json_object(endpoints, "apis")) {
		console_line(STYLE_PLAIN, "API %s: %s", api->string, json_value(api));
	}
	JSON_FOR (login, json_object(endpoints, "login")) {
		console_line(STYLE_PLAIN, "Login %s: %s", login->string, json_value(login));
	}
	console_line(STYLE_PLAIN, "AWS services: %s   (--endpoint-url, or AWS_ENDPOINT_URL)",
		json_str(endpoints, "service"));
	console_line(STYLE_PLAIN, "Console: %s", json_str(endpoints, "console"));
}

void story_event(const char *event, const cJSON *endpoints)
{
	struct buf members = BUF_INIT(16u << 20);
	json_add_tree(&members, endpoints);
	console_event(event, span_n(members.ptr + 1, members.len - 2));
	buf_fini(&members);
}

void story_ready(void *ctx, const cJSON *endpoints, const cJSON *outputs, bool first)
{
	(void)ctx;
	if (console_is_json()) {
		story_event("ready", endpoints);
		return;
	}
	story_stacks(outputs);
	if (first) {
		story_banner("Starting Live Lambda Dev");
		story_addresses(endpoints);
		console_line(STYLE_PLAIN, "Debug session started. Listening for requests...");
	} else {
		console_line(STYLE_GREY, "Stacks: Deploying completed.");
	}
}
