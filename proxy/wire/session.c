#include "proxy/wire/session.h"

#include <stdlib.h>

#include "proxy/base/list.h"
#include "proxy/wire/frame.h"

#define MAX_EXTRA \
	256 /* out-of-order arrivals remembered; more than large messages can be under way */

#define HELLO_MAX (64u << 10)

/* A message on its way out. Meta and payload stand behind the struct. */
struct outgoing {
	struct list link; /* in pending, active or unacked */
	uint8_t type;
	uint64_t id, seq;
	uint32_t meta_len, payload_len;
	uint32_t sent; /* payload bytes already framed */
	bool started;
	char bytes[];
};

/* A message of which not all frames have arrived. */
struct incoming {
	struct list link;
	uint8_t type;
	uint64_t id, seq;
	uint32_t meta_len, total_len;
	size_t have; /* of meta + payload */
	char bytes[];
};

struct session {
	session_message_fn on_message;
	void *ctx;
	bool up; /* the link exists */
	bool flowing; /* and HELLO/WELCOME were exchanged */

	struct list control; /* outgoing: HELLO, WELCOME, BYE */
	struct list pending; /* outgoing, not started, by seq */
	struct list active; /* outgoing, large, between frames; take turns */
	struct list unacked; /* outgoing, wholly sent, by seq (nearly) */
	uint64_t last_seq;
	size_t waiting; /* bytes of pending, active and unacked */
	size_t flying; /* bytes of active and unacked */

	struct list partial; /* incoming */
	unsigned char head[FRAME_HEADER];
	size_t head_len;
	struct incoming *filling; /* whose frame body is being read */
	size_t body_left;

	uint64_t received; /* every seq up to here was delivered */
	uint64_t extra[MAX_EXTRA];
	size_t n_extra;
	unsigned unacknowledged; /* deliveries since our last ACK */
	size_t unacknowledged_bytes;

	uint64_t heard_ms, pinged_ms;
	bool ping_due, pong_due, ack_due;
	uint64_t pong_id;
};

struct session *session_create(session_message_fn on_message, void *ctx)
{
	struct session *s = xalloc(sizeof *s);
	s->on_message = on_message;
	s->ctx = ctx;
	list_init(&s->control);
	list_init(&s->pending);
	list_init(&s->active);
	list_init(&s->unacked);
	list_init(&s->partial);
	return s;
}

static void free_outgoing(struct list *l)
{
	LIST_FOR_SAFE (node, l) {
		list_remove(node);
		free(container_of(node, struct outgoing, link));
	}
}

static void forget_partial(struct session *s)
{
	LIST_FOR_SAFE (node, &s->partial) {
		list_remove(node);
		free(container_of(node, struct incoming, link));
	}
	s->filling = NULL;
	s->body_left = 0;
	s->head_len = 0;
}

void session_destroy(struct session *s)
{
	if (s) {
		free_outgoing(&s->control);
		free_outgoing(&s->pending);
		free_outgoing(&s->active);
		free_outgoing(&s->unacked);
		forget_partial(s);
		free(s);
	}
}

static bool is_control(uint8_t type)
{
	return type == WIRE_HELLO || type == WIRE_WELCOME || type == WIRE_BYE;
}

static size_t size_of(const struct outgoing *m)
{
	return FRAME_HEADER + m->meta_len + m->payload_len;
}

size_t session_send(struct session *s, const struct wire_message *m)
{
	ENSURE(m->meta.len <= FRAME_MAX_META && m->payload.len <= FRAME_MAX_MESSAGE);
	struct outgoing *out = xrealloc(NULL, sizeof *out + m->meta.len + m->payload.len);
	out->type = (uint8_t)m->type;
	out->id = m->id;
	out->meta_len = (uint32_t)m->meta.len;
	out->payload_len = (uint32_t)m->payload.len;
	out->sent = 0;
	out->started = false;
	if (m->meta.len) {
		memcpy(out->bytes, m->meta.ptr, m->meta.len);
	}
	if (m->payload.len) {
		memcpy(out->bytes + m->meta.len, m->payload.ptr, m->payload.len);
	}
	if (is_control(out->type)) {
		ENSURE(m->payload.len <= FRAME_MAX_PAYLOAD);
		out->seq = 0;
		list_push_back(&s->control, &out->link);
	} else {
		out->seq = ++s->last_seq;
		list_push_back(&s->pending, &out->link);
		s->waiting += size_of(out);
	}
	return s->waiting;
}

size_t session_waiting(const struct session *s)
{
	return s->waiting;
}

void session_link_up(struct session *s, uint64_t now)
{
	s->up = true;
	s->flowing = false;
	s->heard_ms = s->pinged_ms = now;
	s->ping_due = s->pong_due = false;
}

/* Back into pending at the place its number says. */
static void requeue(struct session *s, struct outgoing *m)
{
	list_remove(&m->link);
	m->sent = 0;
	m->started = false;
	struct list *at = s->pending.next;
	while (at != &s->pending && container_of(at, struct outgoing, link)->seq < m->seq) {
		at = at->next;
	}
	list_insert_before(at, &m->link);
}

void session_link_down(struct session *s)
{
	s->up = s->flowing = false;
	forget_partial(s);
	free_outgoing(&s->control);
	/* From the back, so that each insertion finds its place at once. */
	struct list *lists[] = { &s->active, &s->unacked };
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		while (!list_empty(lists[i])) {
			requeue(s, container_of(lists[i]->prev, struct outgoing, link));
		}
	}
	s->flying = 0;
}

void session_state(const struct session *s, struct buf *out)
{
	json_add_member_int(out, "received", (int64_t)s->received);
	json_add_name(out, "extra");
	buf_add_char(out, '[');
	for (size_t i = 0; i < s->n_extra; i++) {
		buf_addf(out, "%s%llu", i ? "," : "", (unsigned long long)s->extra[i]);
	}
	buf_add_char(out, ']');
}

static void release(struct session *s, struct outgoing *m)
{
	list_remove(&m->link);
	s->waiting -= size_of(m);
	free(m);
}

/* The peer has it: forget it, wherever it stands. */
static void drop_upto(struct session *s, struct list *l, uint64_t received)
{
	LIST_FOR_SAFE (node, l) {
		struct outgoing *m = container_of(node, struct outgoing, link);
		if (m->seq <= received) {
			if (l != &s->pending) {
				s->flying -= size_of(m);
			}
			release(s, m);
		}
	}
}

static void drop_one(struct session *s, struct list *l, uint64_t seq)
{
	LIST_FOR (node, l) {
		struct outgoing *m = container_of(node, struct outgoing, link);
		if (m->seq == seq) {
			if (l != &s->pending) {
				s->flying -= size_of(m);
			}
			release(s, m);
			return;
		}
	}
}

int session_resume(struct session *s, const cJSON *hello, struct err *err)
{
	double received = json_num(hello, "received", 0);
	if (!(received >= 0) || received > (double)s->last_seq) {
		return err_set(err, ERR_INVALID, "the peer claims messages that were never sent");
	}
	drop_upto(s, &s->pending, (uint64_t)received);
	JSON_FOR (item, json_array(hello, "extra")) {
		if (cJSON_IsNumber(item) && item->valuedouble > 0 && item->valuedouble < 9e15) {
			drop_one(s, &s->pending, (uint64_t)item->valuedouble);
		}
	}
	s->flowing = true;
	return 0;
}

/* --- out ---------------------------------------------------------------------------------- */

static void put_frame(struct buf *out, struct outgoing *m)
{
	bool first = !m->started;
	uint32_t left = m->payload_len - m->sent;
	uint32_t n = left < FRAME_MAX_PAYLOAD ? left : FRAME_MAX_PAYLOAD;
	struct frame f = { .type = m->type,
		.id = m->id,
		.seq = m->seq,
		.payload_len = n,
		.flags = (uint16_t)((first ? FRAME_FIRST : 0) | (n == left ? FRAME_LAST : 0)),
		.meta_len = first ? m->meta_len : 0,
		.total_len = first ? m->payload_len : 0 };
	frame_encode(out, &f);
	if (first) {
		buf_add(out, m->bytes, m->meta_len);
	}
	buf_add(out, m->bytes + m->meta_len + m->sent, n);
	m->sent += n;
	m->started = true;
}

static void put_link(struct buf *out, uint8_t type, uint64_t id)
{
	frame_encode(
		out, &(struct frame){ .type = type, .flags = FRAME_FIRST | FRAME_LAST, .id = id });
}

static void put_ack(struct session *s, struct buf *out)
{
	uint32_t n = (uint32_t)(s->n_extra * 8);
	frame_encode(out, &(struct frame){ .type = LINK_ACK,
				  .flags = FRAME_FIRST | FRAME_LAST,
				  .id = s->received,
				  .payload_len = n,
				  .total_len = n });
	for (size_t i = 0; i < s->n_extra; i++) {
		unsigned char number[8];
		frame_put_u64(number, s->extra[i]);
		buf_add(out, number, sizeof number);
	}
	s->ack_due = false;
	s->unacknowledged = 0;
	s->unacknowledged_bytes = 0;
}

static void put_link_frames(struct session *s, struct buf *out)
{
	if (s->pong_due) {
		put_link(out, LINK_PONG, s->pong_id);
		s->pong_due = false;
	}
	if (s->ping_due) {
		put_link(out, LINK_PING, 0);
		s->ping_due = false;
	}
	/* An acknowledgement rides on whatever leaves anyway. */
	if (s->flowing && s->unacknowledged && (s->ack_due || !list_empty(&s->pending))) {
		put_ack(s, out);
	}
}

/* The next message to cut a frame from: those between frames take turns with new ones. */
static struct outgoing *next_outgoing(struct session *s, bool *turn)
{
	*turn = !*turn;
	struct list *node = *turn ? list_first(&s->active) : NULL;
	if (node) {
		return container_of(node, struct outgoing, link);
	}
	node = list_first(&s->pending);
	if (node) {
		struct outgoing *m = container_of(node, struct outgoing, link);
		if (!s->flying || s->flying + size_of(m) <= SESSION_WINDOW) {
			s->flying += size_of(m);
			return m;
		}
	}
	node = list_first(&s->active);
	return node ? container_of(node, struct outgoing, link) : NULL;
}

bool session_output(struct session *s, struct buf *out, size_t limit)
{
	size_t before = out->len;
	if (!s->up) {
		return false;
	}
	LIST_FOR_SAFE (node, &s->control) {
		struct outgoing *m = container_of(node, struct outgoing, link);
		put_frame(out, m);
		list_remove(&m->link);
		free(m);
	}
	put_link_frames(s, out);
	bool turn = false;
	while (s->flowing && out->len - before < limit) {
		struct outgoing *m = next_outgoing(s, &turn);
		if (!m) {
			break;
		}
		put_frame(out, m);
		list_remove(&m->link);
		list_push_back(m->sent == m->payload_len ? &s->unacked : &s->active, &m->link);
	}
	return out->len > before;
}

bool session_has_output(const struct session *s)
{
	if (!s->up) {
		return false;
	}
	if (!list_empty(&s->control) || s->pong_due || s->ping_due) {
		return true;
	}
	if (!s->flowing) {
		return false;
	}
	struct list *first = list_first(&s->pending);
	bool room =
		first &&
		(!s->flying || s->flying + size_of(container_of(first, struct outgoing, link)) <=
				       SESSION_WINDOW);
	return (s->ack_due && s->unacknowledged) || !list_empty(&s->active) || room;
}

/* --- in ----------------------------------------------------------------------------------- */

static bool already_has(const struct session *s, uint64_t seq)
{
	for (size_t i = 0; i < s->n_extra; i++) {
		if (s->extra[i] == seq) {
			return true;
		}
	}
	return seq <= s->received;
}

static void absorb_extra(struct session *s)
{
	for (size_t i = 0; i < s->n_extra;) {
		if (s->extra[i] == s->received + 1) {
			s->received++;
			s->extra[i] = s->extra[--s->n_extra];
			i = 0;
		} else {
			i++;
		}
	}
}

static int remember(struct session *s, uint64_t seq, size_t size, struct err *err)
{
	if (seq == s->received + 1) {
		s->received = seq;
		absorb_extra(s);
	} else if (s->n_extra == MAX_EXTRA) {
		return err_set(err, ERR_LIMIT, "too many messages out of order");
	} else {
		s->extra[s->n_extra++] = seq;
	}
	s->unacknowledged++;
	s->unacknowledged_bytes += size;
	/* Soon enough that the peer's memory and window stay small, rarely enough to cost nothing. */
	if (s->unacknowledged >= 32 || s->unacknowledged_bytes >= 256u << 10) {
		s->ack_due = true;
	}
	return 0;
}

static int on_ack(struct session *s, uint64_t received, struct span extra, struct err *err)
{
	if (received > s->last_seq || extra.len % 8) {
		return err_set(err, ERR_INVALID, "the peer acknowledged what was never sent");
	}
	drop_upto(s, &s->unacked, received);
	for (size_t i = 0; i < extra.len; i += 8) {
		drop_one(s, &s->unacked, frame_get_u64((const unsigned char *)extra.ptr + i));
	}
	return 0;
}

static int on_link_frame(
	struct session *s, uint8_t type, uint64_t id, struct span payload, struct err *err)
{
	switch (type) {
	case LINK_ACK:
		return on_ack(s, id, payload, err);
	case LINK_PING:
		s->pong_due = true;
		s->pong_id = id;
		return 0;
	default:
		return 0;
	}
}

static int deliver(struct session *s, uint8_t type, uint64_t id, uint64_t seq, struct span meta,
	struct span payload, struct err *err)
{
	if (type >= LINK_ACK) {
		return on_link_frame(s, type, id, payload, err);
	}
	if (!is_control(type)) {
		if (!s->flowing || seq == 0) {
			return err_set(err, ERR_INVALID, "%s before HELLO and WELCOME",
				wire_type_name((enum wire_type)type));
		}
		if (already_has(s, seq)) {
			return 0;
		}
		int rc = remember(s, seq, meta.len + payload.len, err);
		if (rc) {
			return rc;
		}
	}
	s->on_message(s->ctx,
		&(struct wire_message){
			.type = (enum wire_type)type, .id = id, .meta = meta, .payload = payload });
	return 0;
}

static struct incoming *find_partial(struct session *s, uint64_t seq)
{
	LIST_FOR (node, &s->partial) {
		struct incoming *m = container_of(node, struct incoming, link);
		if (m->seq == seq) {
			return m;
		}
	}
	return NULL;
}

static size_t partial_bytes(const struct session *s)
{
	size_t n = 0;
	LIST_FOR (node, &s->partial) {
		const struct incoming *m = container_of(node, struct incoming, link);
		n += (size_t)m->meta_len + m->total_len;
	}
	return n;
}

/* An honest peer never has more under way than the window and one large message, and, before it is known,
 * than its HELLO. */
static size_t partial_max(const struct session *s)
{
	return s->flowing ? SESSION_WINDOW + FRAME_MAX_MESSAGE + FRAME_MAX_META : HELLO_MAX;
}

/* The frame's message, made if this is its first frame. */
static int begin_body(struct session *s, const struct frame *f, struct err *err)
{
	struct incoming *m = find_partial(s, f->seq);
	bool first = f->flags & FRAME_FIRST;
	if (first == (m != NULL) || (m && m->type != f->type) || (!first && !f->seq)) {
		return err_set(err, ERR_INVALID, "bridge frame out of place");
	}
	size_t size = (size_t)f->meta_len + f->total_len;
	if (first && partial_bytes(s) + size > partial_max(s)) {
		return err_set(err, ERR_LIMIT, "too many unfinished messages");
	}
	if (first) {
		m = xrealloc(NULL, sizeof *m + size);
		m->type = f->type;
		m->id = f->id;
		m->seq = f->seq;
		m->meta_len = f->meta_len;
		m->total_len = f->total_len;
		m->have = 0;
		list_push_back(&s->partial, &m->link);
	}
	size_t body = (size_t)f->meta_len + f->payload_len;
	size_t room = (size_t)m->meta_len + m->total_len - m->have;
	bool last = f->flags & FRAME_LAST;
	if (body > room || last != (body == room)) {
		return err_set(err, ERR_INVALID, "bridge frame does not fit its message");
	}
	s->filling = m;
	s->body_left = body;
	return 0;
}

static int end_body(struct session *s, struct err *err)
{
	struct incoming *m = s->filling;
	s->filling = NULL;
	if (m->have < (size_t)m->meta_len + m->total_len) {
		return 0;
	}
	list_remove(&m->link);
	int rc = deliver(s, m->type, m->id, m->seq, span_n(m->bytes, m->meta_len),
		span_n(m->bytes + m->meta_len, m->total_len), err);
	free(m);
	return rc;
}

/* Header bytes from the input; true when all 32 are there (in *head). */
static bool take_header(struct session *s, struct span *in, const unsigned char **head)
{
	if (!s->head_len && in->len >= FRAME_HEADER) {
		*head = (const unsigned char *)in->ptr;
		*in = span_n(in->ptr + FRAME_HEADER, in->len - FRAME_HEADER);
		return true;
	}
	size_t n = FRAME_HEADER - s->head_len;
	n = n < in->len ? n : in->len;
	memcpy(s->head + s->head_len, in->ptr, n);
	s->head_len += n;
	*in = span_n(in->ptr + n, in->len - n);
	*head = s->head;
	return s->head_len == FRAME_HEADER;
}

static int take_frame(struct session *s, struct span *in, struct err *err)
{
	const unsigned char *head;
	if (!take_header(s, in, &head)) {
		return 0;
	}
	struct frame f;
	int rc = frame_decode(&f, head, err);
	if (rc) {
		return rc;
	}
	s->head_len = 0;
	size_t body = (size_t)f.meta_len + f.payload_len;
	bool whole = f.flags == (FRAME_FIRST | FRAME_LAST);
	if (whole && body <= in->len) {
		/* The usual case: no copy, the message is read where it lies. */
		struct span meta = span_n(in->ptr, f.meta_len);
		struct span payload = span_n(in->ptr + f.meta_len, f.payload_len);
		*in = span_n(in->ptr + body, in->len - body);
		return deliver(s, f.type, f.id, f.seq, meta, payload, err);
	}
	return begin_body(s, &f, err);
}

static int take_body(struct session *s, struct span *in, struct err *err)
{
	size_t n = s->body_left < in->len ? s->body_left : in->len;
	memcpy(s->filling->bytes + s->filling->have, in->ptr, n);
	s->filling->have += n;
	s->body_left -= n;
	*in = span_n(in->ptr + n, in->len - n);
	return s->body_left ? 0 : end_body(s, err);
}

int session_input(struct session *s, struct span bytes, uint64_t now, struct err *err)
{
	s->heard_ms = now;
	int rc = 0;
	while (!rc && bytes.len) {
		rc = s->filling ? take_body(s, &bytes, err) : take_frame(s, &bytes, err);
	}
	return rc;
}

/* --- time --------------------------------------------------------------------------------- */

enum session_verdict session_tick(struct session *s, uint64_t now)
{
	if (!s->up) {
		return SESSION_FINE;
	}
	if (now >= s->heard_ms + SESSION_SILENCE_MS) {
		return SESSION_SILENT;
	}
	if (now >= s->pinged_ms + SESSION_SILENCE_MS / 3) {
		s->pinged_ms = now;
		s->ping_due = true;
		s->ack_due = s->unacknowledged > 0;
	}
	return SESSION_FINE;
}

uint64_t session_next_deadline(const struct session *s)
{
	if (!s->up) {
		return UINT64_MAX;
	}
	uint64_t silence = s->heard_ms + SESSION_SILENCE_MS;
	uint64_t ping = s->pinged_ms + SESSION_SILENCE_MS / 3;
	return silence < ping ? silence : ping;
}
