/* Which login providers an app has, what each of them is told of the app, and which one a command means.
 * The providers themselves are stand-ins: no listener, no key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>

#include <cmocka.h>

#include "emulator/cognito/cognito.h"
#include "emulator/login/login.h"
#include "emulator/logins.h"
#include "proxy/base/alloc.h"

#define MAX_LOGINS 8

struct login {
	char issuer[80], clients[80], audiences[80], app[40];
	unsigned port, changes;
	bool closed;
};

static struct login opened[MAX_LOGINS];
static size_t n_opened, n_destroyed, n_keys;
static bool create_fails, port_is_busy;

static void join(char *out, size_t size, const char *const *list, size_t n)
{
	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(out);
		snprintf(out + at, size - at, "%s;", list[i]);
	}
}

void login_set_app(struct login *l, const struct login_app *app)
{
	l->changes++;
	snprintf(l->app, sizeof l->app, "%s", app->name);
	join(l->clients, sizeof l->clients, app->client_ids, app->n_client_ids);
	join(l->audiences, sizeof l->audiences, app->audiences, app->n_audiences);
}

struct login *login_create(
	const struct login_config *config, const struct login_app *app, struct err *err)
{
	if (create_fails) {
		err_set(err, ERR_IO, "no key");
		return NULL;
	}
	assert_true(n_opened < MAX_LOGINS);
	struct login *l = &opened[n_opened++];
	*l = (struct login){ 0 };
	snprintf(l->issuer, sizeof l->issuer, "%s", config->issuer);
	login_set_app(l, app);
	return l;
}

void login_destroy(struct login *l)
{
	(void)l;
	n_destroyed++;
}

int login_listen(struct login *l, const char *host, unsigned port, struct err *err)
{
	(void)host;
	if (port_is_busy) {
		return err_set(err, ERR_IO, "no such host");
	}
	l->port = port;
	return 0;
}

unsigned login_port(const struct login *l)
{
	return l->port;
}

const char *login_iss(const struct login *l)
{
	return l->issuer;
}

struct span login_jwks(const struct login *l)
{
	(void)l;
	return SPAN("{}");
}

void auth_add_local_keys(struct auth *a, const char *issuer, struct span jwks)
{
	(void)a;
	(void)issuer;
	(void)jwks;
	n_keys++;
}

/* service.c asks; without it the linker would bring in the real auth. */
bool cognito_handles(const struct http_request *r)
{
	(void)r;
	return false;
}

int login_issue_tokens(struct login *l, const char *email, const char *client_id, const char *scope,
	const char *audience, struct buf *out, struct err *err)
{
	(void)client_id;
	(void)scope;
	(void)audience;
	(void)err;
	buf_addf(out, "%s of %s", email, l->issuer);
	return 0;
}

void login_close(struct login *l, unsigned grace_ms, void (*done)(void *ctx), void *ctx)
{
	(void)grace_ms;
	l->closed = true;
	done(ctx);
}

/* --- the rig --------------------------------------------------------------------------------- */

#define AUTH0 "https://myorg.us.auth0.com"
#define OKTA "https://okta.example.com"

static const char *clients[] = { "client-a", "client-b", "client-a" };
static struct model_oidc_provider auth0 = { .url = AUTH0, .client_ids = { clients, 3 } };
static const char *audience_one[] = { "api-1", "client-a" }, *audience_two[] = { "api-1", "api-2" };
/* As the JWT authorizer of an app with that provider is usually written: with a slash. */
static struct model_authorizer authorizers[] = {
	{ .type = MODEL_AUTH_JWT, .issuer = AUTH0 "/", .audience = { audience_one, 2 } },
	{ .type = MODEL_AUTH_CUSTOM },
	{ .type = MODEL_AUTH_JWT, .issuer = AUTH0, .audience = { audience_two, 2 } },
	{ .type = MODEL_AUTH_JWT, .issuer = OKTA, .audience = { audience_two, 1 } },
};

struct rig {
	uv_loop_t loop;
	struct emulator_config emulator;
	struct logins *logins;
	struct model_api api;
	struct model model; /* Auth0 only, until a test says more */
	unsigned next_port;
	bool closed;
};

static unsigned take_port(void *ctx)
{
	return ((struct rig *)ctx)->next_port++;
}

static void on_closed(void *ctx)
{
	((struct rig *)ctx)->closed = true;
}

static int setup(void **state)
{
	struct rig *rig = xalloc(sizeof *rig);
	assert_int_equal(uv_loop_init(&rig->loop), 0);
	n_opened = n_destroyed = n_keys = 0;
	create_fails = port_is_busy = false;
	rig->emulator = (struct emulator_config){
		.loop = &rig->loop, .host = "127.0.0.1", .public_host = "localhost"
	};
	rig->api = (struct model_api){ .authorizers = authorizers, .n_authorizers = 3 };
	rig->model = (struct model){ .oidc = &auth0, .n_oidc = 1, .apis = &rig->api, .n_apis = 1 };
	rig->next_port = 4600;
	rig->logins = logins_create(&(struct logins_config){
		.emulator = &rig->emulator, .app = "app", .take_port = take_port, .ctx = rig });
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	logins_close(rig->logins, on_closed, rig);
	assert_false(rig->closed);
	uv_run(&rig->loop, UV_RUN_DEFAULT);
	assert_true(rig->closed);
	for (size_t i = n_destroyed; i < n_opened; i++) {
		assert_true(opened[i].closed);
	}
	assert_int_equal(uv_loop_close(&rig->loop), 0);
	free(rig);
	return 0;
}

static void open_all(struct rig *rig)
{
	struct err err = ERR_INIT;
	if (logins_open(rig->logins, &rig->model, &err)) {
		fail_msg("%s", err.msg);
	}
}

/* --- tests ----------------------------------------------------------------------------------- */

/* The pool's provider and the authorizers of the same issuer are one login, with or without a slash. */
static void one_issuer_is_one_login(void **state)
{
	struct rig *rig = *state;
	open_all(rig);
	assert_int_equal(n_opened, 1);
	assert_int_equal(n_keys, 1);
	assert_string_equal(opened[0].issuer, AUTH0);
	assert_string_equal(opened[0].app, "app");
	assert_string_equal(opened[0].clients, "client-a;client-b;");
	assert_string_equal(opened[0].audiences, "api-1;client-a;api-2;");
	struct outputs_login list[4];
	assert_int_equal(logins_list(rig->logins, list, COUNT_OF(list)), 1);
	assert_string_equal(list[0].issuer, AUTH0);
	assert_string_equal(list[0].url, "http://localhost:4600");
}

static void a_new_model_opens_what_is_new_and_closes_nothing(void **state)
{
	struct rig *rig = *state;
	open_all(rig);
	rig->api.n_authorizers = 4;
	auth0.client_ids.n = 1;
	open_all(rig);
	auth0.client_ids.n = 3;
	assert_int_equal(n_opened, 2);
	assert_int_equal(opened[0].changes, 2);
	assert_string_equal(opened[0].clients, "client-a;");
	assert_string_equal(opened[1].issuer, OKTA);
	assert_int_equal(opened[1].port, 4601);
	/* Somebody may be in the middle of a login there. */
	rig->model = (struct model){ 0 };
	open_all(rig);
	assert_false(opened[0].closed || opened[1].closed);
	struct outputs_login list[4];
	assert_int_equal(logins_list(rig->logins, list, COUNT_OF(list)), 2);
	assert_int_equal(logins_list(rig->logins, list, 1), 1);
}

static void remote_logins_have_no_stand_in(void **state)
{
	struct rig *rig = *state;
	rig->emulator.remote_login = true;
	open_all(rig);
	assert_int_equal(n_opened, 0);
}

static void what_cannot_be_opened_is_an_error_that_names_it(void **state)
{
	struct rig *rig = *state;
	struct err err = ERR_INIT;
	create_fails = true;
	assert_int_equal(logins_open(rig->logins, &rig->model, &err), -ERR_IO);
	assert_string_equal(err.msg, "login for " AUTH0 ": no key");
	create_fails = false;
	port_is_busy = true;
	err = (struct err)ERR_INIT;
	assert_int_equal(logins_open(rig->logins, &rig->model, &err), -ERR_IO);
	assert_int_equal(n_destroyed, 1);
	struct outputs_login list[4];
	assert_int_equal(logins_list(rig->logins, list, COUNT_OF(list)), 0);
	/* And the next model tries again. */
	port_is_busy = false;
	open_all(rig);
	assert_int_equal(logins_list(rig->logins, list, COUNT_OF(list)), 1);
}

static void expect_tokens(struct rig *rig, const char *issuer, enum err_code code, const char *says)
{
	struct buf out = BUF_INIT(1024);
	struct err err = ERR_INIT;
	assert_int_equal(logins_issue_tokens(rig->logins, issuer, "a@example.com", NULL, NULL, NULL,
				 &out, &err),
		-(int)code);
	assert_string_equal(code ? err.msg : buf_cstr(&out), says);
	buf_fini(&out);
}

static void tokens_of_the_provider_that_is_meant(void **state)
{
	struct rig *rig = *state;
	expect_tokens(rig, "", ERR_NOT_FOUND, "the app declares no login provider");
	open_all(rig);
	expect_tokens(rig, "", ERR_NONE, "a@example.com of " AUTH0);
	expect_tokens(rig, OKTA, ERR_NOT_FOUND,
		"the app has no login provider '" OKTA "': it has " AUTH0);
	rig->api.n_authorizers = 4;
	open_all(rig);
	expect_tokens(rig, "", ERR_INVALID,
		"the app has several login providers: name one with --provider (" AUTH0 ", " OKTA
		")");
	expect_tokens(rig, OKTA, ERR_NONE, "a@example.com of " OKTA);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_issuer_is_one_login),
		TEST(a_new_model_opens_what_is_new_and_closes_nothing),
		TEST(remote_logins_have_no_stand_in),
		TEST(what_cannot_be_opened_is_an_error_that_names_it),
		TEST(tokens_of_the_provider_that_is_meant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
