#include "emulator/cognito/aws_proto.h"

#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/ids.h"
#include "proxy/base/json.h"

#define MAX_BODY (1 << 20)
#define STS_NAMESPACE "https://sts.amazonaws.com/doc/2011-06-15/"
#define EXPOSED "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"

struct span aws_json_operation(const struct http_request *r, const char *prefix)
{
	struct span target = http_header_get(r, "x-amz-target");
	struct span start = span_of(prefix);
	if (!target.ptr || !span_starts(target, start)) {
		return (struct span){ NULL, 0 };
	}
	return span_n(target.ptr + start.len, target.len - start.len);
}

/* A header's value may hold printable ASCII only; messages quote what the client sent. */
static const char *header_text(const char *text, struct arena *arena)
{
	char *copy = arena_strdup(arena, text);
	for (char *c = copy; *c; c++) {
		*c = *c >= ' ' && *c <= '~' ? *c : '?';
	}
	return copy;
}

static void reply(struct http_exchange *x, int status, const char *content_type,
	const char *request_id, const char *error_type, const char *error_message, struct span body)
{
	struct http_header headers[6] = {
		{ SPAN("Content-Type"), span_of(content_type) },
		{ SPAN("x-amzn-RequestId"), span_of(request_id) },
		{ SPAN("Access-Control-Allow-Origin"), SPAN("*") },
		{ SPAN("Access-Control-Expose-Headers"), SPAN(EXPOSED) },
	};
	size_t n = 4;
	struct arena *arena = http_request(x)->arena;
	if (error_type) {
		headers[n++] = (struct http_header){ SPAN("x-amzn-ErrorType"),
			span_of(arena_printf(arena, "%s:", error_type)) };
	}
	if (error_message) {
		headers[n++] = (struct http_header){ SPAN("x-amzn-ErrorMessage"),
			span_of(header_text(error_message, arena)) };
	}
	struct http_reply answer = {
		.status = status, .headers = headers, .n_headers = n, .body = body
	};
	http_reply(x, &answer);
}

#define JSON_TYPE "application/x-amz-json-1.1"

void aws_json_reply(struct http_exchange *x, struct span body)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	reply(x, 200, JSON_TYPE, id, NULL, NULL, body);
}

void aws_json_error(struct http_exchange *x, const char *type, const char *message)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	struct buf body = BUF_INIT(MAX_BODY);
	buf_add_char(&body, '{');
	json_add_member(&body, "__type", span_of(type));
	/* The service writes it with a capital M when the refusal comes from IAM. */
	if (message) {
		json_add_member(&body,
			strcmp(type, "AccessDeniedException") == 0 ? "Message" : "message",
			span_of(message));
	}
	buf_add_char(&body, '}');
	int status = strcmp(type, "InternalErrorException") == 0 ? 500 : 400;
	reply(x, status, JSON_TYPE, id, type, message, buf_span(&body));
	buf_fini(&body);
}

void aws_xml_element(struct buf *out, const char *name, const char *text)
{
	AUTO_FREE char *plain = xstrdup(text);
	for (char *c = plain; *c; c++) {
		/* XML 1.0 has no way to write the other control characters. */
		*c = (unsigned char)*c < ' ' && !strchr("\t\r\n", *c) ? '?' : *c;
	}
	buf_addf(out, "<%s>", name);
	markup_escape(out, plain);
	buf_addf(out, "</%s>", name);
}

void aws_query_reply(struct http_exchange *x, const char *operation, struct span result)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	struct buf body = BUF_INIT(MAX_BODY);
	buf_addf(&body, "<%sResponse xmlns=\"" STS_NAMESPACE "\">\n  <%sResult>", operation,
		operation);
	buf_add_span(&body, result);
	buf_addf(&body,
		"</%sResult>\n  <ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>\n"
		"</%sResponse>\n",
		operation, id, operation);
	reply(x, 200, "text/xml", id, NULL, NULL, buf_span(&body));
	buf_fini(&body);
}

void aws_query_error(struct http_exchange *x, int status, const char *code, const char *message)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	struct buf body = BUF_INIT(MAX_BODY);
	buf_addf(&body,
		"<ErrorResponse xmlns=\"" STS_NAMESPACE "\">\n  <Error>\n    <Type>%s</Type>\n    ",
		status < 500 ? "Sender" : "Receiver");
	aws_xml_element(&body, "Code", code);
	buf_add_str(&body, "\n    ");
	aws_xml_element(&body, "Message", message);
	buf_addf(&body, "\n  </Error>\n  <RequestId>%s</RequestId>\n</ErrorResponse>\n", id);
	reply(x, status, "text/xml", id, NULL, NULL, buf_span(&body));
	buf_fini(&body);
}

bool aws_is_preflight(const struct http_request *r)
{
	return span_is(r->method, "OPTIONS") &&
	       http_header_get(r, "access-control-request-method").ptr;
}

void aws_preflight_reply(struct http_exchange *x)
{
	const struct http_request *r = http_request(x);
	struct span asked = http_header_get(r, "access-control-request-headers");
	const struct http_header headers[] = {
		{ SPAN("Access-Control-Allow-Origin"), SPAN("*") },
		{ SPAN("Access-Control-Allow-Methods"), SPAN("POST, GET, OPTIONS") },
		{ SPAN("Access-Control-Allow-Headers"),
			asked.ptr ? asked : SPAN("content-type,x-amz-target") },
		{ SPAN("Access-Control-Expose-Headers"), SPAN(EXPOSED) },
		{ SPAN("Access-Control-Max-Age"), SPAN("172800") },
	};
	struct http_reply answer = {
		.status = 200, .headers = headers, .n_headers = COUNT_OF(headers)
	};
	http_reply(x, &answer);
}
