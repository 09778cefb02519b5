#include "emulator/agents.h"

#include <stdlib.h>
#include <uthash.h>

#include "proxy/base/list.h"
#include "proxy/base/log.h"

#define MOST_WAITING (96u << 20) /* bytes an agent may be behind before it gets nothing more */

struct agent {
	struct list link;
	struct bridge_peer *peer;
	unsigned running;
};

/* An invocation on its way: which agent has it. */
struct flight {
	uint64_t wire_id;
	struct agent *agent;
	UT_hash_handle hh;
};

struct agents {
	struct list list; /* struct agent */
	struct flight *flights;
};

struct agents *agents_create(void)
{
	struct agents *a = xalloc(sizeof *a);
	list_init(&a->list);
	return a;
}

static void flight_free(struct agents *a, struct flight *f)
{
	HASH_DEL(a->flights, f);
	free(f);
}

void agents_destroy(struct agents *a)
{
	if (!a) {
		return;
	}
	struct flight *f, *next;
	HASH_ITER (hh, a->flights, f, next) {
		flight_free(a, f);
	}
	LIST_FOR_SAFE (node, &a->list) {
		list_remove(node);
		free(container_of(node, struct agent, link));
	}
	free(a);
}

void agents_add(struct agents *a, struct bridge_peer *p)
{
	struct agent *agent = xalloc(sizeof *agent);
	agent->peer = p;
	list_push_back(&a->list, &agent->link);
}

static struct agent *find_agent(const struct agents *a, const struct bridge_peer *p)
{
	LIST_FOR (node, &a->list) {
		struct agent *agent = container_of(node, struct agent, link);
		if (agent->peer == p) {
			return agent;
		}
	}
	return NULL;
}

static struct flight *flight_of(struct agents *a, const struct agent *agent)
{
	struct flight *f, *next;
	HASH_ITER (hh, a->flights, f, next) {
		if (f->agent == agent) {
			return f;
		}
	}
	return NULL;
}

bool agents_remove(struct agents *a, struct bridge_peer *p,
	void (*lost)(void *ctx, uint64_t wire_id), void *ctx)
{
	struct agent *agent = find_agent(a, p);
	if (!agent) {
		return false;
	}
	list_remove(&agent->link);
	/* Each search starts anew: whoever is told may begin or end other invocations. */
	struct flight *f;
	while ((f = flight_of(a, agent))) {
		uint64_t wire_id = f->wire_id;
		flight_free(a, f);
		lost(ctx, wire_id);
	}
	free(agent);
	return true;
}

struct bridge_peer *agents_any(const struct agents *a)
{
	struct list *first = list_first(&a->list);
	return first ? container_of(first, struct agent, link)->peer : NULL;
}

size_t agents_count(const struct agents *a)
{
	size_t n = 0;
	LIST_FOR (node, &a->list) {
		n++;
	}
	return n;
}

/* An agent that takes nothing, stopped or behind a slow line, must not fill our memory with what waits for it. */
static bool keeps_up(const struct agent *agent)
{
	size_t waiting = bridge_peer_waiting(agent->peer);
	if (waiting > MOST_WAITING) {
		log_warn("emulator",
			"%s is %zu bytes behind and gets nothing more until it has caught up",
			bridge_peer_name(agent->peer), waiting);
	}
	return waiting <= MOST_WAITING;
}

static struct agent *least_busy(struct agents *a)
{
	struct agent *best = NULL;
	LIST_FOR (node, &a->list) {
		struct agent *agent = container_of(node, struct agent, link);
		if ((!best || agent->running < best->running) && keeps_up(agent)) {
			best = agent;
		}
	}
	return best;
}

int agents_invoke(struct agents *a, uint64_t wire_id, struct span meta, struct span payload)
{
	struct agent *agent = least_busy(a);
	if (!agent) {
		return -ERR_UNAVAILABLE;
	}
	bridge_peer_send(agent->peer,
		&(struct wire_message){
			.type = WIRE_INVOKE, .id = wire_id, .meta = meta, .payload = payload });
	struct flight *f = xrealloc(NULL, sizeof *f);
	*f = (struct flight){ .wire_id = wire_id, .agent = agent };
	agent->running++;
	HASH_ADD(hh, a->flights, wire_id, sizeof f->wire_id, f);
	return 0;
}

static struct flight *find_flight(struct agents *a, uint64_t wire_id)
{
	struct flight *f;
	HASH_FIND(hh, a->flights, &wire_id, sizeof wire_id, f);
	return f;
}

void agents_tell(struct agents *a, uint64_t wire_id, enum wire_type type, struct span meta)
{
	struct flight *f = find_flight(a, wire_id);
	if (f) {
		bridge_peer_send(f->agent->peer,
			&(struct wire_message){ .type = type, .id = wire_id, .meta = meta });
	}
}

void agents_ended(struct agents *a, uint64_t wire_id)
{
	struct flight *f = find_flight(a, wire_id);
	if (f) {
		f->agent->running--;
		flight_free(a, f);
	}
}
