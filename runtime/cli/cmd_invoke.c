/* offstage invoke FUNCTION: Lambda's Invoke with the log's tail. Result on stdout, logs on stderr. */
#include <stdio.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/encode.h"
#include "proxy/base/file.h"
#include "runtime/cli/client.h"
#include "runtime/cli/cmd.h"

#define MAX_EVENT (6u << 20)

static int read_stdin(struct buf *out, struct err *err)
{
	ssize_t n = 1;
	while (n > 0) {
		char *to = buf_reserve(out, 65536);
		if (!to) {
			return err_set(err, ERR_LIMIT, "the event is larger than 6 MB");
		}
		n = read(STDIN_FILENO, to, 65536);
		if (n > 0) {
			buf_commit(out, (size_t)n);
		}
	}
	return 0;
}

static int read_event(const struct options *o, struct buf *out, struct err *err)
{
	if (!o->event) {
		buf_add_str(out, "{}");
		return 0;
	}
	return strcmp(o->event, "-") == 0 ? read_stdin(out, err) : file_read(o->event, out, err);
}

static void print_logs(const struct client_reply *reply)
{
	struct buf text = BUF_INIT(65536);
	if (base64_decode(&text, client_reply_header(reply, "x-amz-log-result"))) {
		fwrite(text.ptr, 1, text.len, stderr);
	}
	buf_fini(&text);
}

/* Handlers are resolved here: on an emulator with several apps only names are unique. */
static const char *function_name(const struct options *o, const cJSON *endpoints)
{
	const char *found = NULL;
	JSON_FOR (f, json_array(endpoints, "functions")) {
		const char *handler = json_str(f, "handler");
		if (handler && strcmp(handler, o->function) == 0) {
			if (found) {
				return o->function; /* the service says what is ambiguous */
			}
			found = json_str(f, "name");
		}
	}
	return found ? found : o->function;
}

static void print_functions(const cJSON *endpoints)
{
	console_problem("The app's functions, by handler and by name:");
	JSON_FOR (f, json_array(endpoints, "functions")) {
		console_problem("  %s  %s", json_str(f, "handler"), json_str(f, "name"));
	}
}

static int invoke(
	const struct options *o, const cJSON *endpoints, struct span event, struct err *err)
{
	AUTO_FREE char *bearer = client_bearer(o, endpoints, err);
	if (!bearer) {
		return -(int)err->code;
	}
	struct buf url = BUF_INIT(4096);
	buf_addf(&url, "%s/2015-03-31/functions/", json_str(endpoints, "service"));
	percent_encode(&url, span_of(function_name(o, endpoints)), "");
	/* Of this app: another on the same emulator may have a function of that name. */
	buf_add_str(&url, "/invocations?app=");
	percent_encode(&url, json_span(endpoints, "app"), "");
	buf_add_str(&url, "&stage=");
	percent_encode(&url, json_span(endpoints, "stage"), "");
	struct http_header headers[] = { { SPAN("x-amz-log-type"), SPAN("Tail") },
		{ SPAN("authorization"), span_of(bearer) } };
	struct client_reply reply;
	int rc = client_call("POST", buf_cstr(&url), headers, *bearer ? 2 : 1, event, &reply, err);
	bool good = !rc && reply.status == 200;
	if (good) {
		print_logs(&reply);
	}
	FILE *to = good ? stdout : stderr;
	if (!rc) {
		fwrite(reply.body.ptr, 1, reply.body.len, to);
		fputc('\n', to);
		good = good && !client_reply_header(&reply, "x-amz-function-error").ptr;
	}
	if (!rc && reply.status == 404) {
		print_functions(endpoints);
	}
	client_reply_fini(&reply);
	buf_fini(&url);
	return rc ? rc : good ? 0 : -1;
}

int cmd_invoke(const struct options *o)
{
	struct err err = ERR_INIT;
	struct buf event = BUF_INIT(MAX_EVENT);
	AUTO_JSON cJSON *endpoints = client_endpoints(o, &err);
	int rc = !endpoints || read_event(o, &event, &err)
			 ? -1
			 : invoke(o, endpoints, buf_span(&event), &err);
	if (err.code) {
		console_problem("%s", err.msg);
	}
	buf_fini(&event);
	return rc ? EXIT_FAILED : EXIT_DONE;
}
