/* A login provider on its own listener: what it signs is what auth accepts, over a restart too. */
#include "http_peer.h"

#include "emulator/auth/auth.h"
#include "emulator/login/login.h"
#include "proxy/base/file.h"
#include "proxy/base/json.h"

#define ISSUER "https://myorg.us.auth0.com"
#define CLIENT "UsGRQJJz5sDfPQDs6bhQ9Oc3hNISuVif"

struct fixture {
	char dir[64];
	char path[96];
	uv_loop_t loop;
	struct store *store;
	struct login *login;
	struct auth *auth;
	struct peer peer;
	cJSON *json;

	bool closed;
	/* the last verdict on a token */
	char subject[64];
	char fault[128];
};

static void start(struct fixture *f)
{
	struct err err = ERR_INIT;
	static const char *const clients[] = { CLIENT };
	f->store = store_open(f->path, &clock_system, &err);
	struct login_config config = {
		.loop = &f->loop, .clock = &clock_system, .store = f->store, .issuer = ISSUER
	};
	struct login_app app = { .name = "app", .client_ids = clients, .n_client_ids = 1 };
	f->login = f->store ? login_create(&config, &app, &err) : NULL;
	if (!f->login || login_listen(f->login, "127.0.0.1", 0, &err)) {
		fail_msg("%s", err.msg);
	}
	struct auth_config auth = { .loop = &f->loop, .clock = &clock_system, .store = f->store };
	f->auth = auth_create(&auth, &err);
	assert_non_null(f->auth);
	auth_add_local_keys(f->auth, login_issuer(f->login), login_jwks(f->login));
	peer_init(&f->peer, &f->loop);
}

static void on_closed(void *ctx)
{
	struct fixture *f = ctx;
	assert_false(f->closed);
	f->closed = true;
}

static void stop(struct fixture *f)
{
	peer_fini(&f->peer);
	f->closed = false;
	login_close(f->login, 0, on_closed, f);
	assert_false(f->closed);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_true(f->closed);
	auth_destroy(f->auth);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	store_close(f->store);
}

static int setup(void **state)
{
	struct fixture *f = xalloc(sizeof *f);
	snprintf(f->dir, sizeof f->dir, "/tmp/login-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/state.db", f->dir);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	start(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	stop(f);
	cJSON_Delete(f->json);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	assert_int_equal(dir_remove(f->dir, NULL), 0);
	free(f);
	return 0;
}

static void ask(struct fixture *f, const char *method, const char *path,
	const struct http_header *headers, size_t n, const char *body)
{
	AUTO_FREE char *url = xasprintf("http://127.0.0.1:%u%s", login_port(f->login), path);
	peer_send(&f->peer, method, url, headers, n, body);
	cJSON_Delete(f->json);
	f->json = json_parse(buf_span(&f->peer.body), NULL);
}

static void token(struct fixture *f, const char *body)
{
	const struct http_header type = { SPAN("Content-Type"), SPAN("application/json") };
	ask(f, "POST", "/oauth/token", &type, 1, body);
}

static void on_claims(void *ctx, const cJSON *claims, const struct err *err)
{
	struct fixture *f = ctx;
	snprintf(f->subject, sizeof f->subject, "%s", claims ? json_str(claims, "sub") : "");
	snprintf(f->fault, sizeof f->fault, "%.100s", claims ? "" : err->msg);
}

static void verify(struct fixture *f, const char *jwt)
{
	static const char *clients[] = { CLIENT };
	static const struct model_oidc_provider provider = { .arn = "arn",
		.url = ISSUER,
		.host = "myorg.us.auth0.com",
		.client_ids = { clients, 1 } };
	assert_null(auth_verify_login(f->auth, &provider, span_of(jwt), on_claims, f));
}

#define PASSWORD                                                                      \
	"{\"grant_type\":\"password\",\"client_id\":\"" CLIENT                        \
	"\",\"username\":\"jane@example.com\",\"password\":\"x\",\"scope\":\"openid " \
	"offline_access\"}"

static void auth_accepts_what_it_signs_also_after_a_restart(void **state)
{
	struct fixture *f = *state;
	token(f, PASSWORD);
	assert_int_equal(f->peer.status, 200);
	AUTO_FREE char *id = xstrdup(json_str(f->json, "id_token"));
	AUTO_FREE char *refresh =
		xasprintf("{\"grant_type\":\"refresh_token\",\"client_id\":\"" CLIENT
			  "\",\"refresh_token\":\"%s\"}",
			json_str(f->json, "refresh_token"));
	verify(f, id);
	assert_string_equal(f->fault, "");
	AUTO_FREE char *subject = xstrdup(f->subject);
	AUTO_FREE char *kept = xstrndup(login_jwks(f->login).ptr, login_jwks(f->login).len);
	stop(f);
	start(f);
	assert_true(span_is(login_jwks(f->login), kept));
	verify(f, id);
	assert_string_equal(f->subject, subject);
	token(f, refresh);
	assert_int_equal(f->peer.status, 200);
	verify(f, json_str(f->json, "id_token"));
	assert_string_equal(f->subject, subject);
	token(f, PASSWORD);
	verify(f, json_str(f->json, "id_token"));
	assert_string_equal(f->subject, subject);
}

static void a_changed_token_is_refused(void **state)
{
	struct fixture *f = *state;
	token(f, PASSWORD);
	AUTO_FREE char *id = xstrdup(json_str(f->json, "id_token"));
	char *middle = strchr(id, '.') + 40;
	*middle = *middle == 'A' ? 'B' : 'A';
	verify(f, id);
	assert_string_equal(f->subject, "");
	assert_string_not_equal(f->fault, "");
}

static void a_foreign_host_name_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct http_header host = { SPAN("Host"), SPAN("evil.example") };
	ask(f, "GET", "/.well-known/openid-configuration", &host, 1, NULL);
	assert_int_equal(f->peer.status, 403);
	ask(f, "GET", "/.well-known/openid-configuration", NULL, 0, NULL);
	assert_int_equal(f->peer.status, 200);
	assert_string_equal(json_str(f->json, "issuer"), ISSUER "/");
}

static void a_taken_port_names_the_provider(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct login_config config = {
		.loop = &f->loop, .clock = &clock_system, .store = f->store, .issuer = ISSUER
	};
	struct login_app app = { .name = "" };
	struct login *second = login_create(&config, &app, &err);
	assert_non_null(second);
	assert_int_equal(login_listen(second, "127.0.0.1", login_port(f->login), &err), -ERR_BUSY);
	assert_non_null(strstr(err.msg, ISSUER));
	login_destroy(second);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(auth_accepts_what_it_signs_also_after_a_restart),
		T(a_changed_token_is_refused),
		T(a_foreign_host_name_is_refused),
		T(a_taken_port_names_the_provider),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
