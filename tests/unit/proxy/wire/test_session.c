/* Two sessions joined by hand: the test is the network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/wire/frame.h"
#include "proxy/wire/session.h"

struct end {
	struct session *s;
	struct buf order; /* ids in order of delivery */
	struct buf last_payload;
	unsigned got;
};

static void on_message(void *ctx, const struct wire_message *m)
{
	struct end *e = ctx;
	e->got++;
	buf_addf(&e->order, "%llu ", (unsigned long long)m->id);
	buf_clear(&e->last_payload);
	buf_add_span(&e->last_payload, m->payload);
}

static void end_open(struct end *e)
{
	*e = (struct end){ .order = BUF_INIT(1u << 20), .last_payload = BUF_INIT(64u << 20) };
	e->s = session_create(on_message, e);
}

static void end_close(struct end *e)
{
	session_destroy(e->s);
	buf_fini(&e->order);
	buf_fini(&e->last_payload);
}

/* Moves what `from` has to say in one go of about `limit` bytes, cut into pieces of `step`. */
static bool carry(struct end *from, struct end *to, size_t limit, size_t step)
{
	struct buf wire = BUF_INIT(1u << 30);
	bool any = session_output(from->s, &wire, limit);
	for (size_t at = 0; at < wire.len; at += step) {
		size_t n = wire.len - at < step ? wire.len - at : step;
		struct err err = ERR_INIT;
		assert_int_equal(session_input(to->s, span_n(wire.ptr + at, n), 0, &err), 0);
	}
	buf_fini(&wire);
	return any;
}

static void handshake(struct end *a, struct end *b)
{
	struct end *ends[] = { a, b };
	for (size_t i = 0; i < 2; i++) {
		session_link_up(ends[i]->s, 0);
		struct buf state = BUF_INIT(65536);
		buf_add_char(&state, '{');
		session_state(ends[1 - i]->s, &state);
		buf_add_char(&state, '}');
		struct err err = ERR_INIT;
		cJSON *hello = json_parse(buf_span(&state), &err);
		assert_non_null(hello);
		assert_int_equal(session_resume(ends[i]->s, hello, &err), 0);
		cJSON_Delete(hello);
		buf_fini(&state);
	}
}

static void send_id(struct end *e, uint64_t id, size_t payload)
{
	char *bytes = xalloc(payload);
	memset(bytes, 'x', payload);
	session_send(e->s, &(struct wire_message){ .type = WIRE_INVOKE,
				   .id = id,
				   .meta = SPAN("{}"),
				   .payload = span_n(bytes, payload) });
	free(bytes);
}

static void test_small_messages_arrive_in_order(void **state)
{
	(void)state;
	struct end a, b;
	end_open(&a);
	end_open(&b);
	handshake(&a, &b);
	for (uint64_t id = 1; id <= 5; id++) {
		send_id(&a, id, 10);
	}
	/* One byte at a time: framing must not depend on how bytes arrive. */
	while (carry(&a, &b, 1000, 1)) {
	}
	assert_string_equal(buf_cstr(&b.order), "1 2 3 4 5 ");
	end_close(&a);
	end_close(&b);
}

static void test_a_large_message_lets_small_ones_pass(void **state)
{
	(void)state;
	struct end a, b;
	end_open(&a);
	end_open(&b);
	handshake(&a, &b);
	send_id(&a, 1, 6u << 20);
	assert_true(carry(&a, &b, 1000, 65536));
	send_id(&a, 2, 10);
	send_id(&a, 3, 10);
	while (carry(&a, &b, 100000, 40000)) {
	}
	assert_string_equal(buf_cstr(&b.order), "2 3 1 ");
	assert_int_equal(b.last_payload.len, 6u << 20);
	end_close(&a);
	end_close(&b);
}

static void test_memory_is_freed_by_acknowledgement(void **state)
{
	(void)state;
	struct end a, b;
	end_open(&a);
	end_open(&b);
	handshake(&a, &b);
	for (uint64_t id = 1; id <= 100; id++) {
		send_id(&a, id, 100);
	}
	while (carry(&a, &b, 1000, 4096)) {
	}
	assert_true(session_waiting(a.s) > 0);
	assert_true(carry(&b, &a, 1000, 4096));
	/* The last ones may wait for the next tick. */
	session_tick(b.s, SESSION_SILENCE_MS / 2);
	while (carry(&b, &a, 1000, 4096)) {
	}
	assert_int_equal(session_waiting(a.s), 0);
	end_close(&a);
	end_close(&b);
}

/* Cuts the link after every possible number of frames, with losses on the way, and resumes. */
static void test_cut_anywhere_loses_nothing_and_repeats_nothing(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < 40; cut++) {
		struct end a, b;
		end_open(&a);
		end_open(&b);
		handshake(&a, &b);
		for (uint64_t id = 1; id <= 10; id++) {
			send_id(&a, id, id % 3 ? 10 : 200000);
		}
		for (size_t i = 0; i < cut; i++) {
			carry(&a, &b, 1, 4096);
			if (i % 7 == 3) {
				carry(&b, &a, 1, 4096);
			}
		}
		struct buf lost = BUF_INIT(1u << 30);
		session_output(a.s, &lost, 100000);
		buf_fini(&lost);
		session_link_down(a.s);
		session_link_down(b.s);
		handshake(&a, &b);
		while (carry(&a, &b, 70000, 5000)) {
		}
		assert_int_equal(b.got, 10);
		end_close(&a);
		end_close(&b);
	}
}

static void test_window_holds_the_sender(void **state)
{
	(void)state;
	struct end a, b;
	end_open(&a);
	end_open(&b);
	handshake(&a, &b);
	for (uint64_t id = 1; id <= 8; id++) {
		send_id(&a, id, 6u << 20);
	}
	struct buf wire = BUF_INIT(1u << 30);
	while (session_output(a.s, &wire, 1u << 20)) {
	}
	assert_true(wire.len <= SESSION_WINDOW + FRAME_HEADER * 1000);
	struct err err = ERR_INIT;
	assert_int_equal(session_input(b.s, buf_span(&wire), 0, &err), 0);
	buf_fini(&wire);
	while (carry(&b, &a, 1000, 4096) || carry(&a, &b, 1u << 20, 65536)) {
	}
	assert_int_equal(b.got, 8);
	end_close(&a);
	end_close(&b);
}

static void test_silence_is_noticed(void **state)
{
	(void)state;
	struct end a;
	end_open(&a);
	session_link_up(a.s, 1000);
	assert_int_equal(session_tick(a.s, 1000 + SESSION_SILENCE_MS - 1), SESSION_FINE);
	assert_true(session_has_output(a.s)); /* a ping */
	assert_int_equal(session_tick(a.s, 1000 + SESSION_SILENCE_MS), SESSION_SILENT);
	end_close(&a);
}

static void refuse(const char *what, const struct frame *f, size_t body, bool flowing)
{
	struct end a, b;
	end_open(&a);
	end_open(&b);
	handshake(&a, &b);
	if (!flowing) {
		session_link_down(b.s);
		session_link_up(b.s, 0);
	}
	struct buf wire = BUF_INIT(1u << 20);
	frame_encode(&wire, f);
	for (size_t i = 0; i < body; i++) {
		buf_add_char(&wire, '{');
	}
	struct err err = ERR_INIT;
	if (session_input(b.s, buf_span(&wire), 0, &err) == 0) {
		fail_msg("accepted: %s", what);
	}
	assert_int_equal(b.got, 0);
	buf_fini(&wire);
	end_close(&a);
	end_close(&b);
}

static void test_malformed_frames_are_refused(void **state)
{
	(void)state;
	refuse("unknown type", &(struct frame){ .type = 99, .flags = 3, .seq = 1 }, 0, true);
	refuse("no sequence number", &(struct frame){ .type = WIRE_INVOKE, .flags = 3 }, 0, true);
	refuse("payload longer than the total",
		&(struct frame){ .type = WIRE_INVOKE,
			.flags = 3,
			.seq = 1,
			.payload_len = 4,
			.total_len = 2 },
		4, true);
	refuse("a middle frame of nothing",
		&(struct frame){
			.type = WIRE_INVOKE, .flags = FRAME_LAST, .seq = 1, .payload_len = 4 },
		4, true);
	refuse("an acknowledgement of the future",
		&(struct frame){ .type = LINK_ACK, .flags = 3, .id = 7 }, 0, true);
	refuse("an invocation before HELLO",
		&(struct frame){ .type = WIRE_INVOKE, .flags = 3, .seq = 1 }, 0, false);
	refuse("much before HELLO",
		&(struct frame){ .type = WIRE_INVOKE,
			.flags = FRAME_FIRST,
			.seq = 1,
			.payload_len = 10,
			.total_len = 64u << 10 | 1 },
		10, false);
	refuse("a large HELLO",
		&(struct frame){ .type = WIRE_HELLO,
			.flags = FRAME_FIRST | FRAME_LAST,
			.meta_len = FRAME_MAX_META },
		10, false);
	refuse("an oversize message",
		&(struct frame){ .type = WIRE_INVOKE,
			.flags = FRAME_FIRST,
			.seq = 1,
			.payload_len = 10,
			.total_len = FRAME_MAX_MESSAGE + 1 },
		10, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_messages_arrive_in_order),
		cmocka_unit_test(test_a_large_message_lets_small_ones_pass),
		cmocka_unit_test(test_memory_is_freed_by_acknowledgement),
		cmocka_unit_test(test_cut_anywhere_loses_nothing_and_repeats_nothing),
		cmocka_unit_test(test_window_holds_the_sender),
		cmocka_unit_test(test_silence_is_noticed),
		cmocka_unit_test(test_malformed_frames_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
