/* offstage serve: the emulator alone, for agents here and on other machines. Beyond loopback its bridge
 * speaks TLS with a certificate of its own making (kept, so that its fingerprint stays), or a given one. */
#include <stdio.h>
#include <stdlib.h>

#include "emulator/emulator.h"
#include "emulator/service.h"
#include "proxy/base/alloc.h"
#include "proxy/base/console.h"
#include "proxy/base/file.h"
#include "proxy/base/json.h"
#include "proxy/bridge/certificate.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/host.h"
#include "runtime/cli/run.h"
#include "runtime/cli/token_file.h"

struct serve {
	const struct options *options;
	char *dir; /* state.db, certificate */
	char *token_path, *token;
	char *cert, *key; /* NULL: loopback only */
	char fingerprint[FINGERPRINT_LEN + 1];
	char public_host[HOST_MAX];
};

static int find_certificate(struct serve *s, struct err *err)
{
	const struct options *o = s->options;
	if (!o->tls_cert && host_is_loopback(o->host)) {
		return 0;
	}
	s->cert = o->tls_cert ? xstrdup(o->tls_cert) : xasprintf("%s/certificate.pem", s->dir);
	s->key = o->tls_key ? xstrdup(o->tls_key) : xasprintf("%s/key.pem", s->dir);
	if (!o->tls_cert && certificate_ensure(s->cert, s->key, err)) {
		return -(int)err->code;
	}
	int rc = certificate_fingerprint(s->cert, s->fingerprint, err);
	return rc ? rc : certificate_check(s->cert, s->key, err);
}

static int prepare(struct serve *s, struct err *err)
{
	AUTO_FREE char *home = state_home(err);
	s->token_path = token_path(s->options, err);
	if (!home || !s->token_path) {
		return -(int)err->code;
	}
	s->dir = xasprintf("%s/serve", home);
	s->token = token_ensure(s->token_path, err);
	if (!s->token || dir_make_private(s->dir, err)) {
		return -(int)err->code;
	}
	host_public(s->options->host, true, s->public_host);
	return find_certificate(s, err);
}

static char *bridge_url(const struct serve *s, const struct emulator *e)
{
	char origin[HOST_MAX + 32];
	unsigned port = s->cert ? emulator_bridge_port(e) : emulator_port(e);
	service_write_url(s->public_host, port, origin, sizeof origin);
	const char *authority = origin + strlen("http://");
	return s->cert ? xasprintf("wss://%s/bridge#sha256=%s", authority, s->fingerprint)
		       : xasprintf("ws://%s/bridge", authority);
}

static void on_listening(void *ctx, const struct emulator *e)
{
	const struct serve *s = ctx;
	AUTO_FREE char *url = bridge_url(s, e);
	struct buf members = BUF_INIT(16384);
	char service[HOST_MAX + 32];
	service_write_url(s->public_host, emulator_port(e), service, sizeof service);
	json_add_member(&members, "service", span_of(service));
	json_add_member(&members, "bridge", span_of(url));
	json_add_member(&members, "tokenFile", span_of(s->token_path));
	console_event("listening", buf_span(&members));
	buf_fini(&members);
	console_line(STYLE_PLAIN, "AWS services: %s\nConsole: %s/console", service, service);
	console_line(STYLE_PLAIN, "Run an app against this emulator, in its folder:\n");
	console_line(STYLE_BOLD, "  offstage connect '%s'%s%s\n", url,
		s->options->token_file ? " --token-file " : "",
		s->options->token_file ? s->options->token_file : "");
	if (s->cert) {
		console_line(STYLE_PLAIN,
			"On another machine: copy the token in %s into the same file there, or "
			"into "
			"OFFSTAGE_TOKEN.",
			s->token_path);
	}
}

int cmd_serve(const struct options *o)
{
	struct serve s = { .options = o };
	struct err err = ERR_INIT;
	int code = EXIT_FAILED;
	if (prepare(&s, &err)) {
		console_problem("%s", err.msg);
	} else {
		code = run_alone(&(struct run){ .options = o,
			.state_dir = s.dir,
			.token = s.token,
			.for_others = true,
			.tls_cert = s.cert,
			.tls_key = s.key,
			.on_listening = on_listening,
			.ctx = &s });
	}
	free(s.dir);
	free(s.token_path);
	free(s.token);
	free(s.cert);
	free(s.key);
	return code;
}
