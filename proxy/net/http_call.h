/* One request of the HTTP client and its answer, in libcurl's terms. The inside of the client: shared by
 * http_call.c (what is asked, what comes back) and http_client.c (when curl runs, who is told). Nobody
 * else includes it. */
#pragma once

#include "proxy/base/list.h"
#include "proxy/net/curl_library.h"
#include "proxy/net/http_client.h"
#include "proxy/net/http_upload.h"

#define HTTP_CALL_HEADERS_MAX 200

struct http_call {
	struct list node; /* client->calls */
	struct http_client *client;
	const struct curl_library *curl; /* NULL until prepared, or there is none */
	struct http_client_request req;
	CURL *easy; /* NULL likewise */
	struct curl_slist *headers;
	char *method, *url;
	char error[CURL_ERROR_SIZE];
	struct arena *arena; /* the answer's headers */
	struct http_header answer_headers[HTTP_CALL_HEADERS_MAX];
	size_t n_answer_headers, head_size;
	struct http_upload upload; /* a streamed body of the request */
	struct buf body;
	int64_t stated; /* bytes of the answer's body by its head; -1: not said */
	size_t received; /* of the body */
	bool added; /* curl knows it */
	bool has_head;
	bool too_large;
	bool paused, resumed;
	bool canceled; /* to be freed, nobody to be told */
};

/* Copies what it needs of the request, but for the headers' and the body's bytes. */
struct http_call *http_call_create(struct http_client *c, const struct http_client_request *r);
/* Makes curl's handle; whoever runs curl adds it. */
void http_call_prepare(struct http_call *call, const struct curl_library *curl);
/* What went wrong, in err; success leaves it alone. */
void http_call_explain(const struct http_call *call, CURLcode rc, struct err *err);
/* The answer is whole though the request's body is not: a server that wants no more of it says
 * "Connection: close" and leaves, and curl may wait for the body's end. */
bool http_call_answered_early(const struct http_call *call);
/* It is on no list, and out of curl. */
void http_call_free(struct http_call *call);
