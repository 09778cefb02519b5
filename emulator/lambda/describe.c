#include "emulator/lambda/describe.h"

#include "emulator/lambda/api_error.h"
#include "emulator/lambda/function_config.h"
#include "proxy/base/alloc.h"
#include "proxy/base/ids.h"
#include "proxy/base/json.h"

#define PAGE 50

static void reply_json(struct http_exchange *x, struct span body)
{
	char id[UUID_LEN + 1];
	uuid_random(id);
	const struct http_header headers[] = { { SPAN("Content-Type"), SPAN("application/json") },
		{ SPAN("x-amzn-RequestId"), span_of(id) } };
	http_reply(x, &(struct http_reply){ .status = 200,
			      .headers = headers,
			      .n_headers = COUNT_OF(headers),
			      .body = body });
}

static size_t count(const struct apps *apps)
{
	const struct model *m;
	size_t n = 0;
	for (size_t i = 0; (m = apps_at(apps, i)); i++) {
		n += m->n_functions;
	}
	return n;
}

/* The functions from..to of all apps, one after the other. */
static void add_range(struct buf *out, const struct apps *apps, uint64_t from, uint64_t to)
{
	const struct model *m;
	uint64_t at = 0;
	for (size_t i = 0; (m = apps_at(apps, i)); i++) {
		for (size_t k = 0; k < m->n_functions; k++, at++) {
			if (at >= from && at < to) {
				buf_add_str(out, at > from ? "," : "");
				function_config_add(out, &m->functions[k], NULL, true, m->since_ms);
			}
		}
	}
}

struct page {
	uint64_t from, max;
};

/* A marker of ours is the index of the next function; what the service says to a marker that it has not
 * given is unconfirmed. False: answered. */
static bool read_page(const struct api_call *c, uint64_t n, struct page *out)
{
	struct span items = span_of(api_call_parameter(c, "MaxItems"));
	struct span marker = span_of(api_call_parameter(c, "Marker"));
	struct span version = span_of(api_call_parameter(c, "FunctionVersion"));
	*out = (struct page){ .max = PAGE };
	if (items.ptr && (!span_u64(items, 10000, &out->max) || !out->max)) {
		api_error_value(c->x, items, "maxItems", "have value between 1 and 10000");
	} else if (marker.ptr && !span_u64(marker, n, &out->from)) {
		api_error_value(c->x, marker, "marker", "be the NextMarker of an earlier page");
	} else if (version.ptr && !span_is(version, "ALL")) {
		api_error_value(c->x, version, "functionVersion", "satisfy enum value set: [ALL]");
	} else {
		return true;
	}
	return false;
}

void describe_list(const struct api_call *c, const struct apps *apps)
{
	struct page page;
	uint64_t n = count(apps);
	if (!read_page(c, n, &page)) {
		return;
	}
	uint64_t to = page.from + (page.max < PAGE ? page.max : PAGE);
	struct buf body = BUF_INIT(16 << 20);
	buf_add_str(&body, "{\"Functions\":[");
	add_range(&body, apps, page.from, to);
	buf_add_char(&body, ']');
	if (to < n) {
		buf_addf(&body, ",\"NextMarker\":\"%llu\"}", (unsigned long long)to);
	} else {
		buf_add_str(&body, ",\"NextMarker\":null}");
	}
	reply_json(c->x, buf_span(&body));
	buf_fini(&body);
}

void describe_one(const struct api_call *c, const struct model *m)
{
	const struct model_function *f = c->name.function;
	struct buf body = BUF_INIT(1 << 20);
	if (c->operation == API_GET) {
		buf_add_str(&body, "{\"Configuration\":");
	}
	function_config_add(&body, f, c->name.qualifier, false, m->since_ms);
	if (c->operation == API_GET) {
		/* The code lies on the developer's disk; clients only want the member to be there. */
		buf_add_str(&body, ",\"Code\":{\"RepositoryType\":\"S3\",\"Location\":\"\"}");
		if (f->reserved_concurrency >= 0) {
			buf_addf(&body, ",\"Concurrency\":{\"ReservedConcurrentExecutions\":%d}",
				f->reserved_concurrency);
		}
		buf_add_char(&body, '}');
	}
	reply_json(c->x, buf_span(&body));
	buf_fini(&body);
}
