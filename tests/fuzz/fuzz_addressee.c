/* addressee: a request of the service port that one of two apps shall get. Four parts, each but the last
 * ended by a newline: target, Authorization, X-Amz-Target (empty = no header), body. Whatever comes, it is
 * one of the two, or nobody's because our own commands named a third. */
#include "fake_exchange.h"

#include "emulator/addressee.h"
#include "proxy/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *resolve(void *ctx, const char *kind, const char *key)
{
	(void)ctx;
	(void)kind;
	(void)key;
	return "http://localhost";
}

static const char TEMPLATE[] =
	"[{\"name\":\"S\",\"template\":{\"Resources\":{"
	"\"Role\":{\"Type\":\"AWS::IAM::Role\",\"Properties\":{\"RoleName\":\"given\","
	"\"AssumeRolePolicyDocument\":{\"Statement\":[]}}},"
	"\"Pool\":{\"Type\":\"AWS::Cognito::IdentityPool\",\"Properties\":{"
	"\"AllowUnauthenticatedIdentities\":true}},"
	"\"F\":{\"Type\":\"AWS::Lambda::Function\",\"Properties\":{\"FunctionName\":\"both\","
	"\"Runtime\":\"nodejs20.x\",\"Handler\":\"both.handler\"}}}}}]";

static struct model *build(const char *stage, const char *region)
{
	struct err err = ERR_INIT;
	AUTO_JSON cJSON *stacks = json_parse(span_of(TEMPLATE), &err);
	const struct model_input in = { .app = "app",
		.stage = stage,
		.region = region,
		.account = "123456789012",
		.stacks = stacks,
		.resolve = resolve };
	struct model *m = model_build(&in, &err);
	ENSURE(m);
	return m;
}

static struct model *models[2];

static const struct model *at(void *ctx, size_t i)
{
	(void)ctx;
	return i < COUNT_OF(models) ? models[i] : NULL;
}

static struct store *open_once(void)
{
	static struct store *store;
	if (!store) {
		struct err err = ERR_INIT;
		models[0] = build("dev", "us-east-1");
		models[1] = build("prod", "eu-central-1");
		store = store_open(NULL, &clock_system, &err);
		ENSURE(store);
	}
	return store;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store *store = open_once();
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	/* Parts may hold NULs: only the target cannot. */
	struct span rest = span_n(text, size);
	struct span target = span_cut(&rest, '\n'), signature = span_cut(&rest, '\n');
	struct span operation = span_cut(&rest, '\n');
	AUTO_FREE char *path = xstrndup(target.ptr, target.len);
	struct http_exchange *x = fake_exchange("POST", path, "");
	x->request.body = rest;
	const struct http_header headers[] = { { SPAN("Authorization"), signature },
		{ SPAN("X-Amz-Target"), operation } };
	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		if (headers[i].value.len) {
			x->headers[x->request.n_headers++] = headers[i];
		}
	}
	struct addressee a;
	const struct model *other;
	const struct apps apps = { .at = at };
	addressee_read(&a, &x->request, store);
	const struct model *m = addressee_choose(&a, &apps, x->request.arena, &other);
	ENSURE(m == models[0] || m == models[1] || (!m && a.app && a.stage));
	ENSURE(!other || (a.function && m && other != m));
	fake_exchange_free(x);
	return 0;
}
