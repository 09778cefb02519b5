#include "emulator/lambda/api_call.h"

#include "emulator/lambda/api_error.h"
#include "proxy/base/alloc.h"
#include "proxy/base/encode.h"
#include "proxy/base/json.h"

#define MAX_CONTEXT 3583 /* of base64; the texts of its refusals are unconfirmed */

/* Paths. */

#define FUNCTIONS "/2015-03-31/functions"

static const struct {
	struct span prefix, method, tail; /* PREFIX/NAME TAIL */
	enum api_operation operation;
} routes[] = {
	{ { FUNCTIONS "/", sizeof FUNCTIONS }, { "GET", 3 }, { "", 0 }, API_GET },
	{ { FUNCTIONS "/", sizeof FUNCTIONS }, { "GET", 3 }, { "/configuration", 14 },
		API_GET_CONFIGURATION },
	{ { FUNCTIONS "/", sizeof FUNCTIONS }, { "POST", 4 }, { "/invocations", 12 }, API_INVOKE },
	{ { "/2014-11-13/functions/", 22 }, { "POST", 4 }, { "/invoke-async", 13 },
		API_INVOKE_ASYNC },
	{ { "/2014-11-13/functions/", 22 }, { "POST", 4 }, { "/invoke-async/", 14 },
		API_INVOKE_ASYNC },
	{ { "/2021-11-15/functions/", 22 }, { "POST", 4 },
		{ "/response-streaming-invocations", 31 }, API_INVOKE_STREAM },
};

bool api_call_handles(struct span path)
{
	return span_is(path, FUNCTIONS) || span_starts(path, SPAN(FUNCTIONS "/")) ||
	       span_starts(path, SPAN("/2014-11-13/functions/")) ||
	       span_starts(path, SPAN("/2021-11-15/functions/"));
}

/* The name stays percent-encoded: it may hold no slash, but an encoded one (a handler's). */
static enum api_operation match(const struct http_request *r, struct span *name)
{
	*name = (struct span){ NULL, 0 };
	if (span_is(r->path, FUNCTIONS) || span_is(r->path, FUNCTIONS "/")) {
		return span_is(r->method, "GET") ? API_LIST : API_UNKNOWN;
	}
	for (size_t i = 0; i < COUNT_OF(routes); i++) {
		if (!span_eq(r->method, routes[i].method) ||
			!span_starts(r->path, routes[i].prefix)) {
			continue;
		}
		struct span rest = span_n(
			r->path.ptr + routes[i].prefix.len, r->path.len - routes[i].prefix.len);
		ptrdiff_t slash = span_find(rest, '/');
		size_t n = slash < 0 ? rest.len : (size_t)slash;
		if (n && span_eq(span_n(rest.ptr + n, rest.len - n), routes[i].tail)) {
			*name = span_n(rest.ptr, n);
			return routes[i].operation;
		}
	}
	return API_UNKNOWN;
}

static struct span decoded(struct arena *arena, struct span text)
{
	struct buf out = BUF_INIT(16384);
	bool whole = percent_decode(&out, text, false);
	struct span copy = arena_span(arena, whole ? buf_span(&out) : text);
	buf_fini(&out);
	return copy;
}

const char *api_call_parameter(const struct api_call *c, const char *name)
{
	struct span rest = c->r->query;
	while (rest.ptr) {
		struct span value = span_cut(&rest, '&');
		struct span key = span_cut(&value, '=');
		if (span_is(key, name)) {
			return value.len ? decoded(c->r->arena, value).ptr : NULL;
		}
	}
	return NULL;
}

void api_call_init(struct api_call *c, struct http_exchange *x)
{
	struct span name;
	*c = (struct api_call){ .x = x, .r = http_request(x) };
	c->operation = match(c->r, &name);
	c->text = decoded(c->r->arena, name);
	c->qualifier = api_call_parameter(c, "Qualifier");
}

/* Names. */

bool api_call_find(struct api_call *c, const struct model *m)
{
	struct function_name_fault fault;
	size_t max = c->operation == API_INVOKE || c->operation == API_INVOKE_ASYNC ||
				     c->operation == API_INVOKE_STREAM
			     ? FUNCTION_NAME_MAX_INVOKE
			     : FUNCTION_NAME_MAX;
	if (function_name_parse(m, c->text, c->qualifier, max, c->r->arena, &c->name, &fault)) {
		return true;
	}
	api_error_reply(c->x, fault.status, fault.type, "%s", fault.message);
	return false;
}

/* GetFunction leaves $LATEST out. */
const char *api_call_missing_arn(const struct api_call *c, const struct model *m)
{
	const char *qualifier = c->name.qualifier;
	if (!qualifier && c->operation != API_GET && c->operation != API_GET_CONFIGURATION) {
		qualifier = "$LATEST";
	}
	return arena_printf(c->r->arena, "arn:aws:lambda:%s:%s:function:%s%s%s", m->region,
		m->account, c->name.name, qualifier ? ":" : "", qualifier ? qualifier : "");
}

/* What is sent along. */

static const char *skip_space(const char *from, const char *end)
{
	while (from < end && (*from == ' ' || *from == '\t' || *from == '\n' || *from == '\r')) {
		from++;
	}
	return from;
}

/* The character that begins there, and its code; a byte that begins none stands for itself. */
static struct span character_at(struct span text, size_t at, unsigned *code)
{
	unsigned char first = (unsigned char)text.ptr[at];
	size_t n = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	n = n < text.len - at ? n : text.len - at;
	struct span whole = span_n(text.ptr + at, n);
	*code = first;
	if (!utf8_valid(whole)) {
		return SPAN("?");
	}
	*code = n == 1 ? first : first & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		*code = *code << 6 | ((unsigned char)whole.ptr[i] & 0x3f);
	}
	return whole;
}

/* Jackson's words, since that is what the service answers with. */
static void refuse_json(struct http_exchange *x, struct span body, size_t at)
{
	unsigned line = 1, column = 1;
	at = at < body.len ? at : body.len - 1;
	for (size_t i = 0; i < at; i++) {
		column = body.ptr[i] == '\n' ? 1 : column + 1;
		line += body.ptr[i] == '\n';
	}
	unsigned code;
	struct span c = character_at(body, at, &code);
	api_error_reply(x, 400, "InvalidRequestContentException",
		"Could not parse request body into json: Could not parse payload into json: "
		"Unexpected character ('%.*s' (code %u)): expected a valid value (JSON String, "
		"Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: REDACTED "
		"(`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %u, column: %u]",
		SPAN_ARG(c), code, line, column);
}

/* Validity is all that counts here: the bytes go on as they came. Not json_parse: depth and NUL escapes are
 * the handler's business. */
bool api_call_read_payload(struct api_call *c, size_t max)
{
	c->payload = c->r->body;
	if (c->payload.len > max) {
		api_error_reply(c->x, 413, "RequestEntityTooLargeException",
			"Request must be smaller than %zu bytes for the InvokeFunction operation",
			max);
		return false;
	}
	if (!c->payload.len) {
		/* Not confirmed for the service; the other emulators do so (5.1). */
		c->payload = SPAN("{}");
		return true;
	}
	const char *end = NULL, *last = c->payload.ptr + c->payload.len;
	cJSON *tree = cJSON_ParseWithLengthOpts(c->payload.ptr, c->payload.len, &end, 0);
	end = tree ? skip_space(end, last) : end;
	bool valid = tree && end == last && utf8_valid(c->payload);
	cJSON_Delete(tree);
	if (!valid) {
		refuse_json(c->x, c->payload, end ? (size_t)(end - c->payload.ptr) : 0);
	}
	return valid;
}

bool api_call_read_context(struct api_call *c)
{
	struct span header = http_header_get(c->r, "x-amz-client-context");
	if (header.len > MAX_CONTEXT) {
		api_error_reply(c->x, 400, "InvalidRequestContentException",
			"Client context must be no more than %d bytes when Base64-encoded.",
			MAX_CONTEXT);
		return false;
	}
	struct buf text = BUF_INIT(MAX_CONTEXT);
	bool fine = base64_decode(&text, header);
	AUTO_JSON cJSON *tree = fine && text.len ? json_parse(buf_span(&text), NULL) : NULL;
	c->context = arena_span(c->r->arena, buf_span(&text));
	buf_fini(&text);
	if (header.len && !cJSON_IsObject(tree)) {
		api_error_reply(c->x, 400, "InvalidRequestContentException",
			"Client context must be a valid Base64-encoded JSON object.");
		return false;
	}
	return true;
}
