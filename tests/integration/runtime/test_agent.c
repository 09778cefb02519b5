/* The agent, and with it the evaluation of stacks, against a scripted emulator: a real bridge server whose
 * other side is this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "proxy/bridge/bridge_server.h"
#include "runtime/agent.h"

#define TEMPLATE                                                              \
	"{\"AWSTemplateFormatVersion\":\"2010-09-09\",\"Resources\":{\"%s\":" \
	"{\"Type\":\"AWS::SNS::Topic\"}}}"
#define MAX_TEXT (4 * 1024 * 1024)

struct fixture {
	uv_loop_t loop;
	int listener;
	uv_poll_t poll;
	struct bridge_server *server;
	struct bridge_peer *peer;
	struct agent *agent;
	char dir[64], stage_dir[96], url[64];
	unsigned n_apps, n_ready, n_failed, n_gone, n_notes, n_closed;
	uint64_t app_id;
	struct buf app, result, failed, note; /* the latest of each */
	struct buf result_meta;
	unsigned n_results;
};

/* ---- the emulator's side ---- */

static void on_agent(void *ctx, struct bridge_peer *p, const char *app, const char *stage)
{
	struct fixture *fx = ctx;
	assert_string_equal(stage, "dev");
	assert_true(*app);
	fx->peer = p;
}

static void keep(struct buf *out, struct span text)
{
	buf_clear(out);
	buf_add_span(out, text);
}

static void on_message(void *ctx, struct bridge_peer *p, const struct wire_message *m)
{
	struct fixture *fx = ctx;
	(void)p;
	if (m->type == WIRE_APP) {
		fx->n_apps++;
		fx->app_id = m->id;
		keep(&fx->app, m->payload);
	} else if (m->type == WIRE_RESULT) {
		fx->n_results++;
		keep(&fx->result, m->payload);
		keep(&fx->result_meta, m->meta);
	} else if (m->type == WIRE_NOTE) {
		fx->n_notes++;
		keep(&fx->note, m->meta);
	}
}

static void on_server_link(void *ctx, struct bridge_peer *p, bool up, const char *why)
{
	(void)ctx;
	(void)p;
	(void)up;
	(void)why;
}

static void on_peer_gone(void *ctx, struct bridge_peer *p, const char *why)
{
	struct fixture *fx = ctx;
	(void)p;
	(void)why;
	fx->peer = NULL;
}

/* A connection whose request has not come yet. */
struct incoming {
	uv_poll_t poll;
	struct fixture *fx;
	int fd;
	char head[4096];
	size_t n;
};

static void on_incoming_closed(uv_handle_t *handle)
{
	struct incoming *in = handle->data;
	assert_true(bridge_server_adopt(in->fx->server, in->fd, span_n(in->head, in->n)));
	free(in);
}

/* The client's request is small and comes as a whole. */
static void on_request(uv_poll_t *poll, int status, int events)
{
	struct incoming *in = poll->data;
	(void)events;
	assert_int_equal(status, 0);
	ssize_t n = read(in->fd, in->head, sizeof in->head);
	assert_true(n > 4 && memcmp(in->head + n - 4, "\r\n\r\n", 4) == 0);
	in->n = (size_t)n;
	uv_close((uv_handle_t *)poll, on_incoming_closed);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct incoming *in = xalloc(sizeof *in);
	(void)events;
	assert_int_equal(status, 0);
	in->fx = poll->data;
	in->fd = accept4(in->fx->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(in->fd >= 0);
	uv_poll_init(poll->loop, &in->poll, in->fd);
	in->poll.data = in;
	uv_poll_start(&in->poll, UV_READABLE, on_request);
}

static void emulator_send(
	struct fixture *fx, enum wire_type type, uint64_t id, const char *meta, const char *payload)
{
	struct wire_message m = { type, id, span_of(meta), span_of(payload) };
	bridge_peer_send(fx->peer, &m);
}

static void open_server(struct fixture *fx)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof at;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fx->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fx->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fx->listener, 8), 0);
	assert_int_equal(getsockname(fx->listener, (struct sockaddr *)&at, &len), 0);
	snprintf(fx->url, sizeof fx->url, "ws://127.0.0.1:%d/bridge", ntohs(at.sin_port));
	uv_poll_init(&fx->loop, &fx->poll, fx->listener);
	fx->poll.data = fx;
	uv_poll_start(&fx->poll, UV_READABLE, on_connection);
	struct bridge_server_config config = { .loop = &fx->loop,
		.token = "",
		.welcome = "\"region\":\"us-east-1\",\"account\":\"123456789012\"",
		.ctx = fx,
		.on_agent = on_agent,
		.on_message = on_message,
		.on_link = on_server_link,
		.on_gone = on_peer_gone };
	fx->server = bridge_server_create(&config);
}

/* ---- the agent's side ---- */

static void on_ready(void *ctx, const cJSON *outputs)
{
	struct fixture *fx = ctx;
	assert_non_null(outputs);
	fx->n_ready++;
}

static void on_failed(void *ctx, const char *text)
{
	struct fixture *fx = ctx;
	fx->n_failed++;
	keep(&fx->failed, span_of(text));
}

static void on_gone(void *ctx, const char *why)
{
	struct fixture *fx = ctx;
	(void)why;
	fx->n_gone++;
}

static void put(struct fixture *fx, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", fx->dir, name);
	struct err err = ERR_INIT;
	assert_int_equal(file_replace(path, span_of(text), 0600, &err), 0);
}

static void put_template(struct fixture *fx, const char *resource)
{
	AUTO_FREE char *text = xasprintf(TEMPLATE, resource);
	put(fx, "template.json", text);
}

static void open_agent(struct fixture *fx)
{
	struct err err = ERR_INIT;
	struct agent_config config = { .loop = &fx->loop,
		.app_dir = fx->dir,
		.stage = "dev",
		.stage_dir = fx->stage_dir,
		.runtime_dir = OFFSTAGE_SOURCE_DIR "/runtime",
		.url = fx->url,
		.ctx = fx,
		.on_ready = on_ready,
		.on_failed = on_failed,
		.on_gone = on_gone };
	fx->agent = agent_open(&config, &err);
	assert_non_null(fx->agent);
}

static void until(struct fixture *fx, const unsigned *count, unsigned n)
{
	while (*count < n) {
		uv_run(&fx->loop, UV_RUN_ONCE);
	}
}

static int setup(void **state)
{
	struct fixture *fx = xalloc(sizeof *fx);
	struct err err = ERR_INIT;
	uv_loop_init(&fx->loop);
	struct buf *const texts[] = { &fx->app, &fx->result, &fx->failed, &fx->note,
		&fx->result_meta };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		buf_init(texts[i], MAX_TEXT);
	}
	console_mute();
	snprintf(fx->dir, sizeof fx->dir, "/tmp/test_agent.XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	snprintf(fx->stage_dir, sizeof fx->stage_dir, "%s/.offstage/dev", fx->dir);
	assert_int_equal(dir_make_private(fx->stage_dir, &err), 0);
	put_template(fx, "First");
	put(fx, "a.js",
		"exports.handler = async (event, context) => ({ got: event.n, "
		"arn: context.invokedFunctionArn, "
		"long: context.getRemainingTimeInMillis() > 30000 });\n");
	open_server(fx);
	open_agent(fx);
	*state = fx;
	return 0;
}

static void on_closed(void *ctx)
{
	struct fixture *fx = ctx;
	fx->n_closed++;
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct fixture *fx = handle->data;
	fx->n_closed++;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;
	agent_close(fx->agent, on_closed, fx);
	until(fx, &fx->n_closed, 1);
	bridge_server_close(fx->server, on_closed, fx);
	uv_close((uv_handle_t *)&fx->poll, on_poll_closed);
	until(fx, &fx->n_closed, 3);
	uv_run(&fx->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fx->loop), 0);
	close(fx->listener);
	AUTO_FREE char *command = xasprintf("rm -rf '%s'", fx->dir);
	assert_int_equal(system(command), 0);
	buf_fini(&fx->app);
	buf_fini(&fx->result);
	buf_fini(&fx->failed);
	buf_fini(&fx->note);
	buf_fini(&fx->result_meta);
	free(fx);
	return 0;
}

/* ---- tests ---- */

static bool has(struct buf *text, const char *what)
{
	return strstr(buf_cstr(text), what) != NULL;
}

static void until_note(struct fixture *fx, const char *what)
{
	for (unsigned seen = fx->n_notes; !has(&fx->note, what); seen = fx->n_notes) {
		until(fx, &fx->n_notes, seen + 1);
	}
}

static const char OUTPUTS[] =
	"{\"region\":\"us-east-1\",\"service\":\"http://"
	"127.0.0.1:1\",\"functions\":[{\"name\":\"a\","
	"\"handler\":\"a.handler\",\"runtime\":\"nodejs18.x\",\"memory\":128,\"timeout\":60,"
	"\"arn\":\"arn:aws:lambda:us-east-1:123456789012:function:a\",\"metadata\":"
	"{\"construct\":\"A\",\"srcPath\":\".\",\"handler\":\"a.handler\"}}]}";

static void brings_the_app_and_runs_its_invocations(void **state)
{
	struct fixture *fx = *state;
	until(fx, &fx->n_apps, 1);
	assert_true(has(&fx->app, "\"First\""));
	emulator_send(fx, WIRE_OUTPUTS, fx->app_id, "{\"ok\":true}", OUTPUTS);
	until(fx, &fx->n_ready, 1);
	emulator_send(fx, WIRE_INVOKE, 7,
		"{\"function\":\"a\",\"requestId\":\"r\",\"traceId\":\"t\"}", "{\"n\":42}");
	until(fx, &fx->n_results, 1);
	/* Timeout and ARN are FUNCTION's (proxy/wire/messages.h). */
	assert_string_equal(buf_cstr(&fx->result),
		"{\"got\":42,\"arn\":\"arn:aws:lambda:us-east-1:123456789012:function:a\","
		"\"long\":true}");
	assert_true(has(&fx->result_meta, "\"ok\":true"));
	assert_true(has(&fx->result_meta, "\"durationUs\":"));
}

static void an_unknown_function_is_answered(void **state)
{
	struct fixture *fx = *state;
	until(fx, &fx->n_apps, 1);
	emulator_send(fx, WIRE_INVOKE, 9, "{\"function\":\"nobody\",\"requestId\":\"r\"}", "{}");
	until(fx, &fx->n_results, 1);
	assert_true(has(&fx->result_meta, "\"ok\":false"));
	assert_true(has(&fx->result, "Function not found: nobody"));
}

static void a_saved_template_is_sent_and_old_answers_do_not_count(void **state)
{
	struct fixture *fx = *state;
	until(fx, &fx->n_apps, 1);
	uint64_t first = fx->app_id;
	put_template(fx, "Second");
	until(fx, &fx->n_apps, 2);
	assert_true(has(&fx->app, "\"Second\""));
	assert_true(fx->app_id > first);
	emulator_send(fx, WIRE_OUTPUTS, first, "{\"ok\":false,\"error\":\"of the first\"}", "{}");
	emulator_send(fx, WIRE_OUTPUTS, fx->app_id, "{\"ok\":true}", OUTPUTS);
	until(fx, &fx->n_ready, 1);
	assert_int_equal(fx->n_failed, 0);
}

static void a_refused_app_fails_with_the_emulators_words(void **state)
{
	struct fixture *fx = *state;
	until(fx, &fx->n_apps, 1);
	emulator_send(
		fx, WIRE_OUTPUTS, fx->app_id, "{\"ok\":false,\"error\":\"no such type\"}", "{}");
	until(fx, &fx->n_failed, 1);
	assert_string_equal(buf_cstr(&fx->failed), "no such type");
	assert_int_equal(fx->n_ready, 0);
}

static void a_broken_template_is_told_and_cured_by_the_next_save(void **state)
{
	struct fixture *fx = *state;
	until(fx, &fx->n_apps, 1);
	put(fx, "template.json", "{ not json");
	until(fx, &fx->n_failed, 1);
	assert_true(has(&fx->failed, "template.json"));
	until_note(fx, "synth-error");
	put_template(fx, "Third");
	until(fx, &fx->n_apps, 2);
	assert_true(has(&fx->app, "\"Third\""));
}

static void a_save_that_changes_no_stack_is_not_sent(void **state)
{
	struct fixture *fx = *state;
	until(fx, &fx->n_apps, 1);
	put_template(fx, "First");
	until_note(fx, "No changes");
	assert_int_equal(fx->n_apps, 1);
}

static void a_dropped_session_is_over(void **state)
{
	struct fixture *fx = *state;
	until(fx, &fx->n_apps, 1);
	bridge_peer_drop(fx->peer, "enough");
	until(fx, &fx->n_gone, 1);
}

/* Without a change the kept evaluation is taken: no helper is needed, and the app is the same. */
static void a_second_start_takes_the_kept_evaluation(void **state)
{
	struct fixture *fx = *state;
	until(fx, &fx->n_apps, 1);
	AUTO_FREE char *before = xstrdup(buf_cstr(&fx->app));
	agent_close(fx->agent, on_closed, fx);
	until(fx, &fx->n_closed, 1);
	fx->n_closed = 0;
	unsigned notes = fx->n_notes;
	open_agent(fx);
	until(fx, &fx->n_apps, 2);
	assert_string_equal(buf_cstr(&fx->app), before);
	assert_int_equal(fx->n_notes, notes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			brings_the_app_and_runs_its_invocations, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unknown_function_is_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_saved_template_is_sent_and_old_answers_do_not_count, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_refused_app_fails_with_the_emulators_words, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_broken_template_is_told_and_cured_by_the_next_save, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_save_that_changes_no_stack_is_not_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dropped_session_is_over, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_second_start_takes_the_kept_evaluation, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
