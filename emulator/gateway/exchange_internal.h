/* The inside of an exchange, for exchange.c (states, routing, authorizing), exchange_run.c (the
 * integration) and exchange_end.c (the answer) only. */
#pragma once

#include "emulator/gateway/context.h"
#include "emulator/gateway/exchange.h"
#include "emulator/gateway/http_proxy.h"
#include "emulator/gateway/reply.h"
#include "proxy/base/ids.h"

/* Scratch memory above this is not kept between requests. */
#define EXCHANGE_KEEP_SCRATCH (256u * 1024)

#define EXCHANGE_STATES(X)            \
	X(RECEIVED, "received")       \
	X(ROUTED, "routed")           \
	X(AUTHORIZING, "authorizing") \
	X(AUTHORIZED, "authorized")   \
	X(INVOKING, "invoking")       \
	X(RELAYING, "relaying")       \
	X(REPLIED, "replied")         \
	X(GONE, "gone")

enum exchange_state {
#define X(name, text) EXCHANGE_##name,
	EXCHANGE_STATES(X)
#undef X
};

struct exchange {
	struct exchange_env *env;
	struct http_exchange *x;
	const struct http_request *http;
	struct snapshot_api *api; /* holds its snapshot; NULL: no such API */
	enum exchange_state state;
	char request_id[GATEWAY_ID_LEN + 1];
	char trace_id[EVENT_TRACE_LEN];
	uint64_t started_ns, invoked_ns;
	const struct model_stage *stage;
	struct span path; /* without the stage's segment */
	struct route_match match;
	struct event_input event;
	struct context context;
	struct gateway_request info;
	/* Authorizing. */
	struct auth_request question;
	struct auth_job *job;
	bool *answered; /* set when auth answered within auth_check */
	struct auth_verdict verdict;
	/* Invoking and relaying. */
	struct invocation *invocation;
	struct http_proxy *proxy;
	bool streamed; /* the body is still to come, and goes straight to the backend */
	uint64_t deadline_ns;
	struct list waiting; /* in env->waiting */
};

/* The one place where states change; a move that the picture lacks is our own mistake. */
void exchange_move(struct exchange *e, enum exchange_state to);

static inline const struct gateway_config *exchange_config(const struct exchange *e)
{
	return e->env->config;
}

static inline double exchange_ms_since(const struct exchange *e, uint64_t then_ns)
{
	return (double)(clock_mono_ns(exchange_config(e)->clock) - then_ns) / 1e6;
}

static inline struct snapshot *exchange_snapshot(const struct exchange *e)
{
	return e->api ? e->api->owner : NULL;
}

/* exchange_run.c: refuses whose deadlines have passed; ctx is the env. */
void exchange_on_deadline(void *ctx);
/* exchange_run.c: an authorized exchange goes to its integration; ends in an answer. */
void exchange_integrate(struct exchange *e);

/* exchange_end.c. The two that answer are the last to touch e. */
void exchange_answer(struct exchange *e, struct reply *r);
/* The gateway's own answer, with the reason told to the developer. */
void exchange_refuse(struct exchange *e, int status, const char *check, const char *reason);
void exchange_tell_refused(struct exchange *e, int status, const char *check, const char *reason);
void exchange_tell_response(struct exchange *e, int status);
/* The headers that every answer gets last. */
void exchange_finish_headers(struct exchange *e, struct reply *r);
/* The last book-keeping of an answered exchange: its state, observers, access log. */
void exchange_settle(struct exchange *e, int status, size_t length);
/* What reply_error(status) says, for $context.error.message. */
struct span exchange_error_message(int status);
