/* When is another worker worth it? A start costs about `cold_start` of waiting for whoever asked for it,
 * and a process. So (a) if the newest in the queue expects to wait longer than that, start one. And (b),
 * for handlers that are slow compared with a start, where each process more is that much more throughput:
 * if those who wait have together paid a start's worth of waiting since the last one (the ski-rental
 * rule). Fast handlers never meet (b): for them a queue of a few milliseconds is cheaper than a process. */
#include "runtime/pool/pool.h"

#include <math.h>
#include <stdlib.h>

#define DEFAULT_WORKERS 100
#define DEFAULT_STARTING 4
#define GUESSED_DURATION 20.0
#define GUESSED_COLD_START 150.0
#define SLOW_SHARE 0.25 /* of a cold start: from here on a handler counts as slow */
#define SMOOTHING 0.2
#define PEAK_DECAY 0.95
#define AHEAD_MEASURED 20 /* invocations seen before events are sent ahead */
#define AHEAD_AVERAGE_MS 5.0
#define AHEAD_PEAK_MS 10.0
#define AHEAD_MOST RUNTIME_MAX_AHEAD
#define NEAR_MS 1.0
#define IDLE_EXTRA_MS (60 * 1000.0)
#define IDLE_LAST_MS (10 * 60 * 1000.0)

struct pool_function {
	struct list link; /* of the pool's functions */
	struct pool *pool;
	void *data;
	bool prefetch;
	bool closed;
	struct list queue; /* struct invocation, oldest first */
	unsigned waiting;
	struct list seats; /* struct seat, most recently used first */
	unsigned n_seats;
	struct pool_measure measure;
	double paid_ms; /* waited by all together since the last start */
	uint64_t paid_ns; /* up to when that is counted */
};

struct pool {
	struct pool_config config;
	struct list functions;
	unsigned n_seats;
	unsigned n_staying; /* seats that are not leaving */
	unsigned n_waiting; /* invocations in all queues */
};

static uint64_t now_ns(const struct pool *p)
{
	return clock_mono_ns(p->config.clock);
}

static double elapsed_ms(const struct pool *p, uint64_t since_ns)
{
	return (double)(now_ns(p) - since_ns) / 1e6;
}

struct pool *pool_create(const struct pool_config *config)
{
	struct pool *p = xalloc(sizeof *p);
	p->config = *config;
	if (p->config.max_workers == 0) {
		p->config.max_workers = DEFAULT_WORKERS;
	}
	if (p->config.max_starting == 0) {
		p->config.max_starting = DEFAULT_STARTING;
	}
	list_init(&p->functions);
	return p;
}

void pool_destroy(struct pool *p)
{
	if (p) {
		ENSURE(list_empty(&p->functions) && p->n_seats == 0);
		free(p);
	}
}

struct pool_function *pool_function_open(struct pool *p, void *data, bool prefetch)
{
	struct pool_function *f = xalloc(sizeof *f);
	f->pool = p;
	f->data = data;
	f->prefetch = prefetch;
	list_init(&f->queue);
	list_init(&f->seats);
	list_push_back(&p->functions, &f->link);
	return f;
}

void *pool_function_data(const struct pool_function *f)
{
	return f->data;
}

const struct pool_measure *pool_function_measure(const struct pool_function *f)
{
	return &f->measure;
}

bool pool_is_waiting(const struct pool *p)
{
	return p->n_waiting > 0;
}

unsigned pool_seats(const struct pool *p)
{
	return p->n_seats;
}

bool pool_is_crowded(const struct pool *p)
{
	return p->n_seats > p->config.max_workers / 2;
}

unsigned pool_waiting(const struct pool_function *f)
{
	return f->waiting;
}

/* ---- seats ---- */

static void seat_leave(struct seat *s)
{
	if (s->state != SEAT_LEAVING) {
		struct pool *p = s->function->pool;
		s->state = SEAT_LEAVING;
		p->n_staying--;
		p->config.ops->stop(p->config.ctx, s);
	}
}

static unsigned count_seats(const struct pool_function *f, enum seat_state state)
{
	unsigned n = 0;
	LIST_FOR (node, &f->seats) {
		n += container_of(node, struct seat, link)->state == state;
	}
	return n;
}

static void function_free_if_done(struct pool_function *f)
{
	if (f->closed && f->n_seats == 0) {
		list_remove(&f->link);
		free(f);
	}
}

static void seat_free(struct seat *s)
{
	struct pool_function *f = s->function;
	list_remove(&s->link);
	f->n_seats--;
	f->pool->n_seats--;
	if (s->state != SEAT_LEAVING) {
		f->pool->n_staying--;
	}
	free(s);
}

/* The seat that has idled longest, of any function. */
static struct seat *longest_idle(struct pool *p)
{
	struct seat *found = NULL;
	LIST_FOR (fnode, &p->functions) {
		struct pool_function *f = container_of(fnode, struct pool_function, link);
		LIST_FOR (node, &f->seats) {
			struct seat *s = container_of(node, struct seat, link);
			if (s->state == SEAT_IDLE && (!found || s->since_ns < found->since_ns)) {
				found = s;
			}
		}
	}
	return found;
}

/* Room under the total bound, if need be by sending away another function's idle worker. */
static bool make_place(struct pool *p)
{
	if (p->n_staying < p->config.max_workers) {
		return true;
	}
	struct seat *s = longest_idle(p);
	if (s) {
		seat_leave(s);
	}
	return s != NULL;
}

/* ---- the queue ---- */

static void queue_put(struct pool_function *f, struct invocation *inv, bool in_front)
{
	if (in_front) {
		list_push_front(&f->queue, &inv->link);
	} else {
		list_push_back(&f->queue, &inv->link);
	}
	f->waiting++;
	f->pool->n_waiting++;
}

static void queue_remove(struct pool_function *f, struct invocation *inv)
{
	list_remove(&inv->link);
	f->waiting--;
	f->pool->n_waiting--;
}

static struct invocation *queue_pop(struct pool_function *f)
{
	struct invocation *inv = container_of(list_first(&f->queue), struct invocation, link);
	queue_remove(f, inv);
	return inv;
}

static void fail_next(struct pool_function *f, const char *type, struct span body)
{
	const struct pool_config *c = &f->pool->config;
	c->ops->fail(c->ctx, f, queue_pop(f), type, body);
}

static bool start_seat(struct pool_function *f, struct invocation *first)
{
	struct pool *p = f->pool;
	struct seat *s = xalloc(sizeof *s);
	list_init(&s->link);
	s->function = f;
	s->has_first = first != NULL;
	s->since_ns = now_ns(p);
	s->worker = p->config.ops->start(p->config.ctx, s, first);
	if (!s->worker) {
		free(s);
		return false;
	}
	list_push_back(&f->seats, &s->link);
	f->n_seats++;
	p->n_seats++;
	p->n_staying++;
	f->paid_ms = 0;
	return true;
}

/* ---- decisions ---- */

/* Adds what those in the queue have waited since the last look. */
static void count_waiting(struct pool_function *f)
{
	uint64_t now = now_ns(f->pool);
	f->paid_ms = f->waiting ? f->paid_ms + f->waiting * (double)(now - f->paid_ns) / 1e6 : 0;
	f->paid_ns = now;
}

/* Invocations per millisecond that the present seats are expected to finish. */
static double expected_rate(const struct pool_function *f)
{
	const struct pool_config *c = &f->pool->config;
	double usual = f->measure.count ? f->measure.duration : GUESSED_DURATION;
	double rate = 0;
	LIST_FOR (node, &f->seats) {
		const struct seat *s = container_of(node, struct seat, link);
		if (s->state == SEAT_BUSY) {
			rate += 1 / fmax(fmax(usual, c->ops->running_ms(c->ctx, s)), 0.01);
		} else if (s->state == SEAT_STARTING) {
			rate += 1 / fmax(usual, 0.01);
		}
	}
	return rate;
}

static bool wants_seat(const struct pool_function *f)
{
	if (f->pool->config.one_each && f->n_seats > 0) {
		return false;
	}
	unsigned starting = count_seats(f, SEAT_STARTING);
	if (starting >= f->pool->config.max_starting || f->waiting <= starting) {
		return false;
	}
	double rate = expected_rate(f);
	if (rate == 0) {
		return true;
	}
	const struct pool_measure *m = &f->measure;
	double cold = m->cold_start > 0 ? m->cold_start : GUESSED_COLD_START;
	double wait = (f->waiting - starting) / rate;
	bool slow = m->count > 0 && m->duration >= cold * SLOW_SHARE;
	return wait > cold || (slow && f->paid_ms > cold);
}

static struct seat *find_idle(const struct pool_function *f)
{
	const struct pool_config *c = &f->pool->config;
	LIST_FOR (node, &f->seats) {
		struct seat *s = container_of(node, struct seat, link);
		if (s->state == SEAT_IDLE && c->ops->has_room(c->ctx, s, false)) {
			return s;
		}
	}
	return NULL;
}

/* What is sent ahead cannot be called back, so only functions that have been quick without exception take
 * part. */
static bool is_quick(const struct pool_function *f)
{
	const struct pool_measure *m = &f->measure;
	return f->prefetch && m->count >= AHEAD_MEASURED && m->duration <= AHEAD_AVERAGE_MS &&
	       m->peak <= AHEAD_PEAK_MS;
}

/* A busy seat whose queue is done before it would pay to wake an idle one: a second process that takes turns
 * with the first on the same processors makes both slower. */
static struct seat *find_near(const struct pool_function *f)
{
	const struct pool_config *c = &f->pool->config;
	if (!is_quick(f)) {
		return NULL;
	}
	LIST_FOR (node, &f->seats) {
		struct seat *s = container_of(node, struct seat, link);
		if (s->state == SEAT_BUSY && (s->n_ahead + 1) * f->measure.duration < NEAR_MS &&
			s->n_ahead < AHEAD_MOST && c->ops->has_room(c->ctx, s, true) &&
			c->ops->running_ms(c->ctx, s) < NEAR_MS) {
			return s;
		}
	}
	return NULL;
}

/* A busy seat that will soon be free and may have its next events already. */
static struct seat *find_ahead(const struct pool_function *f)
{
	const struct pool_config *c = &f->pool->config;
	const struct pool_measure *m = &f->measure;
	if (!is_quick(f)) {
		return NULL;
	}
	/* As many as are sure to be begun within the time that one may take. */
	double fit = m->duration > 0 ? AHEAD_AVERAGE_MS / m->duration : AHEAD_MOST;
	unsigned most = fit < AHEAD_MOST ? (unsigned)fit : AHEAD_MOST;
	struct seat *best = NULL;
	LIST_FOR (node, &f->seats) {
		struct seat *s = container_of(node, struct seat, link);
		if (s->state == SEAT_BUSY && s->n_ahead < most &&
			(!best || s->n_ahead < best->n_ahead) &&
			c->ops->has_room(c->ctx, s, true) &&
			c->ops->running_ms(c->ctx, s) < AHEAD_PEAK_MS) {
			best = s;
		}
	}
	return best;
}

static void seat_run(struct seat *s, struct invocation *inv)
{
	struct pool_function *f = s->function;
	if (s->state == SEAT_BUSY) {
		s->n_ahead++;
	} else {
		s->state = SEAT_BUSY;
		list_remove(&s->link);
		list_push_front(&f->seats, &s->link);
	}
	f->pool->config.ops->run(f->pool->config.ctx, s, inv);
}

static void dispatch(struct pool_function *f)
{
	count_waiting(f);
	while (f->waiting > 0) {
		struct seat *s = find_near(f);
		s = s ? s : find_idle(f);
		if (!s && wants_seat(f) && make_place(f->pool)) {
			if (!start_seat(f, NULL)) {
				fail_next(f, "Runtime.InvalidEntrypoint", SPAN(""));
			}
			continue;
		}
		s = s ? s : find_ahead(f);
		if (!s) {
			return;
		}
		seat_run(s, queue_pop(f));
	}
}

/* A place became free: functions that have none and wait for one come first. */
static void dispatch_starving(struct pool *p, const struct pool_function *except)
{
	if (p->n_staying + 1 < p->config.max_workers) {
		return; /* nobody has been held back */
	}
	LIST_FOR_SAFE (node, &p->functions) {
		struct pool_function *f = container_of(node, struct pool_function, link);
		if (f != except && f->waiting > 0) {
			dispatch(f);
		}
	}
}

/* ---- what the owner asks ---- */

void pool_submit(struct pool_function *f, struct invocation *inv)
{
	ENSURE(!f->closed);
	count_waiting(f);
	inv->queued_ns = now_ns(f->pool);
	queue_put(f, inv, false);
	dispatch(f);
}

struct invocation *pool_withdraw(struct pool_function *f, uint64_t id)
{
	LIST_FOR (node, &f->queue) {
		struct invocation *inv = container_of(node, struct invocation, link);
		if (inv->id == id) {
			queue_remove(f, inv);
			return inv;
		}
	}
	return NULL;
}

void pool_warm(struct pool_function *f)
{
	unsigned leaving = f->pool->config.one_each ? 0 : count_seats(f, SEAT_LEAVING);
	bool has_seat = leaving < f->n_seats;
	if (!has_seat && f->pool->n_staying < f->pool->config.max_workers) {
		(void)start_seat(f, NULL);
	}
}

void pool_function_renew(struct pool_function *f)
{
	LIST_FOR_SAFE (node, &f->seats) {
		seat_leave(container_of(node, struct seat, link));
	}
	dispatch(f);
}

void pool_function_close(struct pool_function *f)
{
	f->closed = true;
	while (f->waiting > 0) {
		fail_next(f, "Sandbox.Closed", SPAN(""));
	}
	LIST_FOR_SAFE (node, &f->seats) {
		seat_leave(container_of(node, struct seat, link));
	}
	function_free_if_done(f);
}

/* ---- news of the workers ---- */

static double smooth(double old, double value, bool first)
{
	return first ? value : old + SMOOTHING * (value - old);
}

void pool_seat_ready(struct seat *s, double init_ms)
{
	struct pool_function *f = s->function;
	struct pool_measure *m = &f->measure;
	m->cold_start = smooth(m->cold_start, init_ms, m->cold_start == 0);
	if (s->state == SEAT_STARTING) {
		s->state = s->has_first ? SEAT_BUSY : SEAT_IDLE;
		s->since_ns = now_ns(f->pool);
		dispatch(f);
	}
}

void pool_seat_free(struct seat *s, double busy_ms)
{
	struct pool_function *f = s->function;
	struct pool_measure *m = &f->measure;
	m->duration = smooth(m->duration, busy_ms, m->count == 0);
	m->peak = fmax(busy_ms, m->peak * PEAK_DECAY);
	m->count++;
	if (s->state == SEAT_LEAVING) {
		return;
	}
	if (s->n_ahead > 0) {
		s->n_ahead--;
	} else {
		s->state = SEAT_IDLE;
		s->since_ns = now_ns(f->pool);
	}
	struct pool *p = f->pool;
	dispatch(f);
	dispatch_starving(p, f);
}

/* All who were there when this worker was started learn why it failed; those who came later get a try of
 * their own (lambda.md 10.8). Others of the function that work are left to do the job instead. */
static void fail_waiting(
	struct pool_function *f, uint64_t since_ns, const char *type, struct span body)
{
	if (count_seats(f, SEAT_IDLE) + count_seats(f, SEAT_BUSY) > 0) {
		return;
	}
	while (f->waiting > 0 &&
		container_of(list_first(&f->queue), struct invocation, link)->queued_ns <=
			since_ns) {
		fail_next(f, type, body);
	}
}

/* Init runs again inside the first invocation, under its own time (lambda.md 2.4). */
static void start_suppressed(struct pool_function *f)
{
	if (f->waiting == 0 || !make_place(f->pool)) {
		return;
	}
	struct invocation *first = queue_pop(f);
	if (!start_seat(f, first)) {
		const struct pool_config *c = &f->pool->config;
		c->ops->fail(c->ctx, f, first, "Runtime.InvalidEntrypoint", SPAN(""));
	}
}

void pool_seat_ended(struct seat *s, enum seat_end end, const char *type, struct span body,
	struct list *unstarted)
{
	struct pool_function *f = s->function;
	struct pool *p = f->pool;
	bool current = s->state != SEAT_LEAVING;
	uint64_t since_ns = s->since_ns;
	seat_free(s);
	count_waiting(f);
	while (!list_empty(unstarted)) {
		struct invocation *last = container_of(unstarted->prev, struct invocation, link);
		list_remove(&last->link);
		queue_put(f, last, true);
	}
	if (f->closed) {
		while (f->waiting > 0) {
			fail_next(f, "Sandbox.Closed", SPAN(""));
		}
		function_free_if_done(f);
		f = NULL;
	} else {
		if (current && end == SEAT_INIT_FAILED) {
			fail_waiting(f, since_ns, type, body);
		} else if (current && end == SEAT_INIT_TIMEOUT) {
			start_suppressed(f);
		}
		dispatch(f);
	}
	dispatch_starving(p, f);
}

/* ---- time ---- */

/* Sends away idle seats past their time: the most recently used one may stay longer. */
static void retire_idle(struct pool_function *f)
{
	bool first = true;
	LIST_FOR_SAFE (node, &f->seats) {
		struct seat *s = container_of(node, struct seat, link);
		double limit = first ? IDLE_LAST_MS : IDLE_EXTRA_MS;
		first = false;
		if (s->state == SEAT_IDLE && elapsed_ms(f->pool, s->since_ns) > limit) {
			seat_leave(s);
		}
	}
}

void pool_tick(struct pool *p)
{
	LIST_FOR_SAFE (node, &p->functions) {
		struct pool_function *f = container_of(node, struct pool_function, link);
		dispatch(f);
		retire_idle(f);
	}
}

void pool_kill(struct pool *p)
{
	LIST_FOR_SAFE (fnode, &p->functions) {
		struct pool_function *f = container_of(fnode, struct pool_function, link);
		LIST_FOR_SAFE (node, &f->seats) {
			struct seat *s = container_of(node, struct seat, link);
			if (s->state == SEAT_LEAVING) {
				p->config.ops->stop(p->config.ctx, s);
			} else {
				seat_leave(s);
			}
		}
	}
}

struct seat *pool_find_seat(
	struct pool_function *f, bool (*fn)(const struct seat *seat, uint64_t id), uint64_t id)
{
	LIST_FOR (node, &f->seats) {
		struct seat *s = container_of(node, struct seat, link);
		if (fn(s, id)) {
			return s;
		}
	}
	return NULL;
}
