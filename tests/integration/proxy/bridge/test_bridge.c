/* Both ends on one loop: over real sockets, adopted from a real HTTP listener, and joined without any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/base/alloc.h"
#include "proxy/base/json.h"
#include "proxy/bridge/bridge_client.h"
#include "proxy/bridge/bridge_server.h"
#include "proxy/net/http_server.h"
#include "proxy/net/timer.h"

struct world {
	uv_loop_t loop;
	struct http_server *http;
	struct bridge_server *server;
	struct bridge_client *client;
	struct bridge_peer *peer;
	int adopted_fd; /* the newest bridge socket, for cutting */
	unsigned agents, gone, server_got, client_got, welcomed, downs, ups;
	size_t last_len;
	uint64_t first_id; /* of what the server got */
	char client_gone[256];
	bool local;
	unsigned want;
	struct timer *cutter;
};

static void on_request(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	http_reply(x, &(struct http_reply){ .status = 404 });
}

static bool on_upgrade(void *ctx, struct span path, struct span head, int fd)
{
	struct world *w = ctx;
	if (!span_is(path, "/bridge")) {
		return false;
	}
	w->adopted_fd = fd;
	return bridge_server_adopt(w->server, fd, head);
}

static void on_agent(void *ctx, struct bridge_peer *p, const char *app, const char *stage)
{
	struct world *w = ctx;
	assert_string_equal(app, "notes");
	assert_string_equal(stage, "dev");
	w->agents++;
	w->peer = p;
}

static void on_server_message(void *ctx, struct bridge_peer *p, const struct wire_message *m)
{
	struct world *w = ctx;
	w->server_got++;
	w->last_len = m->payload.len;
	w->first_id = w->first_id ? w->first_id : m->id;
	bridge_peer_send(p, &(struct wire_message){ .type = WIRE_INVOKE,
				    .id = m->id,
				    .meta = SPAN("{}"),
				    .payload = m->payload });
}

static void on_server_link(void *ctx, struct bridge_peer *p, bool up, const char *why)
{
	struct world *w = ctx;
	(void)p;
	(void)why;
	w->ups += up;
	w->downs += !up;
}

static void on_server_gone(void *ctx, struct bridge_peer *p, const char *why)
{
	struct world *w = ctx;
	(void)p;
	(void)why;
	w->gone++;
	w->peer = NULL;
}

static void on_welcome(void *ctx, const char *region, const char *account)
{
	struct world *w = ctx;
	(void)account;
	assert_string_equal(region, "us-east-1");
	w->welcomed++;
	uv_stop(&w->loop);
}

static void on_client_message(void *ctx, const struct wire_message *m)
{
	struct world *w = ctx;
	(void)m;
	if (++w->client_got == w->want) {
		uv_stop(&w->loop);
	}
}

static void on_client_link(void *ctx, bool up, const char *why)
{
	(void)ctx;
	(void)up;
	(void)why;
}

static void on_client_gone(void *ctx, const char *why)
{
	struct world *w = ctx;
	snprintf(w->client_gone, sizeof w->client_gone, "%s", why);
	uv_stop(&w->loop);
}

static void open_client(struct world *w, const char *token)
{
	char url[64];
	snprintf(url, sizeof url, "ws://127.0.0.1:%u/bridge", http_server_port(w->http));
	struct err err = ERR_INIT;
	w->client = bridge_client_open(&(struct bridge_client_config){ .loop = &w->loop,
					       .local = w->local ? w->server : NULL,
					       .url = url,
					       .token = token,
					       .app = "notes",
					       .stage = "dev",
					       .ctx = w,
					       .on_welcome = on_welcome,
					       .on_message = on_client_message,
					       .on_link = on_client_link,
					       .on_gone = on_client_gone },
		&err);
	assert_non_null(w->client);
}

static int setup(void **state)
{
	struct world *w = xalloc(sizeof *w);
	struct err err = ERR_INIT;
	uv_loop_init(&w->loop);
	w->server = bridge_server_create(&(struct bridge_server_config){ .loop = &w->loop,
		.token = "secret",
		.welcome = "\"region\":\"us-east-1\",\"account\":\"123456789012\"",
		.ctx = w,
		.on_agent = on_agent,
		.on_message = on_server_message,
		.on_link = on_server_link,
		.on_gone = on_server_gone });
	w->http = http_server_open(&w->loop, "127.0.0.1", 0,
		&(struct http_server_config){
			.ctx = w, .on_request = on_request, .on_upgrade = on_upgrade },
		&err);
	assert_non_null(w->http);
	*state = w;
	return 0;
}

static int setup_local(void **state)
{
	setup(state);
	struct world *w = *state;
	w->local = true;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	if (w->client) {
		bridge_client_close(w->client, NULL, NULL);
	}
	bridge_server_close(w->server, NULL, NULL);
	http_server_close(w->http, 0, NULL, NULL);
	timer_close(w->cutter);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	free(w);
	return 0;
}

static void send_result(struct world *w, uint64_t id, size_t n)
{
	char *bytes = xalloc(n);
	bridge_client_send(w->client, &(struct wire_message){ .type = WIRE_RESULT,
					      .id = id,
					      .meta = SPAN("{\"ok\":true}"),
					      .payload = span_n(bytes, n) });
	free(bytes);
}

static void test_messages_go_both_ways(void **state)
{
	struct world *w = *state;
	open_client(w, "secret");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->agents, 1);
	assert_int_equal(w->welcomed, 1);
	w->want = 3;
	send_result(w, 1, 10);
	send_result(w, 2, 6u << 20);
	send_result(w, 3, 0);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->server_got, 3);
	assert_int_equal(w->client_got, 3);
}

static void test_six_megabytes_do_not_hold_up_a_small_message(void **state)
{
	struct world *w = *state;
	open_client(w, "secret");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	w->want = 2;
	send_result(w, 1, 6u << 20);
	send_result(w, 2, 10);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->server_got, 2);
	assert_int_equal(w->first_id, 2);
}

static void test_a_wrong_token_is_refused_with_words(void **state)
{
	struct world *w = *state;
	open_client(w, "guess");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->agents, 0);
	assert_non_null(strstr(w->client_gone, "token is wrong"));
}

static void cut(void *ctx)
{
	struct world *w = ctx;
	shutdown(w->adopted_fd, SHUT_RDWR);
	if (w->client_got < w->want) {
		timer_arm(w->cutter, 30);
	}
}

static void test_cuts_lose_nothing(void **state)
{
	struct world *w = *state;
	open_client(w, "secret");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	w->want = 300;
	for (unsigned i = 1; i <= 300; i++) {
		send_result(w, i, i % 10 ? 100 : 300000);
	}
	w->cutter = timer_open(&w->loop, cut, w);
	timer_arm(w->cutter, 1);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->server_got, 300);
	assert_int_equal(w->client_got, 300);
	assert_int_equal(w->agents, 1);
	assert_int_equal(w->gone, 0);
	assert_true(w->downs > 0);
	assert_true(w->ups > 0);
}

static void test_goodbye_is_heard(void **state)
{
	struct world *w = *state;
	open_client(w, "secret");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	bridge_client_close(w->client, NULL, NULL);
	w->client = NULL;
	while (!w->gone) {
		uv_run(&w->loop, UV_RUN_ONCE);
	}
}

static void test_a_dropped_agent_hears_why(void **state)
{
	struct world *w = *state;
	open_client(w, "secret");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	bridge_peer_drop(w->peer, "enough of it");
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_non_null(strstr(w->client_gone, "enough of it"));
	assert_int_equal(w->gone, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_messages_go_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_wrong_token_is_refused_with_words, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_six_megabytes_do_not_hold_up_a_small_message, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cuts_lose_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_goodbye_is_heard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_messages_go_both_ways, setup_local, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_wrong_token_is_refused_with_words, setup_local, teardown),
		cmocka_unit_test_setup_teardown(test_goodbye_is_heard, setup_local, teardown),
		cmocka_unit_test_setup_teardown(
			test_six_megabytes_do_not_hold_up_a_small_message, setup_local, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_dropped_agent_hears_why, setup_local, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
