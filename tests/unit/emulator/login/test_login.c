/* The login provider's endpoints over fake exchanges: the whole flow, and every way to be refused. */
#include "fake_exchange.h"

#include "emulator/login/login.h"
#include "proxy/base/digest.h"
#include "proxy/base/encode.h"
#include "proxy/base/json.h"

#define ISSUER "https://myorg.us.auth0.com"
#define CLIENT "UsGRQJJz5sDfPQDs6bhQ9Oc3hNISuVif"
#define CALLBACK "http%3A%2F%2Flocalhost%3A3000%2Fcb"
#define HOST "localhost:4512"
#define AUTHORIZE                                                                   \
	"/authorize?response_type=code&client_id=" CLIENT "&redirect_uri=" CALLBACK \
	"&scope=openid%20profile%20email%20offline_access&state=s%2B1"
/* RFC 7636 appendix B */
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static int64_t now;

static int64_t fake_now(void *ctx)
{
	(void)ctx;
	return now;
}

static uint64_t fake_mono(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct clock fake = { fake_now, fake_mono, NULL };

struct fixture {
	struct store *store;
	struct login *login;
	struct http_exchange *x;
	cJSON *json;
	char jar[4][200]; /* name=value of each cookie that was set */
	size_t n_jar;
	char event[512];
};

/* The strings in one; the caller frees it. */
#define JOIN(...) join((const char *const[]){ __VA_ARGS__, NULL })

static char *join(const char *const *parts)
{
	struct buf text = BUF_INIT(1 << 16);
	for (; *parts; parts++) {
		buf_add_str(&text, *parts);
	}
	char *joined = xstrdup(buf_cstr(&text));
	buf_fini(&text);
	return joined;
}

/* One store for all tests: keys are slow to make. */
static struct store *shared;

static void on_event(void *ctx, const struct login_event *event)
{
	struct fixture *f = ctx;
	snprintf(f->event, sizeof f->event, "%d %s %s", (int)event->kind, event->user,
		event->detail);
}

static int setup(void **state)
{
	struct fixture *f = xalloc(sizeof *f);
	struct err err = ERR_INIT;
	now = INT64_C(1725232094000);
	if (!shared) {
		shared = store_open(NULL, &fake, &err);
		assert_non_null(shared);
	}
	f->store = shared;
	static const char *const clients[] = { CLIENT, "other" };
	static const char *const audiences[] = { "https://api" };
	static const char *const callbacks[] = { "https://app.example.com/cb",
		"https://"
		"*.preview.example.com/cb" };
	struct login_config config = { .clock = &fake,
		.store = f->store,
		.issuer = ISSUER,
		.allow_callbacks = callbacks,
		.n_allow_callbacks = 2,
		.on_event = on_event,
		.ctx = f };
	struct login_app app = { .name = "Demo <app>",
		.client_ids = clients,
		.n_client_ids = 2,
		.audiences = audiences,
		.n_audiences = 1 };
	f->login = login_create(&config, &app, &err);
	assert_non_null(f->login);
	*state = f;
	return 0;
}

static void forget(struct fixture *f)
{
	cJSON_Delete(f->json);
	f->json = NULL;
	if (f->x) {
		fake_exchange_free(f->x);
	}
	f->x = NULL;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	forget(f);
	login_destroy(f->login);
	free(f);
	return 0;
}

static int close_shared(void **state)
{
	(void)state;
	store_close(shared);
	return 0;
}

/* Keeps the answer's cookies as a browser would. */
static void keep_cookies(struct fixture *f)
{
	const char *at = buf_cstr(&f->x->head);
	while ((at = strstr(at, "Set-Cookie: "))) {
		at += 12;
		size_t n = strcspn(at, ";");
		size_t name = strcspn(at, "=");
		size_t i = 0;
		while (i < f->n_jar && strncmp(f->jar[i], at, name + 1) != 0) {
			i++;
		}
		assert_true(i < COUNT_OF(f->jar));
		f->n_jar = i == f->n_jar ? i + 1 : f->n_jar;
		snprintf(f->jar[i], sizeof f->jar[i], "%.*s", (int)n, at);
	}
}

static void prepare(struct fixture *f, const char *method, const char *target, const char *body)
{
	forget(f);
	f->x = fake_exchange(method, target, body);
	fake_header(f->x, "Host", HOST);
	if (f->n_jar) {
		struct buf cookies = BUF_INIT(2048);
		for (size_t i = 0; i < f->n_jar; i++) {
			buf_addf(&cookies, "%s%s", i ? "; " : "", f->jar[i]);
		}
		fake_header(f->x, "Cookie", buf_cstr(&cookies));
		buf_fini(&cookies);
	}
	if (*body) {
		fake_header(f->x, "Content-Type",
			*body == '{' ? "application/json" : "application/x-www-form-urlencoded");
	}
}

static void finish(struct fixture *f)
{
	login_request(f->login, f->x);
	assert_int_not_equal(f->x->status, 0);
	keep_cookies(f);
	if (strstr(buf_cstr(&f->x->head), "application/json")) {
		f->json = json_parse(buf_span(&f->x->body), NULL);
		assert_non_null(f->json);
	}
}

static void get(struct fixture *f, const char *target)
{
	prepare(f, "GET", target, "");
	finish(f);
}

static void post(struct fixture *f, const char *target, const char *body)
{
	prepare(f, "POST", target, body);
	finish(f);
}

static void token(struct fixture *f, const char *body)
{
	post(f, "/oauth/token", body);
}

static char *parameter(const char *location, const char *name)
{
	AUTO_FREE char *start = JOIN(name, "=");
	const char *at = strstr(location, start);
	assert_non_null(at);
	at += strlen(start);
	return xstrndup(at, strcspn(at, "&#"));
}

/* From /authorize through the page to the callback's address. */
static void log_in(struct fixture *f, const char *authorize, const char *email)
{
	get(f, authorize);
	assert_int_equal(f->x->status, 302);
	AUTO_FREE char *state = parameter(fake_value(f->x, "Location"), "state");
	AUTO_FREE char *page = JOIN("/u/login?state=", state);
	assert_string_equal(fake_value(f->x, "Location"), page);
	get(f, page);
	assert_int_equal(f->x->status, 200);
	AUTO_FREE char *form = JOIN("state=", state, "&username=", email, "&password=");
	post(f, "/u/login", form);
	assert_int_equal(f->x->status, 302);
	AUTO_FREE char *resume = JOIN("/authorize/resume?state=", state);
	assert_string_equal(fake_value(f->x, "Location"), resume);
	get(f, resume);
}

static char *code_of(struct fixture *f, const char *extra)
{
	AUTO_FREE char *target = JOIN(AUTHORIZE, extra);
	log_in(f, target, "jane.doe%40example.com");
	assert_int_equal(f->x->status, 302);
	return parameter(fake_value(f->x, "Location"), "code");
}

static void expect_error(struct fixture *f, int status, const char *error, const char *description)
{
	assert_int_equal(f->x->status, status);
	assert_string_equal(json_str(f->json, "error"), error);
	assert_string_equal(json_str(f->json, "error_description"), description);
	assert_true(fake_has_header(f->x, "Cache-Control: no-store"));
}

/* The payload, read without a check of the signature (the integration test does that). */
static cJSON *claims_of(const char *jwt)
{
	struct span rest = span_of(jwt);
	span_cut(&rest, '.');
	struct buf text = BUF_INIT(1 << 16);
	assert_true(base64url_decode(&text, span_cut(&rest, '.')));
	cJSON *claims = json_parse(buf_span(&text), NULL);
	buf_fini(&text);
	assert_non_null(claims);
	return claims;
}

#define PASSWORD "grant_type=password&client_id=" CLIENT "&username=joe%40example.com&password=x"

/* --- tests ---------------------------------------------------------------------------------- */

static void discovery_names_the_issuer_and_the_local_address(void **state)
{
	struct fixture *f = *state;
	get(f, "/.well-known/openid-configuration");
	assert_string_equal(json_str(f->json, "issuer"), ISSUER "/");
	assert_string_equal(json_str(f->json, "token_endpoint"), "http://" HOST "/oauth/token");
	assert_true(fake_has_header(f->x, "Access-Control-Allow-Origin: *"));
	get(f, "/.well-known/jwks.json");
	const cJSON *keys = json_array(f->json, "keys");
	assert_int_equal(cJSON_GetArraySize(keys), 2);
	assert_string_equal(json_str(keys->child, "alg"), "RS256");
	assert_int_equal(strlen(json_str(keys->child, "kid")), 21);
}

static void the_code_flow_gives_auth0s_tokens(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *code = code_of(f, "&nonce=n1");
	assert_memory_equal(fake_value(f->x, "Location"), "http://localhost:3000/cb?code=", 30);
	assert_non_null(strstr(fake_value(f->x, "Location"), "&state=s%2B1"));
	AUTO_FREE char *body = JOIN("grant_type=authorization_code&client_id=" CLIENT
				    "&redirect_uri=" CALLBACK "&code=",
		code);
	token(f, body);
	assert_int_equal(f->x->status, 200);
	assert_true(json_num(f->json, "expires_in", 0) == 86400);
	assert_string_equal(json_str(f->json, "token_type"), "Bearer");
	assert_string_equal(json_str(f->json, "scope"), "openid profile email offline_access");
	assert_memory_equal(json_str(f->json, "refresh_token"), "v1.M", 4);
	assert_int_equal(strlen(json_str(f->json, "access_token")), 32);
	cJSON *claims = claims_of(json_str(f->json, "id_token"));
	static const char *const order[] = { "nickname", "name", "picture", "updated_at", "email",
		"email_verified", "iss", "aud", "iat", "exp", "sub", "sid", "nonce" };
	size_t i = 0;
	JSON_FOR (item, claims) {
		assert_true(i < COUNT_OF(order));
		assert_string_equal(item->string, order[i++]);
	}
	assert_int_equal(i, COUNT_OF(order));
	assert_string_equal(json_str(claims, "iss"), ISSUER "/");
	assert_string_equal(json_str(claims, "aud"), CLIENT);
	assert_string_equal(json_str(claims, "nickname"), "jane.doe");
	assert_string_equal(json_str(claims, "email"), "jane.doe@example.com");
	assert_string_equal(json_str(claims, "updated_at"), "2024-09-01T23:08:14.000Z");
	assert_true(json_num(claims, "iat", 0) == 1725232094);
	assert_true(json_num(claims, "exp", 0) == 1725268094);
	assert_memory_equal(json_str(claims, "sub"), "auth0|", 6);
	cJSON_Delete(claims);
}

static void a_code_is_used_once_and_its_replay_revokes(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *code = code_of(f, "");
	AUTO_FREE char *body = JOIN("grant_type=authorization_code&client_id=" CLIENT
				    "&redirect_uri=" CALLBACK "&code=",
		code);
	token(f, body);
	assert_int_equal(f->x->status, 200);
	AUTO_FREE char *access = JOIN("Bearer ", json_str(f->json, "access_token"));
	AUTO_FREE char *refresh =
		JOIN("grant_type=refresh_token&client_id=" CLIENT "&refresh_token=",
			json_str(f->json, "refresh_token"));
	token(f, refresh);
	assert_int_equal(f->x->status, 200);
	prepare(f, "GET", "/userinfo", "");
	fake_header(f->x, "Authorization", access);
	finish(f);
	assert_int_equal(f->x->status, 200);
	token(f, body);
	expect_error(f, 403, "invalid_grant", "Invalid authorization code");
	token(f, refresh);
	expect_error(f, 403, "invalid_grant", "Unknown or invalid refresh token.");
	prepare(f, "GET", "/userinfo", "");
	fake_header(f->x, "Authorization", access);
	finish(f);
	assert_int_equal(f->x->status, 401);
}

static void a_code_is_bound_to_client_callback_verifier_and_time(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *code =
		code_of(f, "&code_challenge=" CHALLENGE "&code_challenge_method=S256");
	AUTO_FREE char *start = JOIN("grant_type=authorization_code&code=", code);
	AUTO_FREE char *other =
		JOIN(start, "&client_id=other&redirect_uri=" CALLBACK "&code_verifier=" VERIFIER);
	token(f, other);
	expect_error(f, 403, "invalid_grant", "Invalid authorization code");
	AUTO_FREE char *elsewhere = JOIN(start,
		"&client_id=" CLIENT
		"&redirect_uri=http%3A%2F%2Flocalhost%3A3000%2F&code_verifier=" VERIFIER);
	token(f, elsewhere);
	expect_error(f, 403, "invalid_grant", "Invalid authorization code");
	AUTO_FREE char *unverified = JOIN(start, "&client_id=" CLIENT "&redirect_uri=" CALLBACK);
	token(f, unverified);
	expect_error(f, 403, "invalid_grant", "Failed to verify code verifier");
	AUTO_FREE char *good = JOIN(unverified, "&code_verifier=" VERIFIER);
	now += 600000;
	token(f, good);
	expect_error(f, 403, "invalid_grant", "Invalid authorization code");
	now -= 1;
	token(f, good);
	assert_int_equal(f->x->status, 200);
}

static void a_verifier_for_a_code_without_challenge_is_refused(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *code = code_of(f, "");
	AUTO_FREE char *body = JOIN("grant_type=authorization_code&client_id=" CLIENT
				    "&redirect_uri=" CALLBACK "&code=",
		code, "&code_verifier=" VERIFIER);
	token(f, body);
	expect_error(f, 403, "invalid_grant", "Failed to verify code verifier");
}

static void the_session_answers_the_next_time(void **state)
{
	struct fixture *f = *state;
	get(f, AUTHORIZE "&prompt=none");
	assert_non_null(strstr(fake_value(f->x, "Location"),
		"?error=login_required&error_description=Login%20required&state=s%2B1"));
	AUTO_FREE char *code = code_of(f, "");
	get(f, AUTHORIZE "&prompt=none");
	AUTO_FREE char *silent = parameter(fake_value(f->x, "Location"), "code");
	assert_string_not_equal(code, silent);
	get(f, AUTHORIZE "&prompt=login");
	assert_memory_equal(fake_value(f->x, "Location"), "/u/login?state=", 15);
	now += 61000;
	get(f, AUTHORIZE "&prompt=none&max_age=60");
	assert_non_null(strstr(fake_value(f->x, "Location"), "error=login_required"));
	get(f, "/v2/logout?client_id=" CLIENT "&returnTo=http%3A%2F%2Flocalhost%3A3000");
	assert_string_equal(fake_value(f->x, "Location"), "http://localhost:3000");
	get(f, AUTHORIZE "&prompt=none");
	assert_non_null(strstr(fake_value(f->x, "Location"), "error=login_required"));
}

static void strangers_are_never_redirected_to(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "https%3A%2F%2Fevil.example%2Fcb",
		"http%3A%2F%2Flocalhost%40evil.example%2Fcb", "http%3A%2F%2Flocalhost.evil.example",
		"http%3A%2F%2F127.0.0.1.evil.example", "http%3A%2F%2Flocalhost%3A80%40evil.example",
		"http%3A%2F%2Flocalhost%5C.evil.example", "http%3A%2F%2Flocalhost%2F%23x",
		"javascript%3Aalert(1)", "https%3A%2F%2Fapp.example.com%2Fcb%2F",
		"https%3A%2F%2Fa.b.preview.example.com%2Fcb", "http%3A%2F%2Flocalhost%0d%0aX%3A1",
		"%2F%2Fevil.example", "http%3A%2F%2F%2Fevil.example" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO_FREE char *target = JOIN(
			"/authorize?response_type=code&client_id=" CLIENT "&redirect_uri=", bad[i]);
		get(f, target);
		assert_int_equal(f->x->status, 403);
		assert_string_equal(fake_value(f->x, "Location"), "");
		assert_non_null(strstr(buf_cstr(&f->x->body), "Callback URL mismatch."));
		AUTO_FREE char *out = JOIN("/v2/logout?returnTo=", bad[i]);
		get(f, out);
		assert_int_equal(f->x->status, 400);
		assert_string_equal(fake_value(f->x, "Location"), "");
	}
	get(f, "/authorize?response_type=code&client_id=stranger&redirect_uri=" CALLBACK);
	assert_int_equal(f->x->status, 403);
	static const char *const good[] = { "http%3A%2F%2F127.0.0.1%3A5173",
		"http%3A%2F%2F%5B%3A%3A1%5D%3A3000%2F", "https%3A%2F%2Fapp.example.com%2Fcb",
		"https%3A%2F%2Fpr-1.preview.example.com%2Fcb" };
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		AUTO_FREE char *target =
			JOIN("/authorize?response_type=code&client_id=" CLIENT "&redirect_uri=",
				good[i]);
		get(f, target);
		assert_int_equal(f->x->status, 302);
	}
}

static void a_request_that_is_wrong_comes_back_as_an_error(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *extra, *answer;
	} cases[] = {
		{ "&response_type=nonsense", "?error=unsupported_response_type" },
		{ "", "?error=invalid_request&error_description=Missing%20required%20parameter%3A%"
		      "20"
		      "response_type" },
		{ "&response_type=code&audience=https%3A%2F%2Fnone",
			"?error=access_denied&error_description=Service%20not%20found%3A%20https%"
			"3A%2F"
			"%2Fnone" },
		{ "&response_type=code&code_challenge_method=S256", "?error=invalid_request" },
		{ "&response_type=code&code_challenge=short", "?error=invalid_request" },
		{ "&response_type=id_token", "#error=invalid_request" },
		{ "&response_type=code&response_mode=pigeon", "?error=invalid_request" },
		{ "&response_type=token&response_mode=query", "#error=invalid_request" },
		{ "&response_type=code&prompt=none%20login", "?error=invalid_request" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO_FREE char *target =
			JOIN("/authorize?client_id=" CLIENT "&redirect_uri=" CALLBACK "&state=x",
				cases[i].extra);
		get(f, target);
		assert_int_equal(f->x->status, 302);
		assert_non_null(strstr(fake_value(f->x, "Location"), cases[i].answer));
		assert_non_null(strstr(fake_value(f->x, "Location"), "&state=x"));
	}
	get(f, AUTHORIZE "&client_id=other");
	assert_int_equal(f->x->status, 400);
	get(f, AUTHORIZE "&x=%zz");
	assert_int_equal(f->x->status, 400);
}

static void other_response_modes(void **state)
{
	struct fixture *f = *state;
	log_in(f, AUTHORIZE "&response_mode=form_post", "jane%40example.com");
	assert_int_equal(f->x->status, 200);
	assert_non_null(strstr(buf_cstr(&f->x->body), "action=\"http://localhost:3000/cb\""));
	assert_non_null(strstr(buf_cstr(&f->x->body), "name=\"state\" value=\"s+1\""));
	get(f, "/authorize?response_type=code&client_id=" CLIENT "&redirect_uri=" CALLBACK
	       "&response_mode=web_message&prompt=none&state=%3C%2Fscript%3E");
	assert_int_equal(f->x->status, 200);
	assert_string_equal(fake_value(f->x, "X-Frame-Options"), "");
	assert_null(strstr(fake_value(f->x, "Content-Security-Policy"), "frame-ancestors"));
	assert_non_null(strstr(buf_cstr(&f->x->body), "\"state\":\"\\u003c/script>\""));
	assert_non_null(strstr(buf_cstr(&f->x->body), "\"http://localhost:3000\")</script>"));
	get(f, "/authorize?response_type=token%20id_token&nonce=n&client_id=" CLIENT
	       "&redirect_uri=" CALLBACK "&scope=openid&state=x");
	const char *location = fake_value(f->x, "Location");
	assert_memory_equal(location, "http://localhost:3000/cb#access_token=", 38);
	AUTO_FREE char *id = parameter(location, "id_token");
	cJSON *claims = claims_of(id);
	assert_non_null(json_str(claims, "at_hash"));
	assert_string_equal(json_str(claims, "nonce"), "n");
	cJSON_Delete(claims);
}

static void the_page_is_shown_only_to_the_browser_that_asked(void **state)
{
	struct fixture *f = *state;
	get(f, AUTHORIZE);
	AUTO_FREE char *login_state = parameter(fake_value(f->x, "Location"), "state");
	AUTO_FREE char *page = JOIN("/u/login?state=", login_state);
	AUTO_FREE char *form = JOIN("state=", login_state, "&username=jane%40example.com");
	AUTO_FREE char *bad = JOIN("state=", login_state, "&username=%22%3E%3Cscript%3E");
	post(f, "/u/login", bad);
	assert_int_equal(f->x->status, 400);
	assert_non_null(strstr(buf_cstr(&f->x->body), "Enter an e-mail address"));
	assert_non_null(strstr(buf_cstr(&f->x->body), "value=\"&quot;&gt;&lt;script&gt;\""));
	assert_non_null(strstr(buf_cstr(&f->x->body), "Demo &lt;app&gt;"));
	prepare(f, "POST", "/u/login", form);
	fake_header(f->x, "Origin", "https://evil.example");
	finish(f);
	assert_int_equal(f->x->status, 400);
	size_t jar = f->n_jar;
	f->n_jar = 0;
	get(f, page);
	assert_int_equal(f->x->status, 400);
	post(f, "/u/login", form);
	assert_int_equal(f->x->status, 400);
	f->n_jar = jar;
	prepare(f, "POST", "/u/login", form);
	fake_header(f->x, "Origin", "http://" HOST);
	finish(f);
	assert_int_equal(f->x->status, 302);
	AUTO_FREE char *resume = JOIN("/authorize/resume?state=", login_state);
	f->n_jar = 0;
	get(f, resume);
	assert_int_equal(f->x->status, 400);
	f->n_jar = jar;
	get(f, resume);
	assert_int_equal(f->x->status, 302);
	get(f, resume);
	assert_int_equal(f->x->status, 400);
}

static void known_users_are_offered(void **state)
{
	struct fixture *f = *state;
	token(f, PASSWORD);
	get(f, AUTHORIZE "&login_hint=new%40example.com");
	AUTO_FREE char *page = xstrdup(fake_value(f->x, "Location"));
	get(f, page);
	assert_non_null(
		strstr(buf_cstr(&f->x->body), "name=\"username\" value=\"joe@example.com\""));
	assert_non_null(strstr(buf_cstr(&f->x->body), "value=\"new@example.com\""));
	assert_non_null(strstr(fake_value(f->x, "Content-Security-Policy"),
		"form-action 'self' http://localhost:3000"));
	assert_true(fake_has_header(f->x, "X-Frame-Options: DENY"));
}

static void password_grants_take_any_password_but_none(void **state)
{
	struct fixture *f = *state;
	token(f, PASSWORD "&scope=openid");
	assert_int_equal(f->x->status, 200);
	cJSON *claims = claims_of(json_str(f->json, "id_token"));
	assert_null(json_str(claims, "email"));
	cJSON_Delete(claims);
	token(f, "{\"grant_type\":\"http://auth0.com/oauth/grant-type/password-realm\","
		 "\"realm\":\"db\",\"client_id\":\"" CLIENT "\",\"username\":\"joe@example.com\","
		 "\"password\":\"x\"}");
	assert_int_equal(f->x->status, 200);
	assert_string_equal(json_str(f->json, "scope"), "openid profile email");
	token(f, "grant_type=password&client_id=" CLIENT "&username=joe&password=x");
	expect_error(f, 403, "invalid_grant", "Wrong email or password.");
	token(f, "grant_type=password&client_id=" CLIENT "&username=joe%40example.com&password=");
	expect_error(f, 403, "invalid_grant", "Wrong email or password.");
	token(f, "grant_type=password&client_id=" CLIENT "&username=joe%40example.com");
	expect_error(f, 400, "invalid_request", "Missing required parameter: password");
}

static void an_audience_makes_the_access_token_a_jwt(void **state)
{
	struct fixture *f = *state;
	token(f, PASSWORD "&audience=https%3A%2F%2Fapi&scope=openid");
	AUTO_FREE char *bearer = JOIN("Bearer ", json_str(f->json, "access_token"));
	cJSON *claims = claims_of(json_str(f->json, "access_token"));
	AUTO_FREE char *aud = cJSON_PrintUnformatted(json_get(claims, "aud"));
	assert_string_equal(aud, "[\"https://api\",\"" ISSUER "/userinfo\"]");
	assert_string_equal(json_str(claims, "azp"), CLIENT);
	assert_string_equal(json_str(claims, "scope"), "openid");
	assert_string_equal(json_str(claims, "gty"), "password");
	cJSON_Delete(claims);
	prepare(f, "GET", "/userinfo", "");
	fake_header(f->x, "Authorization", bearer);
	finish(f);
	assert_int_equal(f->x->status, 200);
	token(f, PASSWORD "&audience=https%3A%2F%2Fnone");
	expect_error(f, 403, "access_denied", "Service not enabled within domain: https://none");
	token(f, "grant_type=client_credentials&client_id=" CLIENT
		 "&client_secret=s&audience=https%3A%2F%2Fapi");
	claims = claims_of(json_str(f->json, "access_token"));
	assert_string_equal(json_str(claims, "sub"), CLIENT "@clients");
	assert_string_equal(json_str(claims, "aud"), "https://api");
	cJSON_Delete(claims);
	assert_null(json_str(f->json, "id_token"));
	token(f, "grant_type=client_credentials&client_id=" CLIENT "&audience=https%3A%2F%2Fapi");
	expect_error(f, 401, "access_denied", "Unauthorized");
}

static void refresh_keeps_to_what_was_granted(void **state)
{
	struct fixture *f = *state;
	token(f, PASSWORD "&scope=openid%20offline_access");
	AUTO_FREE char *body = JOIN("grant_type=refresh_token&client_id=" CLIENT "&refresh_token=",
		json_str(f->json, "refresh_token"));
	AUTO_FREE char *revoke =
		JOIN("client_id=" CLIENT "&token=", json_str(f->json, "refresh_token"));
	token(f, body);
	assert_int_equal(f->x->status, 200);
	assert_null(json_str(f->json, "refresh_token"));
	assert_non_null(json_str(f->json, "id_token"));
	AUTO_FREE char *more = JOIN(body, "&scope=openid%20email");
	token(f, more);
	assert_string_equal(json_str(f->json, "error"), "invalid_scope");
	post(f, "/oauth/revoke", "client_id=other&token=whatever");
	assert_int_equal(f->x->status, 200);
	token(f, body);
	assert_int_equal(f->x->status, 200);
	post(f, "/oauth/revoke", revoke);
	assert_int_equal(f->x->status, 200);
	assert_int_equal(f->x->body.len, 0);
	token(f, body);
	expect_error(f, 403, "invalid_grant", "Unknown or invalid refresh token.");
}

static void clients_are_checked(void **state)
{
	struct fixture *f = *state;
	token(f, "grant_type=password&username=joe%40example.com&password=x");
	expect_error(f, 400, "invalid_request", "Missing required parameter: client_id");
	token(f, "grant_type=password&client_id=stranger&username=joe%40example.com&password=x");
	expect_error(f, 401, "access_denied", "Unauthorized");
	prepare(f, "POST", "/oauth/token",
		"grant_type=password&username=joe%40example.com&password=x");
	fake_header(f->x, "Authorization", "Basic b3RoZXI6c2VjcmV0"); /* other:secret */
	finish(f);
	assert_int_equal(f->x->status, 200);
	prepare(f, "POST", "/oauth/token", PASSWORD);
	fake_header(f->x, "Authorization", "Basic b3RoZXI6c2VjcmV0");
	finish(f);
	expect_error(f, 401, "access_denied", "Unauthorized");
	token(f, "grant_type=magic&client_id=" CLIENT);
	expect_error(f, 403, "unsupported_grant_type", "Unsupported grant type: magic");
	token(f, "{broken");
	assert_int_equal(f->x->status, 400);
	get(f, "/oauth/token");
	assert_int_equal(f->x->status, 405);
}

static void userinfo_needs_a_token_of_ours(void **state)
{
	struct fixture *f = *state;
	get(f, "/userinfo");
	assert_int_equal(f->x->status, 401);
	assert_string_equal(buf_cstr(&f->x->body), "Unauthorized");
	token(f, PASSWORD "&scope=openid%20email");
	AUTO_FREE char *bearer = JOIN("bearer ", json_str(f->json, "access_token"));
	prepare(f, "GET", "/userinfo", "");
	fake_header(f->x, "Authorization", bearer);
	fake_header(f->x, "Origin", "http://localhost:3000");
	finish(f);
	assert_string_equal(json_str(f->json, "email"), "joe@example.com");
	assert_null(json_str(f->json, "name"));
	assert_true(fake_has_header(f->x, "Access-Control-Allow-Origin: http://localhost:3000"));
	now += 86400001;
	prepare(f, "GET", "/userinfo", "");
	fake_header(f->x, "Authorization", bearer);
	finish(f);
	assert_int_equal(f->x->status, 401);
}

static void only_pages_of_the_app_may_read_tokens(void **state)
{
	struct fixture *f = *state;
	prepare(f, "OPTIONS", "/oauth/token", "");
	fake_header(f->x, "Origin", "http://localhost:3000");
	fake_header(f->x, "Access-Control-Request-Headers", "auth0-client");
	finish(f);
	assert_int_equal(f->x->status, 204);
	assert_true(fake_has_header(f->x, "Access-Control-Allow-Headers: auth0-client"));
	prepare(f, "OPTIONS", "/oauth/token", "");
	fake_header(f->x, "Origin", "https://evil.example");
	finish(f);
	assert_string_equal(fake_value(f->x, "Access-Control-Allow-Origin"), "");
	prepare(f, "POST", "/oauth/token", PASSWORD);
	fake_header(f->x, "Origin", "https://evil.example");
	finish(f);
	assert_string_equal(fake_value(f->x, "Access-Control-Allow-Origin"), "");
	prepare(f, "POST", "/oauth/token", PASSWORD);
	fake_header(f->x, "Origin", "https://app.example.com");
	finish(f);
	assert_true(fake_has_header(f->x, "Access-Control-Allow-Origin: https://app.example.com"));
}

static void other_hosts_are_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "evil.example", "localhost.evil.example",
		"localhost:4512@evil.example", "localhost:x", "", "10.0.0.1" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		forget(f);
		f->x = fake_exchange("GET", "/.well-known/openid-configuration", "");
		fake_header(f->x, "Host", bad[i]);
		login_request(f->login, f->x);
		assert_int_equal(f->x->status, 403);
	}
	static const char *const good[] = { "LOCALHOST:1", "127.0.0.1:4512", "[::1]:4512",
		"localhost" };
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		forget(f);
		f->x = fake_exchange("GET", "/.well-known/openid-configuration", "");
		fake_header(f->x, "Host", good[i]);
		login_request(f->login, f->x);
		assert_int_equal(f->x->status, 200);
	}
}

static void the_command_line_gets_tokens_too(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT(1 << 16);
	assert_int_equal(
		login_issue_tokens(f->login, "jane@example.com", NULL, NULL, NULL, &out, &err), 0);
	cJSON *json = json_parse(buf_span(&out), &err);
	cJSON *claims = claims_of(json_str(json, "id_token"));
	assert_string_equal(json_str(claims, "aud"), CLIENT);
	cJSON_Delete(claims);
	cJSON_Delete(json);
	assert_int_equal(
		login_issue_tokens(f->login, "jane", NULL, NULL, NULL, &out, &err), -ERR_INVALID);
	assert_int_equal(
		login_issue_tokens(f->login, "j@e.com", "x", NULL, NULL, &out, &err), -ERR_INVALID);
	assert_int_equal(
		login_issue_tokens(f->login, "j@e.com", NULL, NULL, "x", &out, &err), -ERR_INVALID);
	buf_fini(&out);
}

static void the_keys_survive_a_restart(void **state)
{
	struct fixture *f = *state;
	struct span before = login_jwks(f->login);
	AUTO_FREE char *kept = xstrndup(before.ptr, before.len);
	struct err err = ERR_INIT;
	struct login_config config = { .clock = &fake, .store = f->store, .issuer = ISSUER };
	struct login_app app = { .name = "" };
	struct login *again = login_create(&config, &app, &err);
	assert_non_null(again);
	assert_true(span_is(login_jwks(again), kept));
	login_destroy(again);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(discovery_names_the_issuer_and_the_local_address),
		T(the_code_flow_gives_auth0s_tokens),
		T(a_code_is_used_once_and_its_replay_revokes),
		T(a_code_is_bound_to_client_callback_verifier_and_time),
		T(a_verifier_for_a_code_without_challenge_is_refused),
		T(the_session_answers_the_next_time),
		T(strangers_are_never_redirected_to),
		T(a_request_that_is_wrong_comes_back_as_an_error),
		T(other_response_modes),
		T(the_page_is_shown_only_to_the_browser_that_asked),
		T(known_users_are_offered),
		T(password_grants_take_any_password_but_none),
		T(an_audience_makes_the_access_token_a_jwt),
		T(refresh_keeps_to_what_was_granted),
		T(clients_are_checked),
		T(userinfo_needs_a_token_of_ours),
		T(only_pages_of_the_app_may_read_tokens),
		T(other_hosts_are_refused),
		T(the_command_line_gets_tokens_too),
		T(the_keys_survive_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, close_shared);
}
