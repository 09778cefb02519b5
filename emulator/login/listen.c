/* The listener of a login provider. */
#include "emulator/login/visit.h"
#include "proxy/base/alloc.h"

static void on_request(void *ctx, struct http_exchange *x)
{
	login_request(ctx, x);
}

int login_listen(struct login *l, const char *host, unsigned port, struct err *err)
{
	ENSURE(!l->server);
	struct http_server_config config = {
		.ctx = l,
		.on_request = on_request,
		.max_body = 1 << 16,
		.send_date = true,
	};
	struct err local = ERR_INIT;
	l->server = http_server_open(l->config.loop, host, port, &config, &local);
	if (!l->server) {
		err_set(err, local.code, "%s", local.msg);
		return err_wrap(err, "login provider '%s'", l->config.issuer);
	}
	return 0;
}

unsigned login_port(const struct login *l)
{
	return http_server_port(l->server);
}

static void on_closed(void *ctx)
{
	struct login *l = ctx;
	void (*done)(void *) = l->closed;
	void *done_ctx = l->closed_ctx;
	login_destroy(l);
	if (done) {
		done(done_ctx);
	}
}

void login_close(struct login *l, unsigned grace_ms, void (*done)(void *ctx), void *ctx)
{
	l->closed = done;
	l->closed_ctx = ctx;
	http_server_close(TAKE(l->server), grace_ms, on_closed, l);
}
