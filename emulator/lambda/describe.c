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

/* One page being written: the entries from..to of all that there are. */
struct page {
	struct buf *out;
	uint64_t from, to;
	uint64_t at; /* the entry that comes next */
};

static void add_entry(struct page *p, const struct model_function *f, const char *qualifier,
	const struct model *m)
{
	if (p->at >= p->from && p->at < p->to) {
		buf_add_str(p->out, p->at > p->from ? "," : "");
		function_config_add(p->out, f, qualifier, true, m->since_ms);
	}
	p->at++;
}

/* All apps' functions, one after the other; with `versions` also what was published of each. That their
 * ARNs bear $LATEST then is unconfirmed. */
static void add_functions(struct page *p, const struct apps *apps, bool versions)
{
	const struct model *m;
	for (size_t i = 0; (m = apps_at(apps, i)); i++) {
		for (size_t k = 0; k < m->n_functions; k++) {
			const struct model_function *f = &m->functions[k];
			add_entry(p, f, versions ? "$LATEST" : NULL, m);
			for (size_t q = 0; versions && q < f->qualifiers.n; q++) {
				if (function_name_is_version(f->qualifiers.at[q])) {
					add_entry(p, f, f->qualifiers.at[q], m);
				}
			}
		}
	}
}

/* A marker of ours is the index of the next entry; what the service says to one that it has not given is
 * unconfirmed. False: answered. */
static bool read_page(const struct api_call *c, uint64_t *from, uint64_t *max, bool *versions)
{
	struct span items = span_of(api_call_parameter(c, "MaxItems"));
	struct span marker = span_of(api_call_parameter(c, "Marker"));
	struct span version = span_of(api_call_parameter(c, "FunctionVersion"));
	*from = 0;
	*max = PAGE;
	*versions = version.ptr != NULL;
	if (items.ptr && (!span_u64(items, 10000, max) || !*max)) {
		api_error_value(c->x, items, "maxItems", "have value between 1 and 10000");
	} else if (marker.ptr && !span_u64(marker, UINT32_MAX, from)) {
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
	uint64_t from, max;
	bool versions;
	if (!read_page(c, &from, &max, &versions)) {
		return;
	}
	struct buf body = BUF_INIT(16 << 20);
	struct page page = { .out = &body, .from = from, .to = from + (max < PAGE ? max : PAGE) };
	buf_add_str(&body, "{\"Functions\":[");
	add_functions(&page, apps, versions);
	buf_add_char(&body, ']');
	if (page.to < page.at) {
		buf_addf(&body, ",\"NextMarker\":\"%llu\"}", (unsigned long long)page.to);
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
